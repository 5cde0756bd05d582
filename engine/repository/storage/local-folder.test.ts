import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { EngineError, isEngineError } from '../../base/index.ts';
import { MortalStorage } from '../testing/mortal-storage.ts';
import { seededRandom } from '../testing/random.ts';
import { checkStorage } from './check-storage.ts';
import { LocalFolder } from './local-folder.ts';
import type { Storage } from './storage.ts';
import { storageSuite } from './storage-suite.ts';

const makeRoot = (t: TestContext): string => {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-storage-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	return root;
};

storageSuite('a local folder', (t) => new LocalFolder(makeRoot(t)));
storageSuite('a storage that may die, alive', (t) => new MortalStorage(makeRoot(t), seededRandom(1)));

test('a local folder that is not there is unreachable, whatever is asked of it, and is not created', async (t) => {
	const root = join(makeRoot(t), 'unmounted');
	const storage = new LocalFolder(root);
	const isUnreachable = (error: unknown): boolean => isEngineError(error, 'repository.unreachable');
	await assert.rejects(storage.list(''), isUnreachable);
	await assert.rejects(storage.open('job/file', 'create'), isUnreachable);
	await assert.rejects(storage.open('job/file', 'read'), isUnreachable);
	await assert.rejects(storage.replace('job/file', new Uint8Array(1)), isUnreachable);
	await assert.rejects(storage.rename('job/a', 'job/b'), isUnreachable);
	await assert.rejects(storage.space(), isUnreachable);
	await assert.rejects(storage.list(''), isUnreachable);
});

test('a path that leaves the repository is a defect, not an access', async (t) => {
	const storage = new LocalFolder(makeRoot(t));
	for (const path of ['../x', 'a/../../x', '/etc/x']) await assert.rejects(storage.list(path), /leaves the repository/);
});

test('the check that users run finds a storage in order and leaves nothing behind', async (t) => {
	const storage = new LocalFolder(makeRoot(t));
	for (const { promise, error } of await checkStorage(storage)) assert.equal(error, null, promise);
	assert.deepEqual(await storage.list(''), []);
});

type Badness = { readonly what: string; readonly spoil: (storage: Storage, root: string) => Partial<Storage> };

/** Real folders that misbehave in one way. */
const bad: readonly Badness[] = [
	{ what: 'renames over existing files', spoil: (storage) => ({ rename: (from, to) => storage.rename(from, to, { replace: true }) }) },
	{ what: 'forgets removals', spoil: () => ({ remove: async () => undefined }) },
	{
		what: 'replaces only the beginning of a file',
		spoil: (storage, root) => ({
			replace: async (path, bytes) => {
				const old = await storage.open(path, 'read').catch(() => null);
				await old?.[Symbol.asyncDispose]();
				if (old) writeFileSync(join(root, path), bytes, { flag: 'r+' });
				else await storage.replace(path, bytes);
			},
		}),
	},
	{
		what: 'loses every second write',
		spoil: (storage) => {
			let count = 0;
			return {
				open: async (path, mode) => {
					const file = await storage.open(path, mode);
					const write = file.write.bind(file);
					file.write = (bytes, offset) => (++count % 2 === 0 ? Promise.resolve() : write(bytes, offset));
					return file;
				},
			};
		},
	},
	{
		what: 'is full',
		spoil: () => ({
			open: async () => {
				throw new EngineError('repository.full', 'There is no room left.');
			},
		}),
	},
];

for (const { what, spoil } of bad) {
	test(`the check that users run finds a storage that ${what}`, async (t) => {
		const root = makeRoot(t);
		const good = new LocalFolder(root);
		const storage: Storage = {
			properties: good.properties,
			list: (folder) => good.list(folder),
			open: (path, mode) => good.open(path, mode),
			replace: (path, bytes) => good.replace(path, bytes),
			rename: (from, to, options) => good.rename(from, to, options),
			remove: (path) => good.remove(path),
			space: () => good.space(),
			...spoil(good, root),
		};
		const broken = (await checkStorage(storage)).filter(({ error }) => error !== null);
		assert(broken.length > 0);
		if (what === 'is full') assert.equal(broken[0]?.error?.code, 'repository.full');
	});
}
