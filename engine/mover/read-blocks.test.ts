import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BlockNames, ChainCipher, hashBytes, hashText, isZeroHash, nameChunk, zeroBlocks } from '../format/index.ts';
import { planBlockRuns } from '../source/index.ts';
import { efforts } from './effort.ts';
import { Pipe } from './pipe.ts';
import { type BlockReading, readBlocks } from './read-blocks.ts';
import type { TargetRun } from './target-run.ts';
import { type MutableCounters, noCounters } from './task.ts';

const blockSizeBytes = 262_144;
const cipher = new ChainCipher({ names: key(1), payloads: key(2), headers: key(3), fingerprints: key(4) });

function key(byte: number): Uint8Array {
	return new Uint8Array(32).fill(byte);
}

const ignore = (): void => undefined;
const observer: BlockReading['observer'] = { counters: ignore, activity: ignore, warning: ignore, info: ignore, bottleneck: ignore, mode: ignore };

/** Reads an image of blocks that each repeat one byte. @returns the names of its only segment, and the blocks that were stored */
async function read(t: TestContext, bytes: readonly number[], compare: BlockNames | null): Promise<{ names: BlockNames | null; stored: ReadonlySet<string> }> {
	const folder = fs.mkdtempSync(join(tmpdir(), 'holdfast-blocks-'));
	t.after(() => fs.rmSync(folder, { recursive: true }));
	const path = join(folder, 'disk.img');
	fs.writeFileSync(path, Buffer.concat(bytes.map(blockOf)));
	const stored = new Set<string>();
	const target: TargetRun = {
		...{ actual: 'increment', fallbackReason: '', previous: [], base: null, doubts: null, sentBytes: 0, cipher },
		known: { kind: 'indexes', indexes: [], lost: null },
		times: { networkMs: 0, writeMs: 0, throttledMs: 0 },
		append: async ({ chunks }) => {
			for (const { hash } of chunks) stored.add(hashText(hash));
		},
		commit: async () => undefined,
		[Symbol.asyncDispose]: async () => undefined,
	};
	await using pipe = new Pipe({ target, blockSizeBytes, effort: efforts.fast, signal: new AbortController().signal });
	const sizeBytes = bytes.length * blockSizeBytes;
	const counters: MutableCounters = { ...noCounters };
	let names: BlockNames | null = null;
	await readBlocks({
		...{ pipe, path, title: path, sizeBytes, blockSizeBytes, blank: [], before: null, counters, observer },
		extents: [{ offsetBytes: 0, lengthBytes: sizeBytes }],
		compare: compare && (async () => compare),
		isFingerprinted: true,
		store: (found) => {
			names = found;
			return key(9);
		},
	});
	await pipe.flush();
	assert.equal(counters.readBytes, sizeBytes);
	return { names, stored };
}

const blockOf = (byte: number): Buffer => Buffer.alloc(blockSizeBytes, byte);
const nameOf = (byte: number): string => hashText(nameChunk(blockOf(byte), cipher));
const hashesOf = ({ hashes }: BlockNames): string[] =>
	Array.from({ length: hashes.byteLength / hashBytes }, (_, i) => hashes.subarray(i * hashBytes, (i + 1) * hashBytes)).map((hash) =>
		isZeroHash(hash) ? '' : hashText(hash),
	);

test('blocks that are as at the point before are recognised by their fingerprints alone, whatever they were called, and others are named', async (t) => {
	const first = await read(t, [1, 0, 2, 3], null);
	assert.ok(first.names?.fingerprints);
	assert.deepEqual(hashesOf(first.names), [nameOf(1), '', nameOf(2), nameOf(3)]);
	assert.equal(first.stored.size, 3);
	const called = { ...first.names, hashes: first.names.hashes.map((byte) => (byte === 0 ? 0 : byte ^ 1)) }; // so that it shows where a name comes from
	const [one, , , three] = hashesOf(called);
	const second = await read(t, [1, 4, 0, 3], called);
	assert.ok(second.names?.fingerprints);
	assert.deepEqual(hashesOf(second.names), [one, nameOf(4), '', three]);
	assert.deepEqual([...second.stored], [nameOf(4)]);
	const plain = await read(t, [1, 4, 0, 3], null);
	assert.deepEqual(second.names.fingerprints, plain.names?.fingerprints);
});

test('blocks of a point that has no fingerprints are named, and have some from then on', async (t) => {
	const unknown = await read(t, [5, 6], zeroBlocks(2, { isFingerprinted: false }));
	assert.ok(unknown.names);
	assert.deepEqual(hashesOf(unknown.names), [nameOf(5), nameOf(6)]);
	const none = await read(t, [5, 6], zeroBlocks(2, { isFingerprinted: true }));
	assert.deepEqual(none.names, unknown.names);
	assert.equal(none.stored.size, 2);
});

test('runs of blocks cover each allocated block once and end where the number of the next is a multiple of their length', () => {
	const extents = [
		{ offsetBytes: 10, lengthBytes: 1 },
		{ offsetBytes: 300, lengthBytes: 1200 },
		{ offsetBytes: 1480, lengthBytes: 900 },
		{ offsetBytes: 5000, lengthBytes: 100 },
	];
	const runs = [...planBlockRuns(extents, 100, 8)].map(({ firstBlock, blockCount }) => [firstBlock, blockCount]);
	assert.deepEqual(runs, [
		[0, 1],
		[3, 5],
		[8, 8],
		[16, 8],
		[50, 1],
	]);
});
