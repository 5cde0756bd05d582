/** The desktop as a client of the backup server that holds the data folder: same router, over WebSocket, with the folder's own token. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { WebSocket } from 'ws';
import { type AppRouter, type DesktopConnection, type Download, downloadQuery } from '../engine/contract/index.ts';
import type { EngineHost } from './engine-host.ts';

export async function connectToServer({ address, dataFolder }: { address: string; dataFolder: string }): Promise<EngineHost> {
	const base = new URL(address.includes('://') ? address : `http://${address}`);
	const token = (await readFile(join(dataFolder, 'token'), 'utf8')).trim();
	const headers = { authorization: `Bearer ${token}` };

	// The client's type knows the browser's constructor; headers are what a browser cannot set.
	class AuthorisedWebSocket extends WebSocket {
		constructor(url: string) {
			super(url, { headers });
		}
	}
	const url = new URL('/api', base);
	url.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:';
	const socket = createWSClient({
		url: url.href,
		WebSocket: AuthorisedWebSocket as unknown as typeof globalThis.WebSocket,
		retryDelayMs: (attempt) => Math.min(5000, 250 * 2 ** attempt),
		keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
	});
	let connected = false;
	const listeners = new Set<() => void>();
	socket.connectionState.subscribe({
		next: ({ state }) => {
			if (connected === (state === 'pending')) return;
			connected = state === 'pending';
			for (const listener of listeners) listener();
		},
	});

	return {
		client: createTRPCClient<AppRouter>({ links: [wsLink({ client: socket })] }),
		get connection(): DesktopConnection {
			return { kind: 'server', address: base.origin, connected };
		},
		onConnectionChange: (listener) => {
			listeners.add(listener);
		},
		download: async (input, { signal }) => asDownload(await fetch(new URL(`/download?${downloadQuery(input)}`, base), { headers, signal: signal ?? null })),
		[Symbol.asyncDispose]: () => socket.close(),
	};
}

async function asDownload(response: Response): Promise<Download> {
	if (!response.ok || !response.body) throw await downloadError(response);
	const length = response.headers.get('content-length');
	return {
		fileName: fileNameOf(response.headers.get('content-disposition')),
		mediaType: response.headers.get('content-type') ?? 'application/octet-stream',
		sizeBytes: length === null ? null : Number(length),
		content: response.body,
	};
}

/** The server answers a refused download with the error's shape as JSON. */
async function downloadError(response: Response): Promise<Error> {
	const body = (await response.json().catch(() => null)) as { error?: unknown } | null;
	return Object.assign(new Error(`The server answered ${response.status} to the download.`), { shape: body?.error });
}

/** RFC 6266: the extended form if there is one, else the plain one. */
function fileNameOf(disposition: string | null): string {
	const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1];
	const plain = /filename="([^"]*)"/i.exec(disposition ?? '')?.[1];
	return (extended !== undefined ? decodeURIComponent(extended) : plain) || 'download';
}
