import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ChainMethod } from '../contract/index.ts';
import { recordHeaderBytes } from '../format/index.ts';
import { FreeRoom } from './free-room.ts';
import { LocalFolder, listChains, readCommittedFile, readIndex, removeFile, runChainStep } from './index.ts';
import { type Content, Model } from './testing/model.ts';
import { seededRandom } from './testing/random.ts';

const signal = new AbortController().signal;
const seed = 11;

test('free room gives out the smallest gap that is large enough, and the end when there is none', () => {
	const room = new FreeRoom(
		[
			{ offset: 400, length: 100 },
			{ offset: 100, length: 50 },
			{ offset: 250, length: 50 },
		],
		100,
	);
	assert.equal(room.gapBytes, 200, '150–250 and 300–400');
	assert.equal(room.end, 500);
	assert.equal(room.take(100), 150, 'a gap of exactly the size');
	assert.equal(room.take(40), 300);
	assert.equal(room.take(61), 500, 'the 60 bytes that are left of the gap do not hold it');
	assert.equal(room.take(60), 340);
	assert.equal(room.gapBytes, 0);
	assert.equal(room.end, 561);
});

test('free room prefers the tighter of two gaps', () => {
	const room = new FreeRoom(
		[
			{ offset: 1000, length: 10 },
			{ offset: 1050, length: 10 },
		],
		0,
	);
	assert.equal(room.take(30), 1010);
	assert.equal(room.take(30), 0);
});

test('free room gives what is taken from the largest gap one place after the other', () => {
	const room = new FreeRoom(
		[
			{ offset: 100, length: 10 },
			{ offset: 300, length: 10 },
		],
		0,
	);
	assert.equal(room.largestGap, 190);
	assert.equal(room.takeFromLargest(60), 110);
	assert.equal(room.takeFromLargest(20), 170);
	assert.equal(room.gapBytesFrom(105), 110, '190–300, and not 0–100');
	assert.equal(room.takeFromLargest(111), 310, 'the end');
	assert.equal(room.takeFromLargest(105), 190);
	assert.equal(room.takeFromLargest(90), 0);
	assert.equal(room.gapBytes, 15);
});

test('free room refuses spans that overlap', () => {
	assert.throws(
		() =>
			new FreeRoom(
				[
					{ offset: 0, length: 20 },
					{ offset: 10, length: 20 },
				],
				0,
			),
		/overlap/,
	);
});

test('whatever is taken never overlaps what is there, seeded', () => {
	const random = seededRandom(seed);
	for (let round = 0; round < 50; round++) {
		const taken: { offset: number; length: number }[] = [];
		for (let at = 10; at < 2000; at += 1 + random.below(80)) {
			const length = 1 + random.below(40);
			taken.push({ offset: at, length });
			at += length;
		}
		const room = new FreeRoom(random.chance(0.5) ? taken : taken.toReversed(), 10);
		for (let i = 0; i < 60; i++) {
			const length = 1 + random.below(60);
			taken.push({ offset: room.take(length), length });
		}
		taken.sort((a, b) => a.offset - b.offset);
		for (const [i, { offset }] of taken.entries()) if (i > 0) assert(offset >= (taken[i - 1]?.offset ?? 0) + (taken[i - 1]?.length ?? 0));
		assert.equal(room.end, Math.max(...taken.map(({ offset, length }) => offset + length)));
	}
});

/** Bytes of the records that the committed index of a file names, and of the whole file. */
async function measure(repositoryPath: string, path: string): Promise<{ liveBytes: number; fileBytes: number }> {
	await using file = await new LocalFolder(repositoryPath).open(path, 'read');
	const committed = await readCommittedFile(file, []);
	assert(committed);
	const index = await readIndex(file, committed);
	let liveBytes = 8192 + committed.superblock.rootBytes + committed.root.index.reduce((sum, { bytes }) => sum + bytes, 0);
	const usedRaw = new Map<number, number>();
	for (const { recordNumber, rawBytes } of index.chunks()) usedRaw.set(recordNumber, (usedRaw.get(recordNumber) ?? 0) + rawBytes);
	let number = 0;
	// of a record that is needed in part only the needed part is live
	for (const { storedBytes, rawBytes } of index.records())
		liveBytes += recordHeaderBytes + (storedBytes * Math.min(rawBytes, (usedRaw.get(number++) ?? 0) + 128)) / rawBytes;
	return { liveBytes, fileBytes: await file.sizeBytes() };
}

/** Thirty days of 3 % change, a week retained. */
async function age(t: TestContext, method: ChainMethod, kind: Content['kind']): Promise<{ liveBytes: number; fileBytes: number; incrementBytes: number }> {
	const repositoryPath = mkdtempSync(join(tmpdir(), 'holdfast-room-'));
	t.after(() => rmSync(repositoryPath, { recursive: true, force: true }));
	t.diagnostic(`seed ${seed}`);
	const random = seededRandom(seed);
	const model = new Model(repositoryPath, random, []);
	const storage = new LocalFolder(repositoryPath);
	// files share records of a mebibyte: there must be many of both
	const items = kind === 'disk' ? 200 : 3000;
	const part = kind === 'disk' ? 262_144 : 0;
	const newItem = (): Uint8Array => {
		if (kind === 'folder') return random.bytes(2000 + random.below(4000));
		const block = new Uint8Array(part);
		block.set(random.bytes(20_000 + random.below(40_000))); // what blocks compress to differs
		return block;
	};
	const list = Array.from({ length: items }, newItem);
	const content = (): Content =>
		kind === 'disk' ? { kind, blocks: [...list] } : { kind, files: new Map(list.map((bytes, i) => [`file-${String(i).padStart(4, '0')}`, bytes])) };
	const object = { spec: { kind, path: '/aged' } as const, content: content() };
	model.objects.push(object);
	await model.run(storage, { method }, [object]);
	let incrementBytes = 0;
	for (let day = 1; day <= 30; day++) {
		for (let i = 0; i < items * 0.03; i++) list[random.below(items)] = newItem();
		object.content = content();
		await model.run(storage, { method }, [object]);
		const [chain] = (await listChains(repositoryPath)).chains;
		assert(chain);
		const rest = chain.files.slice(1);
		incrementBytes = Math.max(incrementBytes, ...rest.map(({ sizeBytes }) => sizeBytes));
		if (rest.length < 7) continue;
		if (method === 'reverse') await removeFile(storage, chain.id, rest.at(-1)?.path ?? '');
		else await runChainStep(storage, chain.id, { kind: 'merge', count: rest.length - 6 }, { signal });
	}
	assert.equal((await model.verify()).size, 7);
	const full = (await listChains(repositoryPath)).chains[0]?.files[0]?.path ?? '';
	return { ...(await measure(repositoryPath, full)), incrementBytes };
}

const within = ({ liveBytes, fileBytes, incrementBytes }: Awaited<ReturnType<typeof age>>, percent: number): void => {
	const allowed = Math.round(liveBytes * (1 + percent / 100)) + incrementBytes;
	assert(fileBytes <= allowed, `${fileBytes} bytes, of which ${Math.round(liveBytes)} live; an increment takes ${incrementBytes}`);
};

for (const method of ['forever-forward', 'reverse'] as const) {
	test(`a ${method} chain of a disk has after 30 days of 3 % change at most 5 % of dead room over its live data and one increment`, async (t) => {
		const aged = await age(t, method, 'disk');
		t.diagnostic(`${JSON.stringify(aged)} ${(aged.fileBytes - aged.incrementBytes) / aged.liveBytes}`);
		within(aged, 5);
	});

	// a dozen groups of a mebibyte, each of which loses a little each day: one alone is a twelfth of it all (tidy-plan.test.ts has more)
	test(`a ${method} chain of a folder whose few small files change all over the place has after 30 days of 3 % change dead room of at most a fifth of its live data and one increment`, async (t) => {
		const aged = await age(t, method, 'folder');
		t.diagnostic(`${JSON.stringify(aged)} ${(aged.fileBytes - aged.incrementBytes) / aged.liveBytes}`);
		within(aged, 20);
	});
}
