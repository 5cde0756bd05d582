import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { chunkHash } from '../format/index.ts';
import { ChainReader, loadChain, storageAt } from '../repository/index.ts';
import { LookAhead } from './look-ahead.ts';
import { disk, newestChain, noise, openSite, protect, seededRandom } from './testing/site.ts';

const MiB = 1024 * 1024;

test('so much is read ahead and no more, in the order in which it is needed, up to the end', () => {
	const begun: number[] = [];
	const hashes = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i));
	const expect = (hash: Uint8Array): number => {
		begun.push(hash[0] as number);
		return MiB;
	};
	const ahead = new LookAhead({ expect }, hashes);
	for (let taken = 0; taken < 20; taken++) {
		ahead.advance();
		assert.equal(begun.length, Math.min(20, taken + 8), `before chunk ${taken}`);
	}
	assert.deepEqual(
		begun,
		hashes.map((_, i) => i),
	);
});

test('one chunk larger than that is read by itself, and one that the chain has lost holds up nothing', () => {
	const sizes = [100 * MiB, 0, 100 * MiB];
	let begun = 0;
	const ahead = new LookAhead({ expect: () => sizes[begun++] ?? 0 }, [Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2)]);
	ahead.advance();
	assert.equal(begun, 1);
	ahead.advance();
	assert.equal(begun, 3, 'the lost one, and what comes after it');
	ahead.advance();
	assert.equal(begun, 3);
});

test('what is read ahead is read once, however late it is taken, and what is expected twice may be taken twice', async (t) => {
	const site = await openSite(t);
	const path = join(site.root, 'disk.img');
	const content = noise(seededRandom(4), 12 * MiB);
	writeFileSync(path, content);
	await protect(site, { objects: [disk(path)] });
	const storage = storageAt(site.repositoryPath);
	const files = (await newestChain(site)).files.map((file) => file.path);
	const chain = await loadChain(storage, files);
	await using named = new ChainReader(chain, storage);
	const blocks = Array.from({ length: 12 }, (_, i) => content.subarray(i * MiB, (i + 1) * MiB));
	const hashes = blocks.map((block) => chunkHash(block));
	for (const hash of hashes) await named.readChunk(hash);

	await using reader = new ChainReader(chain, storage, { isSequential: true });
	const wanted = hashes.flatMap((hash, i) => (i % 5 === 0 ? [hash, hash] : [hash]));
	const ahead = new LookAhead(reader, wanted);
	for (const hash of wanted) {
		ahead.advance();
		await pause(5); // by now several have arrived
		const chunk = await reader.readChunk(hash);
		assert.equal(Buffer.compare(chunk, blocks[hashes.indexOf(hash)] as Buffer), 0);
		reader.giveBack(chunk);
	}
	assert.equal(reader.readBytes, named.readBytes);

	const given = new LookAhead(reader, hashes);
	given.advance();
	await pause(20);
	reader.forgetExpected();
	const chunk = await reader.readChunk(hashes[0] as Uint8Array);
	assert.equal(Buffer.compare(chunk, blocks[0] as Buffer), 0, 'what was forgotten is read again');
	reader.giveBack(chunk);
	assert.equal(chunk.byteLength, 0);
});
