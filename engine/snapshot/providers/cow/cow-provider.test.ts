import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isEngineError } from '../../../base/index.ts';
import { openNbdSource, parseNbdUri } from '../../../block/index.ts';
import type { NumberedWriter } from '../../../block/testing.ts';
import { numberedWriterModule } from '../../../block/testing.ts';
import type { Lease, Snapshot } from '../../provider.ts';
import type { Volume } from '../../volume.ts';
import { CowProvider } from './cow-provider.ts';
import { ServedDevices } from './served-devices.ts';

const onlyLinux = { skip: process.platform !== 'linux' && 'needs blocking sockets' };
const { signal } = new AbortController();
const mib = 1024 * 1024;
const blockBytes = 65_536;

async function openSite(t: TestContext) {
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-cow-'));
	let devices = new ServedDevices(folder);
	t.after(async () => {
		await devices[Symbol.asyncDispose]();
		rmSync(folder, { recursive: true, force: true });
	});
	const serve = async (name: string, more: { readonly cacheLimitBytes?: number } = {}): Promise<Volume> => {
		const path = join(folder, `${name}.img`);
		if (!existsSync(path)) writeFileSync(path, Buffer.alloc(4 * mib));
		await devices.serve({ id: name, name, path, cacheFolder: null, cacheLimitBytes: more.cacheLimitBytes ?? null });
		return { id: path, kind: 'block-device', mountPoint: null, fileSystem: null, device: path, root: '/', isReadOnly: false };
	};
	const restart = async (): Promise<void> => {
		await devices[Symbol.asyncDispose]();
		devices = new ServedDevices(folder);
	};
	let count = 0;
	const lease = (volume: Volume): Lease => ({ id: `lease${count++}`, sessionId: 's', provider: 'cow', volume, takenAt: 0, details: null });
	return { folder, serve, restart, lease, devices: () => devices, provider: () => new CowProvider(devices) };
}

/** Read in this thread, which waits: the server is in another. */
function contentOf(snapshot: Snapshot): Buffer {
	assert.ok(snapshot.device?.kind === 'nbd');
	using source = openNbdSource(parseNbdUri(snapshot.device.uri));
	const content = Buffer.alloc(source.sizeBytes);
	source.readSync(content, 0);
	return content;
}

const tokenOf = ({ details }: Snapshot): string => (details as { readonly changeToken: string }).changeToken;

async function startWriter(socketOf: string, exportName: string): Promise<Worker> {
	const { transport } = parseNbdUri(socketOf);
	assert.ok(transport.kind === 'unix');
	const workerData: NumberedWriter = { socket: transport.path, exportName, blockBytes, blocks: (4 * mib) / blockBytes };
	const writer = new Worker(numberedWriterModule, { workerData });
	await once(writer, 'message');
	return writer;
}

const numbersIn = (content: Buffer): number[] => Array.from({ length: content.length / blockBytes }, (_, i) => content.readUInt32BE(i * blockBytes));

test(
	'SNAP-01 SNAP-02: snapshots of two devices are one instant each while both are written to, several at a time, and are gone when released',
	onlyLinux,
	async (t) => {
		const site = await openSite(t);
		const volumes = [await site.serve('one'), await site.serve('two')];
		const provider = site.provider();
		for (const volume of volumes) assert.deepEqual(await provider.canProtect(volume), { can: true });
		const other = { ...(volumes[0] as Volume), id: '/dev/other', device: '/dev/other' };
		assert.equal((await provider.canProtect(other)).can, false);
		const writers = [await startWriter(site.devices().uri('one'), 'one'), await startWriter(site.devices().uri('two'), 'two')];
		const held: { lease: Lease; snapshot: Snapshot; content: Buffer }[] = [];
		for (let i = 0; i < 4; i++) {
			const requests = volumes.map((volume) => ({ lease: site.lease(volume), paths: [] }));
			const snapshots = await provider.create(requests, { signal });
			for (const [at, snapshot] of snapshots.entries()) {
				const content = contentOf(snapshot);
				const numbers = numbersIn(content);
				assert.equal(Math.max(...numbers) - Math.min(...numbers), numbers.length - 1, 'a row without a gap');
				held.push({ lease: requests[at]?.lease as Lease, snapshot, content });
			}
		}
		for (const { snapshot, content } of held) assert.ok(contentOf(snapshot).equals(content), 'still the same');
		for (const writer of writers) {
			writer.postMessage('stop');
			await once(writer, 'exit');
		}
		assert.equal(
			(await site.devices().states()).reduce((sum, { snapshots }) => sum + snapshots.length, 0),
			held.length,
		);
		for (const { lease, snapshot } of held) {
			await provider.release(lease);
			await provider.release(lease);
			assert.throws(
				() => contentOf(snapshot),
				(error) => isEngineError(error, 'source.missing'),
			);
		}
	},
);

test('what a killed engine leaves is removed, and what has changed since a snapshot is known only after an orderly end', onlyLinux, async (t) => {
	const site = await openSite(t);
	const volume = await site.serve('one');
	const take = async (): Promise<Snapshot> => (await site.provider().create([{ lease: site.lease(volume), paths: [] }], { signal }))[0] as Snapshot;
	const isKnown = (snapshot: Snapshot, token: string): boolean => {
		assert.ok(snapshot.device?.kind === 'nbd');
		try {
			using source = openNbdSource(parseNbdUri(snapshot.device.uri), { dirtyBitmap: token });
			source.dirtyExtents();
			return true;
		} catch (error) {
			assert.ok(isEngineError(error, 'source.unsupported'));
			return false;
		}
	};
	const token = tokenOf(await take());
	await site.restart();
	await site.serve('one');
	const next = await take();
	assert.ok(isKnown(next, token), 'after an orderly end');
	const folder = join(site.folder, 'devices');
	writeFileSync(join(folder, 'holdfast-cache-left'), 'by an engine that was killed');
	await site.restart();
	writeFileSync(join(site.folder, 'one.img'), readFileSync(join(site.folder, 'one.img'))); // somebody wrote beside it
	await site.serve('one');
	assert.deepEqual(readdirSync(folder), []);
	assert.ok(!isKnown(await take(), token), 'after a write that nobody saw');
});

test('a cache that is full is said to who reads the snapshot', onlyLinux, async (t) => {
	const site = await openSite(t);
	const volume = await site.serve('one', { cacheLimitBytes: blockBytes });
	const writer = await startWriter(site.devices().uri('one'), 'one');
	const [snapshot] = (await site.provider().create([{ lease: site.lease(volume), paths: [] }], { signal })) as [Snapshot];
	await once(writer, 'message'); // every block again
	writer.postMessage('stop');
	await once(writer, 'exit');
	assert.throws(
		() => contentOf(snapshot),
		(error) => isEngineError(error, 'source.unreadable') && /cache is full/.test(error.message),
	);
	assert.match((await site.devices().states())[0]?.snapshots[0]?.failure?.message ?? '', /cache is full/);
});
