import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { isEngineError } from '../../base/index.ts';
import type { ErrorCode } from '../../contract/index.ts';
import { inOwnFolder, type StoragePromise, vitalPromises } from './check-storage.ts';
import type { Storage } from './storage.ts';

const refuses = (action: Promise<unknown>, code: ErrorCode): Promise<void> =>
	assert.rejects(action, (error) => isEngineError(error, code) || assert.fail(`${error} is not ${code}`));

/** The promises beyond those that are tried on every storage. */
const furtherPromises: readonly StoragePromise[] = [
	{
		promise: 'an absent folder and an absent file are not found',
		async keep(storage, folder) {
			await refuses(storage.list(folder), 'not-found.path');
			await refuses(storage.open(`${folder}/file`, 'read'), 'not-found.path');
			await refuses(storage.open(`${folder}/file`, 'update'), 'not-found.path');
			await refuses(storage.rename(`${folder}/a`, `${folder}/b`), 'not-found.path');
			await storage.remove(`${folder}/file`);
			await refuses(storage.list(folder), 'not-found.path');
		},
	},
	{
		promise: 'a list names files with their sizes, and folders, and nothing below them',
		async keep(storage, folder) {
			await storage.replace(`${folder}/file`, randomBytes(1234));
			await storage.replace(`${folder}/inner/other`, randomBytes(1));
			const entries = (await storage.list(folder)).toSorted((a, b) => a.name.localeCompare(b.name));
			assert.deepEqual(entries, [
				{ name: 'file', kind: 'file', sizeBytes: 1234 },
				{ name: 'inner', kind: 'folder', sizeBytes: 0 },
			]);
			await storage.remove(`${folder}/inner/other`);
			assert.deepEqual(await storage.list(folder), [{ name: 'file', kind: 'file', sizeBytes: 1234 }], 'an empty folder does not stay');
		},
	},
	{
		promise: 'a file is cut off where it is said, and never made longer by that',
		async keep(storage, folder) {
			if (!storage.properties.randomWrite) return;
			const bytes = randomBytes(5000);
			await storage.replace(`${folder}/file`, bytes);
			await using file = await storage.open(`${folder}/file`, 'update');
			await file.truncate(9000);
			assert.equal(await file.sizeBytes(), 5000);
			await file.truncate(1200);
			assert.equal(await file.sizeBytes(), 1200);
			const read = Buffer.alloc(2000);
			assert.equal(await file.read(read, 0), 1200);
			assert(read.subarray(0, 1200).equals(bytes.subarray(0, 1200)));
		},
	},
	{
		promise: 'a range of another file is copied as it lies, wherever it goes, or the storage says that it does not copy',
		async keep(storage, folder) {
			if (!storage.properties.randomWrite) return;
			const from = randomBytes(200_000);
			await storage.replace(`${folder}/source`, from);
			await using source = await storage.open(`${folder}/source`, 'read');
			await using target = await storage.open(`${folder}/file`, 'create');
			const expected = randomBytes(150_000);
			await target.write(expected, 0);
			for (const [sourceOffset, length, offset] of [
				[4096, 8192, 12_288],
				[1, 70_001, 77],
				[199_990, 10, 149_999],
			] as const) {
				if (!(await target.copyFrom(source, sourceOffset, length, offset))) continue;
				const read = Buffer.alloc(length);
				assert.equal(await target.read(read, offset), length);
				assert(read.equals(from.subarray(sourceOffset, sourceOffset + length)));
			}
			assert.equal(await target.copyFrom(source, 199_990, 11, 0), false, 'there is not so much to copy');
			await target.sync();
		},
	},
	{
		promise: 'a write behind the end leaves zeros between',
		async keep(storage, folder) {
			if (!storage.properties.randomWrite) return;
			await using file = await storage.open(`${folder}/file`, 'create');
			await file.write(Buffer.from('end'), 10_000);
			const read = Buffer.alloc(10_003, 1);
			assert.equal(await file.read(read, 0), 10_003);
			assert(read.equals(Buffer.concat([Buffer.alloc(10_000), Buffer.from('end')])));
		},
	},
	{
		promise: 'a file is read whole while another name takes its place, as the old one or the new one',
		async keep(storage, folder) {
			const states = Array.from({ length: 8 }, (_, i) => Buffer.alloc(20_000, i + 1));
			await storage.replace(`${folder}/file`, states[0] as Buffer);
			let isDone = false;
			const reading = (async () => {
				while (!isDone) {
					await using file = await storage.open(`${folder}/file`, 'read');
					const bytes = Buffer.alloc(20_000);
					assert.equal(await file.read(bytes, 0), 20_000);
					assert(states.some((state) => state.equals(bytes)));
				}
			})();
			try {
				for (const state of states) await storage.replace(`${folder}/file`, state);
			} finally {
				isDone = true;
				await reading;
			}
			assert.equal((await storage.list(folder)).length, 1);
		},
	},
	{
		promise: 'of many that create one file one succeeds',
		async keep(storage, folder) {
			const outcomes = await Promise.allSettled(
				Array.from({ length: 8 }, async () => {
					await using _ = await storage.open(`${folder}/file`, 'create');
				}),
			);
			assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
			for (const outcome of outcomes) if (outcome.status === 'rejected') assert(isEngineError(outcome.reason, 'exists.target'));
		},
	},
	{
		promise: 'folders come and go while files are made in them',
		async keep(storage, folder) {
			await Promise.all(
				Array.from({ length: 12 }, async (_, i) => {
					for (let round = 0; round < 6; round++) {
						{
							await using file = await storage.open(`${folder}/file-${i}`, 'create');
							await file.write(Buffer.from([i]), 0);
						}
						await storage.remove(`${folder}/file-${i}`);
					}
				}),
			);
		},
	},
	{
		promise: 'free space is told where the storage says that it knows it',
		async keep(storage) {
			if (!storage.properties.knowsSpace) return;
			const { capacityBytes, freeBytes } = await storage.space();
			assert(capacityBytes > 0 && freeBytes >= 0 && freeBytes <= capacityBytes);
		},
	},
];

/** The contract of `Storage`, for every adapter and decorator. @param open an empty storage, cleaned up by the test's own `after` */
export function storageSuite(name: string, open: (t: TestContext) => Storage | Promise<Storage>): void {
	for (const { promise, keep } of [...vitalPromises, ...furtherPromises]) {
		test(`${name}: ${promise}`, async (t) => {
			const storage = await open(t);
			await inOwnFolder(storage, (folder) => keep(storage, folder));
			assert.deepEqual(await storage.list(''), [], 'nothing is left');
		});
	}
}
