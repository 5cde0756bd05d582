import { EventEmitter } from 'node:events';

type Handler = (event: unknown, ...values: unknown[]) => unknown;

class IpcMain extends EventEmitter {
	readonly handlers = new Map<string, Handler>();

	handle(channel: string, handler: Handler): void {
		if (this.handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
		this.handlers.set(channel, handler);
	}

	removeHandler(channel: string): void {
		this.handlers.delete(channel);
	}
}
export const ipcMain = new IpcMain();

/** What a page's `invoke` comes to; the words of its failure are Electron's. */
export async function answerInvoke(event: unknown, channel: string, values: unknown[]): Promise<{ value: unknown } | { error: string }> {
	const handler = ipcMain.handlers.get(channel);
	if (!handler) return { error: `Error invoking remote method '${channel}': Error: No handler registered for '${channel}'` };
	try {
		return { value: crossing(await handler(event, ...values)) };
	} catch (error) {
		return { error: `Error invoking remote method '${channel}': ${String(error)}` };
	}
}

/** A value as it arrives on the other side. Throws DataCloneError as Electron does; refuses what Playwright could not carry. */
export function crossing<T>(value: T): T {
	const clone = structuredClone(value);
	refuseCollections(clone);
	return clone;
}

function refuseCollections(value: unknown): void {
	if (value instanceof Map || value instanceof Set) throw new Error('The stand-in for Electron does not carry Map and Set.');
	if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) for (const part of Object.values(value)) refuseCollections(part);
}
