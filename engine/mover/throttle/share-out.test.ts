import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRandom } from '../../repository/testing/random.ts';
import { shareOut } from './share-out.ts';

const MB = 1_000_000;
const ratesOf = (limits: Record<string, number>, claims: string[][]): (number | null)[] =>
	shareOut(new Map(Object.entries(limits)), claims).map(({ bytesPerSec }) => bytesPerSec);

test('RATE-02, RATE-03: of 8 MB/s two writers get 4 each; a reader gets 8 and leaves them theirs; two readers get 4 each', () => {
	const limits = { read: 8 * MB, write: 8 * MB };
	assert.deepEqual(ratesOf(limits, [['write']]), [8 * MB]);
	assert.deepEqual(ratesOf(limits, [['write'], ['write']]), [4 * MB, 4 * MB]);
	assert.deepEqual(ratesOf(limits, [['write'], ['write'], ['read']]), [4 * MB, 4 * MB, 8 * MB]);
	assert.deepEqual(ratesOf(limits, [['write'], ['write'], ['read'], ['read']]), [4 * MB, 4 * MB, 4 * MB, 4 * MB]);
});

test('NET-06: transfers that are caught by one rule share it', () => {
	assert.deepEqual(ratesOf({ rule: 9 * MB }, [['rule'], [], ['rule'], ['rule']]), [3 * MB, null, 3 * MB, 3 * MB]);
});

test('what one transfer cannot use because another limit holds it lower goes to the others', () => {
	const parts = shareOut(
		new Map([
			['write', 10 * MB],
			['rule', 2 * MB],
		]),
		[['write', 'rule'], ['write']],
	);
	assert.deepEqual(parts, [
		{ bytesPerSec: 2 * MB, heldBy: 'rule' },
		{ bytesPerSec: 8 * MB, heldBy: 'write' },
	]);
});

test('RATE-03: no limit is given out twice, every transfer gets something, and none could get more without another getting less', () => {
	const seed = 20260;
	const random = seededRandom(seed);
	for (let round = 0; round < 500; round++) {
		const ids = Array.from({ length: 1 + random.below(4) }, (_, i) => `limit ${i}`);
		const limits = new Map(ids.map((id) => [id, 1000 + random.below(10 * MB)]));
		const claims = Array.from({ length: 1 + random.below(8) }, () => ids.filter(() => random.below(2) === 0));
		const parts = shareOut(limits, claims);
		for (const [i, { bytesPerSec, heldBy }] of parts.entries()) {
			const claim = claims[i] as string[];
			assert.equal(bytesPerSec === null, claim.length === 0, `seed ${seed}, round ${round}`);
			if (heldBy === null) continue;
			const members = parts.filter((_, other) => claims[other]?.includes(heldBy));
			const used = members.reduce((sum, part) => sum + (part.bytesPerSec ?? 0), 0);
			const limit = limits.get(heldBy) as number;
			assert.ok(used <= limit, `seed ${seed}, round ${round}: ${heldBy} is given out ${used} of ${limit}`);
			assert.ok(limit - used < members.length, `seed ${seed}, round ${round}: ${limit - used} of ${heldBy} are left over`);
			assert.ok(
				members.every((part) => (part.bytesPerSec ?? 0) <= bytesPerSec),
				`seed ${seed}, round ${round}: another has more of ${heldBy}`,
			);
		}
	}
});
