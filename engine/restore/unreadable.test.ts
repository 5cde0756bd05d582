/** What could not be read is not damaged: it is told apart, and nothing is changed because of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EngineError } from '../base/index.ts';
import { LocalFolder, listChains, runChainStep, type Storage } from '../repository/index.ts';
import { checkChain } from './check-chain.ts';
import { noise, openSite, protect, type Site, seededRandom, Witness } from './testing/site.ts';

const signal = new AbortController().signal;

/** A storage of which a range of one file gives errors. */
function failingAt(inner: Storage, ending: string, from: number, to: number): Storage & { failures: number } {
	const storage = {
		failures: 0,
		properties: inner.properties,
		list: (folder: string) => inner.list(folder),
		replace: (path: string, bytes: Uint8Array) => inner.replace(path, bytes),
		rename: (a: string, b: string, options?: { readonly replace?: boolean }) => inner.rename(a, b, options),
		remove: (path: string) => inner.remove(path),
		space: () => inner.space(),
		async open(path: string, mode: 'read' | 'update' | 'create') {
			const file = await inner.open(path, mode);
			return {
				path,
				sizeBytes: () => file.sizeBytes(),
				async read(target: Uint8Array, offset: number) {
					if (path.endsWith(ending) && offset < to && offset + target.byteLength > from) {
						storage.failures++;
						throw new EngineError('repository.io', `${path}: input/output error (EIO).`);
					}
					return file.read(target, offset);
				},
				write: (bytes: Uint8Array, offset: number) => file.write(bytes, offset),
				copyFrom: async () => false,
				truncate: (sizeBytes: number) => file.truncate(sizeBytes),
				sync: () => file.sync(),
				[Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
			};
		},
	};
	return storage;
}

const stateOf = ({ repositoryPath }: Site): string =>
	fs
		.readdirSync(repositoryPath, { recursive: true, encoding: 'utf8' })
		.sort()
		.filter((name) => fs.statSync(join(repositoryPath, name)).isFile())
		.map(
			(name) =>
				`${name} ${createHash('sha256')
					.update(fs.readFileSync(join(repositoryPath, name)))
					.digest('hex')}`,
		)
		.join('\n');

test('a place that gives an error is called unreadable, with what it may hurt, and neither a check nor a repair changes a byte', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(3);
	for (const name of ['one', 'two']) fs.writeFileSync(join(site.source, name), noise(random, 900_000));
	await protect(site);
	fs.writeFileSync(join(site.source, 'three'), noise(random, 300_000));
	await protect(site);
	const before = stateOf(site);
	const chainId = (await listChains(site.repositoryPath)).chains[0]?.id ?? '';
	const size = fs.statSync(join(site.repositoryPath, (await listChains(site.repositoryPath)).chains[0]?.files[0]?.path ?? '')).size;
	for (const [name, from, to] of [
		['a record', 8192 + 100, 8192 + 101],
		['the superblocks', 0, 8192],
		['root and index', size - 200, size],
		['the whole file', 0, size],
	] as const) {
		const storage = failingAt(new LocalFolder(site.repositoryPath), '.hbk', from, to);
		const { damaged, unreadable } = await checkChain({ repositoryPath: storage, chainId }, [new Witness()], { signal });
		assert.deepEqual(damaged, [], `${name}: nothing is called damaged`);
		assert.ok(unreadable.length > 0 && unreadable.every(({ point }) => point !== null), `${name}: both points may be hurt`);
		assert.ok(storage.failures > 0, 'the fault must fire');
		const suspects = unreadable.map(({ file, offset }) => ({ file, offset }));
		const outcome = await runChainStep(storage, chainId, { kind: 'mend', suspects }, { signal });
		assert.deepEqual(outcome.mend?.mended, [], name);
		assert.equal(stateOf(site), before, `${name}: nothing was rewritten`);
	}
	const { damaged, unreadable } = await checkChain({ repositoryPath: site.repositoryPath, chainId }, [new Witness()], { signal });
	assert.deepEqual([damaged, unreadable], [[], []], 'readable again, it is as it was');
});
