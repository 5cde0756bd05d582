/** Runs in the page before its own scripts; `preload` is the text of the preload bundle. Everything it needs is inside: it crosses as source. */
export const pageRuntime = (preload: string, platform: string): string => `(${install.toString()})(${JSON.stringify(preload)}, ${JSON.stringify(platform)});`;

type Listener = (event: unknown, ...values: unknown[]) => void;
type StandInWindow = {
	standInInvoke(channel: string, values: unknown[]): Promise<{ value: unknown } | { error: string }>;
	standInDeliver(channel: string, values: unknown[]): void;
};

function install(preload: string, platform: string): void {
	if (window.top !== window) return;
	const door = window as unknown as StandInWindow;
	const toMain = door.standInInvoke;
	const listeners = new Map<string, Set<Listener>>();
	door.standInDeliver = (channel, values) => {
		for (const listener of [...(listeners.get(channel) ?? [])]) listener({ sender: ipcRenderer }, ...values);
	};

	const ipcRenderer = {
		async invoke(channel: string, ...values: unknown[]): Promise<unknown> {
			const answer = await toMain(channel, structuredClone(values));
			if ('error' in answer) throw new Error(answer.error);
			return answer.value;
		},
		on(channel: string, listener: Listener) {
			listeners.set(channel, (listeners.get(channel) ?? new Set()).add(listener));
			return ipcRenderer;
		},
		removeListener(channel: string, listener: Listener) {
			listeners.get(channel)?.delete(listener);
			return ipcRenderer;
		},
	};

	/** Functions stay callable, plain objects and arrays become frozen copies: what the context bridge lets through. */
	const bridged = (value: unknown): unknown => {
		if (typeof value === 'function') return (...values: unknown[]) => bridged(value(...values));
		if (value instanceof Promise) return value.then(bridged);
		if (Array.isArray(value)) return Object.freeze(value.map(bridged));
		if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
		return Object.freeze(Object.fromEntries(Object.entries(value).map(([name, part]) => [name, bridged(part)])));
	};
	const contextBridge = {
		exposeInMainWorld: (name: string, api: unknown) => Object.defineProperty(window, name, { value: bridged(api), enumerable: true }),
	};

	const require = (id: string): unknown => {
		if (id === 'electron') return { contextBridge, ipcRenderer };
		throw new Error(`module not found: ${id} (a sandboxed preload may only require electron)`);
	};
	const module = { exports: {} };
	new Function('module', 'exports', 'require', 'process', preload)(module, module.exports, require, { platform, sandboxed: true, contextIsolated: true });
}
