import assert from 'node:assert/strict';
import test from 'node:test';
import { crc32 } from 'node:zlib';
import { type IndexedRecord, sealedBytes, sealRecord } from '../format/index.ts';
import { readRecords, readWindows } from './read-ahead.ts';
import type { StorageFile } from './storage/storage.ts';
import { seededRandom } from './testing/random.ts';

const mebibyte = 1024 * 1024;
const seed = 5;

/** A file in memory with records of a mebibyte, and a way to look at what was asked of it. */
function fileOf(count: number): { file: StorageFile; bytes: Buffer; records: IndexedRecord[]; reading: { now: number } } {
	const random = seededRandom(seed);
	const pieces: Buffer[] = [];
	const records: IndexedRecord[] = [];
	let offset = 0;
	for (let i = 0; i < count; i++) {
		const buffer = Buffer.alloc(sealedBytes(mebibyte));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', random.bytes(mebibyte), null, null);
		pieces.push(buffer.subarray(0, totalBytes));
		records.push({ ...header, offset });
		offset += totalBytes;
	}
	const bytes = Buffer.concat(pieces);
	const reading = { now: 0 };
	const unused = (): never => assert.fail('not used');
	const file: StorageFile = {
		path: 'memory',
		sizeBytes: async () => bytes.byteLength,
		read: async (target, at) => {
			reading.now++;
			await new Promise(setImmediate);
			reading.now--;
			return bytes.copy(target, 0, at);
		},
		write: unused,
		copyFrom: unused,
		truncate: unused,
		sync: unused,
		[Symbol.asyncDispose]: async () => undefined,
	};
	return { file, bytes, records, reading };
}

test('the bytes of a window stay as they are until the next but one is asked for, and every record comes once and in its order', async () => {
	const { file, bytes, records } = fileOf(45);
	let before: { expected: number; views: readonly Uint8Array[] } | null = null;
	let [windows, next] = [0, 0];
	for await (const window of readWindows(file, records, null)) {
		if (before) assert.equal(crcOf(before.views), before.expected, 'while this window is looked at the one before is still there');
		for (const { record, bytes: read } of window) {
			assert.equal(record, records[next++]);
			assert(bytes.subarray(record.offset, record.offset + read.byteLength).equals(read));
		}
		const views = window.map((found) => found.bytes);
		before = { expected: crcOf(views), views };
		windows++;
	}
	assert.equal(next, records.length);
	assert(windows >= 6, 'each buffer had its turn twice');
});

const crcOf = (views: readonly Uint8Array[]): number => views.reduce((sum, view) => crc32(view, sum), 0);

test('whoever stops in the middle, or meets damage, leaves no read under way', async () => {
	const { file, bytes, records, reading } = fileOf(30);
	for await (const _ of readRecords(file, records, null)) break;
	assert.equal(reading.now, 0);
	bytes.writeUInt8(bytes.readUInt8((records[12]?.offset ?? 0) + 100) ^ 1, (records[12]?.offset ?? 0) + 100);
	const seen: number[] = [];
	const read = async (): Promise<void> => {
		for await (const { record } of readRecords(file, records, null)) seen.push(record.offset);
	};
	await assert.rejects(read(), { code: 'repository.damaged' });
	assert.equal(reading.now, 0);
	assert(seen.length > 0 && seen.length <= 12, 'nothing behind the damage is given out');
});
