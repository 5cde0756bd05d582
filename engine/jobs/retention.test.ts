import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackupFileKind, ChainMethod, SourceSpec } from '../contract/index.ts';
import type { PointRecord } from './ports.ts';
import { applyRetention, currentChainIds, DAY_MS, planRetention, type RetentionAction, type RetentionChain, type RetentionRule } from './retention.ts';
import { sourceKey } from './source-key.ts';

const a: SourceSpec = { kind: 'folder', path: '/a' };
const b: SourceSpec = { kind: 'folder', path: '/b' };

type FileSpec = {
	readonly kind?: BackupFileKind;
	readonly dependsOn?: number;
	/** Objects with a point in it, and whether the point is damaged. */
	readonly points?: readonly (readonly [SourceSpec, 'good' | 'bad'])[];
	readonly at: number;
};
type ChainSpec = { readonly method?: ChainMethod; readonly objects?: SourceSpec[]; readonly at?: number; readonly files: readonly FileSpec[] };

/** Paths are `<chain>/<number of the file>`, points `<chain>/<number>/<object>`. */
function chain(id: string, { method = 'forward', objects = [a], at, files }: ChainSpec): RetentionChain {
	const points: PointRecord[] = [];
	const described = files.map((file, i) => {
		const kind = file.kind ?? (i === 0 ? 'full' : 'increment');
		const ofFile = (file.points ?? objects.map((object) => [object, 'good'] as const)).map(([object, state]): PointRecord => {
			const common = { chainId: id, object, kind, consistency: 'crash', mode: { requested: 'increment', actual: 'increment', reason: '' } } as const;
			const sizes = { storedBytes: 1, sourceBytes: 1, itemCount: 1, warningCount: 0 };
			const problem = state === 'bad' ? 'damaged' : null;
			return { ...common, ...sizes, id: `${id}/${i}${object.path}`, createdAt: file.at, sessionId: 's', file: `${id}/${i}`, problem };
		});
		points.push(...ofFile);
		const dependsOn = i === 0 ? null : `${id}/${file.dependsOn ?? i - 1}`;
		return { path: `${id}/${i}`, dependsOn, kind, sizeBytes: 1, createdAt: file.at, pointIds: ofFile.map((point) => point.id), problem: null };
	});
	return { id, method, keyId: null, objects, createdAt: at ?? files[0]?.at ?? 0, files: described, points };
}

/** Increments one after the other, from `from` on, one per unit of time. */
const line = (id: string, count: number, from: number, more: Omit<ChainSpec, 'files'> = {}): RetentionChain =>
	chain(id, { ...more, files: Array.from({ length: count }, (_, i) => ({ at: from + i })) });
/** Newest point in the full, the older ones behind it. */
const reverse = (id: string, count: number, from: number): RetentionChain =>
	chain(id, {
		method: 'reverse',
		at: from,
		files: Array.from({ length: count }, (_, i) => ({ at: from + count - 1 - i, kind: i === 0 ? 'full' : 'reverse' })),
	});
const differential = (id: string, count: number, from: number): RetentionChain =>
	chain(id, { files: Array.from({ length: count }, (_, i) => ({ at: from + i, dependsOn: 0 })) });
const dead = (id: string, count: number, from: number): RetentionChain =>
	chain(id, { files: Array.from({ length: count }, (_, i) => ({ at: from + i, points: [[a, 'bad']] })) });

const rule = (retainPoints: number, more: Partial<RetentionRule> = {}): RetentionRule => ({
	retainPoints,
	retainDays: null,
	gfs: null,
	timeZone: 'UTC',
	...more,
});
const inWords = (action: RetentionAction): string =>
	action.kind === 'remove-chain' ? `- ${action.chainId}` : action.kind === 'remove-file' ? `- ${action.path}` : `merge ${action.count} of ${action.chainId}`;
const planned = (chains: RetentionChain[], by: RetentionRule, nowMs = 0): string[] => planRetention(chains, by, nowMs).actions.map(inWords);

const cases: { readonly title: string; readonly chains: RetentionChain[]; readonly rule: RetentionRule; readonly now?: number; readonly expected: string[] }[] =
	[
		{
			title: 'CHAIN-04: an old chain goes as soon as the rest holds enough points',
			chains: [line('old', 3, 1), line('new', 3, 10)],
			rule: rule(3),
			expected: ['- old'],
		},
		{ title: 'an old chain stays while the rest holds too few', chains: [line('old', 3, 1), line('new', 2, 10)], rule: rule(3), expected: [] },
		{
			title: 'increments depend on their full, so a chain does not lose its beginning',
			chains: [line('old', 10, 1), line('new', 2, 20)],
			rule: rule(3),
			expected: [],
		},
		{ title: 'the present chain stays however many points it holds', chains: [line('only', 50, 1)], rule: rule(3), expected: [] },
		{ title: 'a chain without a good point stays while it is the only one', chains: [dead('only', 5, 1)], rule: rule(1), expected: [] },
		{
			title: 'several old chains go at once, oldest first',
			chains: [line('c3', 2, 30), line('c1', 2, 10), line('c2', 2, 20), line('c4', 2, 40)],
			rule: rule(4),
			expected: ['- c1', '- c2'],
		},
		{ title: 'damaged points do not count', chains: [line('good', 1, 1), dead('damaged', 9, 10)], rule: rule(1), expected: [] },
		{
			title: 'an old chain in which nothing is restorable goes once the others suffice',
			chains: [dead('dead', 2, 1), line('new', 3, 10)],
			rule: rule(3),
			expected: ['- dead'],
		},
		{
			title: 'a newer chain does not go while points before it count',
			chains: [line('c1', 5, 1), dead('c2', 3, 10), line('c3', 3, 20)],
			rule: rule(5),
			expected: [],
		},
		{
			title: 'objects are counted each for itself',
			chains: [line('a1', 3, 1), line('a2', 3, 10), line('b1', 3, 1, { objects: [b] }), line('b2', 1, 10, { objects: [b] })],
			rule: rule(3),
			expected: ['- a1'],
		},
		{
			title: 'a chain of several objects goes when each of them has enough elsewhere',
			chains: [line('both', 3, 1, { objects: [a, b] }), line('next', 3, 10, { objects: [a, b] })],
			rule: rule(3),
			expected: ['- both'],
		},
		{
			title: 'a chain of several objects stays for one of them',
			chains: [line('both', 3, 1, { objects: [a, b] }), line('only-a', 3, 10)],
			rule: rule(3),
			expected: [],
		},
		{
			title: 'an object that left the job keeps its last chain',
			chains: [line('gone', 3, 1, { objects: [b] }), line('a1', 9, 10), line('a2', 9, 30)],
			rule: rule(3),
			expected: ['- a1'],
		},
		{ title: 'nothing to keep, nothing to remove', chains: [chain('empty', { objects: [], files: [] })], rule: rule(1), expected: [] },
		{
			title: 'a chain without points goes when the others suffice',
			chains: [chain('empty', { at: 1, files: [] }), line('new', 2, 10)],
			rule: rule(2),
			expected: ['- empty'],
		},

		{ title: 'reverse: the oldest files go, the farthest first', chains: [reverse('r', 6, 1)], rule: rule(3), expected: ['- r/5', '- r/4', '- r/3'] },
		{ title: 'reverse: nothing goes below what is asked', chains: [reverse('r', 3, 1)], rule: rule(3), expected: [] },
		{
			title: 'reverse: an old chain loses its oldest points one by one while it still counts',
			chains: [reverse('old', 4, 1), reverse('new', 2, 10)],
			rule: rule(4),
			expected: ['- old/3', '- old/2'],
		},
		{
			title: 'differential: each goes for itself, the full stays as long as one builds on it',
			chains: [differential('d', 6, 1)],
			rule: rule(2),
			expected: ['- d/3', '- d/2', '- d/1'],
		},
		{
			title: 'forever forward: what is over is merged into the full',
			chains: [line('f', 6, 1, { method: 'forever-forward' })],
			rule: rule(4),
			expected: ['merge 2 of f'],
		},
		{
			title: 'forever forward: nothing is merged while all points are asked for',
			chains: [line('f', 4, 1, { method: 'forever-forward' })],
			rule: rule(4),
			expected: [],
		},
		{
			title: 'forever forward: damaged points are not merged into good ones',
			chains: [
				{
					...line('f', 6, 1, { method: 'forever-forward' }),
					files: line('f', 6, 1).files.map((file, i) => (i === 1 ? { ...file, problem: 'f/1 is missing.' } : file)),
				},
			],
			rule: rule(2),
			expected: [],
		},
		{
			title: 'forever forward with several objects waits for the one that has fewest',
			chains: [
				chain('f', {
					method: 'forever-forward',
					objects: [a, b],
					files: [{ at: 1 }, { at: 2, points: [[a, 'good']] }, { at: 3, points: [[a, 'good']] }, { at: 4 }],
				}),
			],
			rule: rule(2),
			expected: [],
		},
		{
			title: 'a chain of another method stays until retention removes it',
			chains: [reverse('old', 3, 1), line('new', 2, 10, { method: 'forever-forward' })],
			rule: rule(3),
			expected: ['- old/2', '- old/1'],
		},
		{
			title: 'an old chain of forever forward is not merged any more, but goes as a whole',
			chains: [line('old', 4, 1, { method: 'forever-forward' }), line('new', 3, 10)],
			rule: rule(4),
			expected: [],
		},

		{
			title: 'by days: what is younger stays although there are points enough',
			chains: [reverse('r', 6, 1)],
			rule: rule(1, { retainDays: 2 }),
			now: 4 * DAY_MS,
			expected: ['- r/5', '- r/4', '- r/3', '- r/2', '- r/1'],
		},
		{
			title: 'by days and points: both must let a point go',
			chains: [reverse('r', 6, 1)],
			rule: rule(4, { retainDays: 2 }),
			now: 4 * DAY_MS,
			expected: ['- r/5', '- r/4'],
		},
		{ title: 'by days: a young point stays', chains: [reverse('r', 6, 1)], rule: rule(1, { retainDays: 2 }), now: DAY_MS, expected: [] },
		{ title: 'by days: however old, the last good point stays', chains: [line('f', 1, 1)], rule: rule(1, { retainDays: 1 }), now: 1000 * DAY_MS, expected: [] },
	];

for (const { title, chains, rule: by, now = 0, expected } of cases) test(title, () => assert.deepEqual(planned(chains, by, now), expected));

const day = (text: string): number => Date.parse(`${text}T03:00:00Z`);
const week = (id: string, date: string, increments: number): RetentionChain =>
	chain(id, { files: Array.from({ length: 1 + increments }, (_, i) => ({ at: day(date) + i * DAY_MS })) });

test('GFS: the first full of a week stays alone when its chain is outdated, its increments go newest first', () => {
	const chains = [week('w1', '2026-06-01', 3), week('w2', '2026-06-08', 3), week('w3', '2026-06-15', 3)];
	assert.deepEqual(planned(chains, rule(4, { gfs: { weekly: 3, monthly: 0, yearly: 0 } })), ['- w1/3', '- w1/2', '- w1/1', '- w2/3', '- w2/2', '- w2/1']);
});

test('GFS: a full goes when as many newer weeks have one as are asked for', () => {
	const chains = [week('w1', '2026-06-01', 0), week('w2', '2026-06-08', 0), week('w3', '2026-06-15', 0)];
	assert.deepEqual(planned(chains, rule(1, { gfs: { weekly: 2, monthly: 0, yearly: 0 } })), ['- w1']);
});

test('GFS: weeks, months and years are flagged each for itself, a full may have several flags', () => {
	const chains = [week('y', '2025-12-29', 0), week('m', '2026-01-05', 0), week('x', '2026-01-07', 0), week('n', '2026-02-02', 0)];
	const { flags, actions } = planRetention(chains, rule(1, { gfs: { weekly: 1, monthly: 2, yearly: 2 } }), 0);
	assert.deepEqual(
		[...flags],
		[
			['n/0/a', ['weekly', 'monthly']],
			['m/0/a', ['monthly', 'yearly']],
			['y/0/a', ['yearly']],
		],
	);
	assert.deepEqual(actions.map(inWords), ['- x']);
});

test('GFS: the second full of a week takes no flag when the first has gone, and a damaged one has none', () => {
	const gfs = { weekly: 1, monthly: 0, yearly: 0 };
	const later = week('later', '2026-06-08', 0);
	assert.deepEqual([...planRetention([week('second', '2026-06-03', 0), later], rule(1, { gfs }), 0).flags.keys()], ['later/0/a']);
	const broken = chain('broken', { files: [{ at: day('2026-06-08'), points: [[a, 'bad']] }] });
	assert.deepEqual([...planRetention([broken, week('good', '2026-06-09', 0)], rule(1, { gfs }), 0).flags.keys()], ['good/0/a']);
});

test('GFS: a week begins at midnight of the time zone', () => {
	const sunday = chain('sunday', { files: [{ at: Date.parse('2026-06-07T23:30:00Z') }] });
	const monday = week('monday', '2026-06-08', 0);
	const flagged = (timeZone: string) => [...planRetention([sunday, monday], rule(1, { gfs: { weekly: 2, monthly: 0, yearly: 0 }, timeZone }), 0).flags.keys()];
	assert.deepEqual(flagged('UTC'), ['sunday/0/a', 'monday/0/a']);
	assert.deepEqual(flagged('Europe/Berlin'), ['sunday/0/a']);
});

/** A numbers-only generator: what failed can be run again. */
function seeded(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
		return (state >>> 8) % below;
	};
}

function randomChain(id: string, at: number, random: (below: number) => number): RetentionChain {
	const objects = [[a], [b], [a, b]][random(3)] ?? [a];
	const method = (['forward', 'forever-forward', 'reverse'] as const)[random(3)] ?? 'forward';
	const isDifferential = method === 'forward' && random(2) === 0;
	const count = 1 + random(6);
	const files = Array.from({ length: count }, (_, i): FileSpec => {
		const present = objects.filter(() => random(5) > 0);
		const points = (present.length > 0 ? present : objects).map((object) => [object, random(6) === 0 ? 'bad' : 'good'] as const);
		const order = method === 'reverse' ? count - 1 - i : i;
		const kind = i === 0 ? 'full' : method === 'reverse' ? 'reverse' : 'increment';
		return { at: at + order * 1000, kind, points, ...(isDifferential && { dependsOn: 0 }) };
	});
	return chain(id, { method, objects, at, files });
}

test('whatever the history: nothing that stays depends on what goes, and never fewer good points stay than asked, or all there are', () => {
	const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 20_261_121);
	for (let round = 0; round < 2000; round++) {
		const random = seeded(seed + round);
		const chains = Array.from({ length: 1 + random(5) }, (_, i) => randomChain(`c${i}`, i * 10_000 + random(3) * 10_000, random));
		const by = rule(1 + random(6), {
			retainDays: random(3) === 0 ? 1 : null,
			gfs: random(3) === 0 ? { weekly: random(2), monthly: random(2), yearly: 0 } : null,
		});
		const nowMs = DAY_MS + random(60_000);
		const { actions, flags } = planRetention(chains, by, nowMs);
		const says = (what: string) => `seed ${seed + round}: ${what}; ${actions.map(inWords).join(', ')}`;
		const stays = applyRetention(chains, actions);
		const files = stays.flatMap((each) => each.files);
		const paths = new Set(files.map(({ path }) => path));
		for (const { path, dependsOn } of files) assert.ok(dependsOn === null || paths.has(dependsOn), says(`${path} builds on ${dependsOn}`));
		for (const action of actions) {
			if (action.kind !== 'remove-file') continue;
			const before = applyRetention(chains, actions.slice(0, actions.indexOf(action)));
			assert.ok(
				!before.some((each) => each.files.some(({ dependsOn }) => dependsOn === action.path)),
				says(`${action.path} goes while something builds on it`),
			);
		}
		const left = new Set(stays.flatMap(({ points }) => points.map(({ id }) => id)));
		for (const object of [a, b]) {
			const good = chains
				.flatMap(({ points }) => points)
				.filter((point) => point.problem === null && sourceKey(point.object) === sourceKey(object))
				.toSorted((x, y) => y.createdAt - x.createdAt || (x.id < y.id ? 1 : -1));
			// The brute-force rule: every one of the newest good points is still there, and every one that is young or flagged.
			for (const [i, point] of good.entries()) {
				const isAsked = i < by.retainPoints || flags.has(point.id) || (by.retainDays !== null && point.createdAt >= nowMs - by.retainDays * DAY_MS);
				if (isAsked) assert.ok(left.has(point.id), says(`${point.id} is asked for`));
			}
		}
		for (const id of currentChainIds(chains))
			assert.ok(
				stays.some((each) => each.id === id),
				says(`the present chain ${id} went`),
			);
		assert.deepEqual(planRetention(stays, by, nowMs).actions, [], says('a second look finds more to do'));
	}
});
