import assert from 'node:assert/strict';
import test from 'node:test';
import { LookAhead } from './look-ahead.ts';

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
