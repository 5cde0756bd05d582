import { randomBytes } from 'node:crypto';
import { EngineError, isEngineError, toErrorShape } from '../../base/index.ts';
import type { ErrorCode, ErrorShape } from '../../contract/index.ts';
import type { Storage } from './storage.ts';

/** One promise of the port: `error` is null when it was kept. */
export type StorageFinding = { readonly promise: string; readonly error: ErrorShape | null };

export type StoragePromise = {
	readonly promise: string;
	/** @param folder an absent folder to work in @throws when the promise is not kept */
	readonly keep: (storage: Storage, folder: string) => Promise<void>;
};

function expect(condition: boolean, what: string): asserts condition {
	if (!condition)
		throw new EngineError('repository.io', `The storage breaks a promise: ${what}.`, { hint: 'Choose another disk or share; this one cannot be trusted.' });
}

async function expectRefusal(action: Promise<unknown>, code: ErrorCode, what: string): Promise<void> {
	try {
		await action;
	} catch (error) {
		if (isEngineError(error, code)) return;
		throw error;
	}
	expect(false, what);
}

async function readAll(storage: Storage, path: string): Promise<Buffer> {
	await using file = await storage.open(path, 'read');
	const bytes = Buffer.alloc(await file.sizeBytes());
	expect((await file.read(bytes, 0)) === bytes.byteLength, 'a file is read up to its size');
	return bytes;
}

async function create(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
	await using file = await storage.open(path, 'create');
	await file.write(bytes, 0);
	await file.sync();
}

const names = async (storage: Storage, folder: string): Promise<string[]> => (await storage.list(folder)).map(({ name }) => name).sort();
const holds = async (storage: Storage, path: string, bytes: Uint8Array): Promise<boolean> => (await readAll(storage, path)).equals(bytes);

/** What backups rest on: the short form of the suite of the port, cheap enough to be run on every storage before it is trusted. */
export const vitalPromises: readonly StoragePromise[] = [
	{
		promise: 'what was written and synced is read back, at any offset, while it is still being written',
		async keep(storage, folder) {
			const bytes = randomBytes(300_000);
			await using file = await storage.open(`${folder}/file`, 'create');
			await file.write(bytes, 0);
			await file.sync();
			expect(await holds(storage, `${folder}/file`, bytes), 'a file gives back what was written');
			const middle = Buffer.alloc(1000);
			expect((await file.read(middle, 123_456)) === 1000 && middle.equals(bytes.subarray(123_456, 124_456)), 'a range is read where it lies');
			const tail = Buffer.alloc(1000);
			expect((await file.read(tail, 299_900)) === 100, 'a read at the end gives what there is');
			expect((await file.read(tail, 400_000)) === 0, 'a read past the end gives nothing');
		},
	},
	{
		promise: 'a file is changed in place, by writes to different ranges at once, and nothing else in it changes',
		async keep(storage, folder) {
			if (!storage.properties.randomWrite) return;
			const expected = randomBytes(64 * 1024);
			await create(storage, `${folder}/file`, expected);
			await using file = await storage.open(`${folder}/file`, 'update');
			const pieces = Array.from({ length: 16 }, (_, i) => ({ offset: i * 5000 + 17, bytes: randomBytes(1500) }));
			await Promise.all(pieces.map(({ offset, bytes }: { offset: number; bytes: Buffer }) => file.write(bytes, offset)));
			await file.sync();
			const grown = Buffer.alloc(Math.max(expected.byteLength, ...pieces.map(({ offset, bytes }) => offset + bytes.byteLength)));
			expected.copy(grown);
			for (const { offset, bytes } of pieces) bytes.copy(grown, offset);
			expect(await holds(storage, `${folder}/file`, grown), 'writes at once leave each other alone');
		},
	},
	{
		promise: 'a replacement is whole and leaves nothing beside it',
		async keep(storage, folder) {
			const [before, after] = [randomBytes(9000), randomBytes(40)];
			await storage.replace(`${folder}/file`, before);
			expect(await holds(storage, `${folder}/file`, before), 'a replacement of nothing makes the file');
			await storage.replace(`${folder}/file`, after);
			expect(await holds(storage, `${folder}/file`, after), 'a shorter replacement leaves nothing of the longer file');
			expect((await names(storage, folder)).join() === 'file', 'a replacement leaves no other file');
		},
	},
	{
		promise: 'a file takes a new name, and an existing one only when it may',
		async keep(storage, folder) {
			const [a, b] = [randomBytes(100), randomBytes(50)];
			await create(storage, `${folder}/a`, a);
			await create(storage, `${folder}/b`, b);
			await expectRefusal(storage.rename(`${folder}/a`, `${folder}/b`), 'exists.target', 'a name that is taken is refused');
			expect((await holds(storage, `${folder}/a`, a)) && (await holds(storage, `${folder}/b`, b)), 'a refused rename changes nothing');
			await storage.rename(`${folder}/a`, `${folder}/b`, { replace: true });
			await storage.rename(`${folder}/b`, `${folder}/c`);
			expect((await names(storage, folder)).join() === 'c' && (await holds(storage, `${folder}/c`, a)), 'a renamed file has its new name alone');
		},
	},
	{
		promise: 'a new file never overwrites an old one, and what was removed is gone',
		async keep(storage, folder) {
			const bytes = randomBytes(100);
			await create(storage, `${folder}/file`, bytes);
			await expectRefusal(
				storage.open(`${folder}/file`, 'create').then((file) => file[Symbol.asyncDispose]()),
				'exists.target',
				'a file that exists is not created',
			);
			expect(await holds(storage, `${folder}/file`, bytes), 'a refused creation changes nothing');
			await storage.remove(`${folder}/file`);
			await storage.remove(`${folder}/file`);
			await expectRefusal(readAll(storage, `${folder}/file`), 'not-found.path', 'a removed file cannot be opened');
		},
	},
];

/**
 * Tries a storage out before backups are trusted to it: a few small files in a folder of its own, which is gone afterwards.
 * @returns every promise with what became of it; a storage that cannot be reached or written fails all of them with its own code
 */
export async function checkStorage(storage: Storage): Promise<readonly StorageFinding[]> {
	const findings: StorageFinding[] = [];
	for (const { promise, keep } of vitalPromises) {
		const error = await inOwnFolder(storage, (folder) => keep(storage, folder)).then(
			() => null,
			(cause: unknown) => toErrorShape(cause),
		);
		findings.push({ promise, error });
	}
	return findings;
}

/** Runs `action` in a folder that is removed with all that it holds. */
export async function inOwnFolder(storage: Storage, action: (folder: string) => Promise<void>): Promise<void> {
	const folder = `.holdfast-check-${randomBytes(6).toString('hex')}`;
	try {
		await action(folder);
	} finally {
		const left = await storage.list(folder).catch(() => []); // it may never have come to be
		for (const { name } of left) await storage.remove(`${folder}/${name}`).catch(() => undefined); // it may be what failed
	}
}
