import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FakeClock } from '../../base/testing.ts';
import { LocalFolder, type Storage, type StorageFile } from '../../repository/index.ts';
import { storageSuite } from '../../repository/storage/storage-suite.ts';
import { memoryFolder } from '../../repository/testing/memory-folder.ts';
import { seededRandom } from '../../repository/testing/random.ts';
import { mostInWindow, type Passed } from '../testing/flow.ts';
import { noShares, StorageGate } from './gate.ts';
import { createShare } from './rate-limiter.ts';

const MB = 1_000_000;

function openFolder(t: TestContext): Storage {
	const root = mkdtempSync(join(memoryFolder(), 'holdfast-gate-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	return new LocalFolder(root);
}

storageSuite('a gate without limits', (t) => new StorageGate(openFolder(t), noShares).storage);
storageSuite('a gate with limits', (t) => new StorageGate(openFolder(t), { read: createShare(200 * MB), write: createShare(200 * MB) }).storage);

type Moved = { readonly read: Passed[]; readonly write: Passed[] };

/** One file in memory that takes as long as it is told, and tells of each read and write when it begins. */
function memoryStorage(clock: FakeClock, latencyMs: number): { storage: Storage; moved: Moved } {
	const bytes = new Uint8Array(MB);
	const moved: Moved = { read: [], write: [] };
	let sizeBytes = 0;
	const begin = async (kind: keyof Moved, length: number): Promise<void> => {
		moved[kind].push({ at: clock.monotonic(), bytes: length });
		if (latencyMs > 0) await clock.sleep(latencyMs);
	};
	const refuse = (): never => assert.fail('this test only reads and writes');
	const file: StorageFile = {
		path: 'file',
		sizeBytes: async () => sizeBytes,
		async read(target, offset) {
			await begin('read', target.byteLength);
			const part = bytes.subarray(offset, Math.min(sizeBytes, offset + target.byteLength));
			target.set(part);
			return part.byteLength;
		},
		async write(from, offset) {
			await begin('write', from.byteLength);
			bytes.set(from, offset);
			sizeBytes = Math.max(sizeBytes, offset + from.byteLength);
		},
		copyFrom: async () => false,
		truncate: refuse,
		sync: refuse,
		[Symbol.asyncDispose]: async () => undefined,
	};
	const properties = { place: 'memory', randomWrite: true, knowsSpace: false };
	const replace = (_: string, from: Uint8Array): Promise<void> => file.write(from, 0);
	return { moved, storage: { properties, list: refuse, rename: refuse, remove: refuse, space: refuse, replace, open: async () => file } };
}

const lengthMs = (pieces: readonly Passed[]): number => (pieces.at(-1)?.at ?? 0) - (pieces[0]?.at ?? 0);

for (const latencyMs of [0, 40]) {
	test(`RATE-01, RATE-02: a record larger than the limit is written smoothly and read back as it was, each way at its own rate, on a medium that answers after ${latencyMs} ms`, async () => {
		const clock = new FakeClock(0);
		const { storage, moved } = memoryStorage(clock, latencyMs);
		const gate = new StorageGate(storage, { read: createShare(4 * MB), write: createShare(MB) }, { clock });
		const record = seededRandom(5).bytes(600_000);
		const back = new Uint8Array(600_100);
		const file = await gate.storage.open('file', 'create');
		const writing = file.write(record, 0);
		await clock.advance(1000);
		await writing;
		const reading = file.read(back, 0);
		await clock.advance(1000);
		assert.equal(await reading, record.byteLength);
		assert.deepEqual(back.subarray(0, record.byteLength), record);
		assert.ok(mostInWindow(moved.write, 250) <= MB * 0.25 * 1.1);
		assert.ok(mostInWindow(moved.read, 250) <= 4 * MB * 0.25 * 1.1);
		assert.ok(lengthMs(moved.write) >= 580 && lengthMs(moved.write) <= 620, `${lengthMs(moved.write)}`);
		assert.ok(lengthMs(moved.read) >= 140 && lengthMs(moved.read) <= 160, `${lengthMs(moved.read)}`);
		assert.deepEqual([gate.writtenBytes, gate.readBytes], [record.byteLength, record.byteLength]);
		// what is under way meanwhile does not count: it is the limit that holds
		assert.ok(gate.times.throttledMs >= 570, `${gate.times.throttledMs}`);
		assert.ok(gate.times.writeMs <= 40 + latencyMs, `${gate.times.writeMs}`);
	});
}

test('a write that fails in one of its pieces fails when none of them is under way any more', async () => {
	const clock = new FakeClock(0);
	const { storage, moved } = memoryStorage(clock, 30);
	const { open } = storage;
	let underWay = 0;
	storage.open = async (path, mode) => {
		const file = await open(path, mode);
		return {
			...file,
			async write(bytes, offset) {
				underWay++;
				await file.write(bytes, offset);
				underWay--;
				if (offset > 20_000) throw new Error('the medium failed');
			},
		};
	};
	const gate = new StorageGate(storage, { ...noShares, write: createShare(MB) }, { clock });
	const file = await gate.storage.open('file', 'create');
	let isOver = false;
	const writing = file.write(new Uint8Array(500_000), 0).finally(() => {
		isOver = true;
		assert.equal(underWay, 0);
	});
	const rejected = assert.rejects(writing, /the medium failed/);
	await clock.advance(300);
	await rejected;
	assert.ok(isOver && moved.write.length < 50, 'nothing more is written after the failure');
});

test('RATE-01: what the storage copies by itself is counted as written, and is read and written instead while there is a limit', async () => {
	const clock = new FakeClock(0);
	const { storage } = memoryStorage(clock, 0);
	const copies: number[] = [];
	const { open } = storage;
	const inner = await open('file', 'read');
	storage.open = async () => ({
		...inner,
		async copyFrom(source, _, length) {
			assert.equal(source.read, inner.read, 'the storage is given its own file');
			copies.push(length);
			return true;
		},
	});
	const share = createShare(MB);
	for (const [shares, isCopied] of [
		[noShares, true],
		[{ ...noShares, write: share }, false],
		[{ ...noShares, read: share }, false],
	] as const) {
		const gate = new StorageGate(storage, shares, { clock });
		const [source, target] = [await gate.storage.open('source', 'read'), await gate.storage.open('file', 'update')];
		assert.equal(await target.copyFrom(source, 0, 5000, 0), isCopied);
		assert.equal(gate.writtenBytes, isCopied ? 5000 : 0);
	}
	assert.deepEqual(copies, [5000]);
});

test('what is replaced as a whole waits beforehand and happens at once', async () => {
	const clock = new FakeClock(0);
	const { storage, moved } = memoryStorage(clock, 0);
	const gate = new StorageGate(storage, { ...noShares, write: createShare(MB) }, { clock });
	const replacing = gate.storage.replace('file', seededRandom(6).bytes(100_000));
	await clock.advance(80);
	assert.deepEqual(moved.write, []);
	await clock.advance(40);
	await replacing;
	assert.deepEqual(
		moved.write.map(({ bytes }) => bytes),
		[100_000],
	);
});

test('after the signal a write that waits for its limit ends with the reason', async () => {
	const clock = new FakeClock(0);
	const over = new AbortController();
	const gate = new StorageGate(memoryStorage(clock, 0).storage, { ...noShares, write: createShare(1000) }, { clock, signal: over.signal });
	const file = await gate.storage.open('file', 'create');
	const rejected = assert.rejects(file.write(new Uint8Array(100_000), 0), /enough/);
	await clock.advance(10);
	over.abort(new Error('enough'));
	await rejected;
});
