/**
 * The main process's side of the one channel. Nothing that arrives is believed: the sender must be the console's own page in
 * the top frame, and the message must have the form of a request. Errors are values (see `Answer`).
 */
import { getUntypedClient, TRPCClientError } from '@trpc/client';
import type { IpcMainInvokeEvent, WebContents } from 'electron';
import { z } from 'zod';
import type { DesktopCall, DesktopError, DesktopReply, ErrorShape } from '../engine/contract/index.ts';
import { type Answer, channel, type Notice } from './channel.ts';
import type { EngineHost } from './engine-host.ts';
import { readableShape } from './error-words.ts';
import { isOwnPage } from './page.ts';

const callId = z.number().int().nonnegative();
const request = z.discriminatedUnion('kind', [
	z.object({
		kind: z.literal('call'),
		call: z.object({ id: callId, type: z.enum(['query', 'mutation', 'subscription']), path: z.string().min(1).max(200), input: z.unknown() }),
	}),
	z.object({ kind: z.literal('stop'), id: callId }),
	z.object({ kind: z.literal('save-download'), point: z.string().min(1), paths: z.array(z.string().min(1)).min(1).max(100_000) }),
	z.object({ kind: z.literal('choose-folder') }),
	z.object({ kind: z.literal('connection') }),
]);

export type Dialogs = {
	saveDownload(input: { point: string; paths: string[] }): Promise<{ path: string } | null>;
	chooseFolder(): Promise<string | null>;
};

/** What is used of Electron's `ipcMain`. */
export type IpcDoor = {
	handle(channel: string, listener: (event: IpcMainInvokeEvent, message: unknown) => Promise<Answer>): void;
};

export function serveRenderer({ ipc, host, dialogs }: { ipc: IpcDoor; host: EngineHost; dialogs: Dialogs }): void {
	const subscriptions = new Subscriptions();
	const client = getUntypedClient(host.client);

	const call = async (page: WebContents, { id, type, path, input }: DesktopCall): Promise<DesktopReply> => {
		if (type === 'subscription') {
			const tell = (notice: Notice): void => {
				if (!page.isDestroyed()) page.send(channel, notice);
			};
			const end = (): void => subscriptions.forget(page, id);
			const running = client.subscription(path, input, {
				onData: (data) => tell({ kind: 'message', message: { id, data } }),
				onError: (error) => {
					end();
					tell({ kind: 'message', message: { id, error: desktopError(error) } });
				},
				onComplete: () => {
					end();
					tell({ kind: 'message', message: { id, done: true } });
				},
			});
			subscriptions.keep(page, id, () => running.unsubscribe());
			return { data: null };
		}
		try {
			return { data: type === 'query' ? await client.query(path, input) : await client.mutation(path, input) };
		} catch (error) {
			return { error: desktopError(error) };
		}
	};

	ipc.handle(channel, async (event, message) => {
		if (event.senderFrame?.parent !== null || !isOwnPage(event.senderFrame.url)) return refusal('This page may not talk to the engine.');
		const parsed = request.safeParse(message);
		if (!parsed.success) return refusal('The page sent a message that is not a request.');
		const { data } = parsed;
		try {
			switch (data.kind) {
				case 'call':
					return { value: await call(event.sender, data.call) };
				case 'stop':
					return { value: subscriptions.stop(event.sender, data.id) };
				case 'save-download':
					return { value: await dialogs.saveDownload(data) };
				case 'choose-folder':
					return { value: await dialogs.chooseFolder() };
				case 'connection':
					return { value: host.connection };
			}
		} catch (error) {
			return { failure: readableShape(error) };
		}
	});
}

/** The running subscriptions of each window; they end with the page that asked for them, so a reload leaks nothing. */
class Subscriptions {
	readonly #pages = new Map<WebContents, Map<number, () => void>>();

	keep(page: WebContents, id: number, stop: () => void): void {
		let running = this.#pages.get(page);
		if (!running) {
			running = new Map();
			this.#pages.set(page, running);
			page.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
				if (isMainFrame && !isSameDocument) this.#stopAll(page);
			});
			page.once('destroyed', () => {
				this.#stopAll(page);
				this.#pages.delete(page);
			});
		}
		running.get(id)?.();
		running.set(id, stop);
	}

	forget(page: WebContents, id: number): void {
		this.#pages.get(page)?.delete(id);
	}

	stop(page: WebContents, id: number): void {
		this.#pages.get(page)?.get(id)?.();
		this.forget(page, id);
	}

	#stopAll(page: WebContents): void {
		const running = this.#pages.get(page);
		for (const stop of running?.values() ?? []) stop();
		running?.clear();
	}
}

const refusal = (message: string): Answer => ({ failure: { code: 'auth.refused', message } });

/** The shape that the router's formatter made. A call that never reached the router (connection lost) has none. */
function desktopError(error: unknown): DesktopError {
	if (error instanceof TRPCClientError && error.shape) return error.shape as DesktopError;
	const engine: ErrorShape = {
		code: 'connection.lost',
		message: 'The connection to the backup server was lost.',
		hint: 'Holdfast keeps trying to reach it. Check that it is running.',
	};
	// The number and the words that JSON-RPC has for an internal error.
	return { message: engine.message, code: -32_603, data: { code: 'INTERNAL_SERVER_ERROR', httpStatus: 500, engine } };
}
