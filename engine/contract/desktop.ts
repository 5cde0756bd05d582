/**
 * What the desktop's preload script puts into the window as `window.holdfast`, and the messages behind it.
 * Everything that crosses is structured-cloneable; the renderer gets no other door to the main process.
 */

export type DesktopCall = {
	/** Chosen by the renderer, unique among its open calls. */
	readonly id: number;
	readonly type: 'query' | 'mutation' | 'subscription';
	/** Path in the router, e.g. `jobs.list`. */
	readonly path: string;
	readonly input?: unknown;
};

/** A tRPC error as the router's formatter made it, the same as over WebSocket; `data.engine` is the ErrorShape. */
export type DesktopError = { readonly message: string; readonly code: number; readonly data: Readonly<Record<string, unknown>> };

/** The answer to a call. A subscription that has begun answers `{ data: null }`; what it says comes as messages. */
export type DesktopReply = { readonly data: unknown } | { readonly error: DesktopError };

/** What a running subscription says. After `error` or `done` nothing follows for that id. */
export type DesktopMessage =
	| { readonly id: number; readonly data: unknown }
	| { readonly id: number; readonly error: DesktopError }
	| { readonly id: number; readonly done: true };

/** A wish from the application menu or the tray that the page fulfils. */
export const desktopCommands = ['new-job', 'command-palette', 'jobs', 'sessions'] as const;
export type DesktopCommand = (typeof desktopCommands)[number];

/** Where the engine runs: in the desktop's own process, or in a server that already holds the data folder. */
export type DesktopConnection = { readonly kind: 'embedded' } | { readonly kind: 'server'; readonly address: string; readonly connected: boolean };

export interface DesktopBridge {
	/** `process.platform` of the main process. */
	readonly platform: string;
	/** Never rejects for an engine error: that is in the reply. */
	call(message: DesktopCall): Promise<DesktopReply>;
	/** Hears all subscriptions of this window; returns how to stop hearing. */
	listen(callback: (message: DesktopMessage) => void): () => void;
	/** Ends a subscription. Unknown and ended ids are ignored. */
	stop(id: number): void;
	/** Asks where to, then writes the content of a point there. Null: the user thought better of it. Rejects with a readable message. */
	saveDownload(input: { point: string; paths: string[] }): Promise<{ path: string } | null>;
	/** The operating system's folder dialog; null when cancelled. */
	chooseFolder(): Promise<string | null>;
	connection(): Promise<DesktopConnection>;
	onCommand(callback: (command: DesktopCommand) => void): () => void;
}
