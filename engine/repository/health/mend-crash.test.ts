import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MasterKey } from '../../format/index.ts';
import { createMasterKey, slotOffset, testPasswordCost } from '../../format/index.ts';
import { LocalFolder, readCommittedFile, readIndex, runChainStep } from '../index.ts';
import { flip } from '../testing/flip.ts';
import { memoryFolder } from '../testing/memory-folder.ts';
import { Model } from '../testing/model.ts';
import { MortalStorage } from '../testing/mortal-storage.ts';
import { seededRandom } from '../testing/random.ts';
import type { Suspect } from './mend.ts';

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1);
const signal = new AbortController().signal;
const { key } = await createMasterKey('model', testPasswordCost);
const forward = { method: 'forward', singleFile: true } as const;

/** Where to flip a byte of the oldest full, and what is then wrong with it. */
async function placesIn(model: Model) {
	const path = (await model.chains()).at(-1)?.files[0]?.path ?? '';
	await using file = await new LocalFolder(model.repositoryPath).open(path, 'read');
	const committed = await readCommittedFile(file, model.key ? [model.key] : []);
	assert(committed);
	const [piece] = committed.root.index;
	const [record] = (await readIndex(file, committed)).records();
	assert(piece && record);
	const { generation, rootOffset } = committed.superblock;
	return { path, superblock: slotOffset(generation) + 60, root: rootOffset + 50, index: piece.offset + 60, record };
}

async function mendAfterDeaths(key: MasterKey | null, part: 'superblock' | 'root' | 'index' | 'record'): Promise<number> {
	const root = mkdtempSync(join(memoryFolder(), 'holdfast-mend-'));
	try {
		const template = join(root, 'template');
		mkdirSync(template);
		const model = new Model(template, seededRandom(seed), ['disk', 'folder'], key);
		await model.run(new LocalFolder(template), forward, model.objects);
		model.change();
		await model.run(new LocalFolder(template), forward, model.objects);
		const chainId = (await model.chains())[0]?.id ?? '';
		// a second chain with the same content: what is lost in the first has a copy there
		if (part === 'record') await model.run(new LocalFolder(template), { ...forward, requested: 'full' }, model.objects);
		await model.verify();
		const { path, record, ...offsets } = await placesInChain(model, chainId);
		flip(join(template, path), part === 'record' ? record.offset + 60 : offsets[part]);
		const suspects: Suspect[] = [{ file: path, offset: record.offset }];
		for (let k = 1; ; k++) {
			const at = join(root, `at-${k}`);
			cpSync(template, at, { recursive: true });
			const mortal = new MortalStorage(at, seededRandom(seed + k), k);
			const copy = model.at(at, seededRandom(seed));
			await runChainStep(copy.on(mortal), chainId, { kind: 'mend', suspects }, { signal }).catch((error: unknown) => {
				if (!mortal.isDead) throw error;
			});
			const outcome = await runChainStep(copy.place, chainId, { kind: 'mend', suspects }, { signal });
			assert.deepEqual(outcome.mend?.left, [], `seed ${seed}, death at change ${k} of mending ${part}`);
			await copy.verify();
			rmSync(at, { recursive: true });
			if (!mortal.isDead) return k;
		}
	} finally {
		rmSync(root, { recursive: true, force: true });
	}
}

async function placesInChain(model: Model, chainId: string): ReturnType<typeof placesIn> {
	const chains = await model.chains();
	const one = Object.create(model) as Model;
	one.chains = async () => chains.filter(({ id }) => id === chainId);
	return placesIn(one);
}

for (const [name, own] of [
	['a chain', null],
	['an encrypted chain', key],
] as const) {
	for (const part of ['superblock', 'root', 'index', 'record'] as const) {
		if (own && part === 'record') continue; // chains under keys of their own hold no copies for each other
		test(`a power failure at any change of mending a ${part} of ${name}: mending again makes every point whole`, async (t) => {
			t.diagnostic(`HOLDFAST_TEST_SEED=${seed}`);
			assert.ok((await mendAfterDeaths(own, part)) > 4, 'it died at several changes');
		});
	}
}
