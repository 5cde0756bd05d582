/**
 * Serves the built console with a fake engine behind it, on a loopback port and without signing in.
 * `node e2e/fake/serve.ts [normal|empty|error|crowded] [port]`
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'ws';
import { appRouter } from '../../engine/contract/index.ts';
import { createFakeApi } from './create-fake-api.ts';
import { type Scenario, scenarios } from './site.ts';

/** Another build can be looked at while somebody else builds into the usual place. */
const builtConsole = process.env.HOLDFAST_RENDERER ?? join(import.meta.dirname, '../../dist/renderer');
const mediaTypes: Record<string, string> = {
	'.html': 'text/html',
	'.js': 'text/javascript',
	'.css': 'text/css',
	'.svg': 'image/svg+xml',
	'.map': 'application/json',
	'.woff2': 'font/woff2',
};
/** The same policy as the real server's: what breaks under it must break here. */
const policy =
	"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export type FakeServer = { readonly url: string; close(): Promise<void> };

export async function serveFake(scenario: Scenario, { port = 0, root = builtConsole } = {}): Promise<FakeServer> {
	const engine = createFakeApi(scenario);
	const server: Server = createServer((request, response) => {
		void (async () => {
			const url = new URL(request.url ?? '/', 'http://localhost');
			if (url.pathname === '/api') return response.writeHead(426).end();
			if (url.pathname === '/session') return response.writeHead(200, { 'content-type': 'application/json' }).end('{"signedIn":true}');
			if (url.pathname === '/login') return response.writeHead(204).end();
			if (url.pathname === '/download') {
				const { fileName, content } = await engine.downloads.open({ point: url.searchParams.get('point') ?? '', paths: url.searchParams.getAll('path') }, {});
				response.writeHead(200, { 'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(fileName)}` });
				for await (const piece of content) response.write(piece);
				return response.end();
			}
			const file = join(root, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
			const bytes = file.startsWith(root) ? await readFile(file).catch(() => null) : null;
			if (bytes === null) return response.writeHead(404).end();
			return response
				.writeHead(200, {
					'content-type': mediaTypes[extname(file)] ?? 'application/octet-stream',
					'content-security-policy': policy,
					'cache-control': 'no-store',
				})
				.end(bytes);
		})();
	});
	const sockets = new WebSocketServer({ server, path: '/api' });
	const handler = applyWSSHandler({ wss: sockets, router: appRouter, createContext: () => ({ api: engine.api }) });
	await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
		async close() {
			handler.broadcastReconnectNotification();
			for (const socket of sockets.clients) socket.terminate();
			sockets.close();
			engine.close();
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

if (import.meta.main) {
	const scenario = scenarios.find((name) => name === process.argv[2]) ?? 'normal';
	const { url } = await serveFake(scenario, { port: Number(process.argv[3] ?? 0) });
	console.log(`${scenario}: ${url}`);
}
