/** For tests only: an engine in memory behind a real server on a port of the system's choice. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock } from '../base/index.ts';
import type { Download, Downloads, EngineApi } from '../contract/index.ts';
import { type HostedEngine, type RunningServer, startServer } from './start.ts';

/** Methods that a test does not give fail as a defect, as in a real engine. */
export function fakeApi(parts: { readonly [Area in keyof EngineApi]?: Partial<EngineApi[Area]> }): EngineApi {
	return new Proxy({} as EngineApi, {
		get: (_target, area: keyof EngineApi) =>
			new Proxy(parts[area] ?? {}, {
				get: (methods, name) => Reflect.get(methods, name) ?? (() => Promise.reject(new Error(`The fake engine has no ${area}.${String(name)}.`))),
			}),
	});
}

export type TestServer = RunningServer & { readonly port: number; readonly token: string; readonly addresses: (string | null)[] };

export async function startTestServer(
	t: TestContext,
	parts: {
		api?: Parameters<typeof fakeApi>[0];
		open?: Downloads['open'];
		rendererFolder?: string;
		clock?: Clock;
	} = {},
): Promise<TestServer> {
	const dataFolder = await mkdtemp(join(tmpdir(), 'holdfast-server-'));
	const addresses: (string | null)[] = [];
	const engine: HostedEngine = {
		dataFolder,
		context: { api: fakeApi(parts.api ?? {}) },
		downloads: { open: parts.open ?? (() => Promise.reject(new Error('The fake engine has no downloads.'))) },
		setAddress: (address) => void addresses.push(address),
	};
	const server = await startServer({ engine, listen: { host: '127.0.0.1', port: 0 }, rendererFolder: parts.rendererFolder ?? null, clock: parts.clock });
	t.after(async () => {
		await server[Symbol.asyncDispose]();
		await rm(dataFolder, { recursive: true, force: true });
	});
	const url = new URL(server.url);
	return { ...server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](), port: Number(url.port), token: url.hash.slice('#token='.length), addresses };
}

export const download = (content: AsyncIterable<Uint8Array>, more: Partial<Download> = {}): Download => ({
	fileName: 'file.bin',
	mediaType: 'application/octet-stream',
	sizeBytes: null,
	content,
	...more,
});
