/** What retention may take from the chains of a job. Pure. */
import type { GfsFlag, JobSettings } from '../contract/index.ts';
import { planGfs } from './gfs.ts';
import type { ChainRecord, PointRecord } from './ports.ts';
import { sourceKey } from './source-key.ts';

/** What retention looks at: `ChainRecord`s of one job in one repository. */
export type RetentionChain = Pick<ChainRecord, 'id' | 'createdAt' | 'method' | 'objects' | 'files' | 'points' | 'adHoc' | 'keyId' | 'machine'>;

export type RetentionRule = Pick<JobSettings, 'retainPoints' | 'retainDays' | 'gfs'> & {
	/** Zone in which weeks, months and years begin. */
	readonly timeZone: string;
};

export type RetentionAction =
	| { readonly kind: 'remove-chain'; readonly chainId: string }
	/** A file that nothing builds on by then. */
	| { readonly kind: 'remove-file'; readonly chainId: string; readonly path: string }
	/** Forever forward: the oldest `count` increments go into the full. */
	| { readonly kind: 'merge'; readonly chainId: string; readonly count: number };

export type RetentionPlan = {
	/** In the order in which they are carried out: whatever is interrupted leaves every point that stays restorable. */
	readonly actions: readonly RetentionAction[];
	/** Archive fulls, by the id of the point. */
	readonly flags: ReadonlyMap<string, readonly GfsFlag[]>;
};

export const DAY_MS = 86_400_000;

/**
 * A point is outdated when its object has `retainPoints` restorable points that are newer, and it is older than `retainDays`, and no GFS flag
 * keeps it: it goes when every rule lets it go. Damaged points do not count as newer ones, so that the last good point is never given away for
 * points that cannot be restored. Outdated points go as far as nothing that stays depends on them:
 *
 * - a chain that no object continues goes as a whole when all of it is outdated;
 * - a file that nothing builds on goes alone: the oldest reverse increments, differentials one by one, and the newest increments first where only
 *   an archive full of an old chain is kept;
 * - in the present chain of forever forward incremental the oldest increments are merged into the full.
 *
 * Ad-hoc fulls stand outside of all this: they count for no rule, and each goes when its own date has come, if every object in it has a restorable
 * point elsewhere.
 */
export function planRetention(all: readonly RetentionChain[], rule: RetentionRule, nowMs: number): RetentionPlan {
	const chains = all.filter(({ adHoc }) => !adHoc);
	const oldestFirst = chains.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
	const current = currentChainIds(chains);
	const flags = planGfs(oldestFirst, rule);
	const outdated = findOutdated(oldestFirst, rule, flags, nowMs);
	const actions: RetentionAction[] = expiredAdHoc(all, nowMs).map(({ id }) => ({ kind: 'remove-chain', chainId: id }));
	for (const chain of oldestFirst) {
		const isOutdated = (ids: readonly string[]): boolean => ids.every((id) => outdated.has(id));
		if (chain.objects.length + chain.points.length === 0) continue;
		const own = chain.points.length > 0 ? chain.points.map(({ id }) => id) : [placeholder(chain).id];
		if (!current.has(chain.id) && isOutdated(own)) {
			actions.push({ kind: 'remove-chain', chainId: chain.id });
			continue;
		}
		for (const path of looseFiles(chain, isOutdated)) actions.push({ kind: 'remove-file', chainId: chain.id, path });
		const count = current.has(chain.id) ? mergeCount(chain, isOutdated) : 0;
		if (count > 0) actions.push({ kind: 'merge', chainId: chain.id, count });
	}
	return { actions, flags };
}

/** Ad-hoc fulls whose date has come. One that is the last restorable point of an object stays. */
function expiredAdHoc(all: readonly RetentionChain[], nowMs: number): RetentionChain[] {
	const expired = all.filter(({ adHoc }) => adHoc && adHoc.keepUntil !== null && adHoc.keepUntil <= nowMs);
	const restorable = new Set(
		all
			.filter((chain) => !expired.includes(chain))
			.flatMap(({ points }) => points.filter(({ problem }) => problem === null).map(({ object }) => sourceKey(object))),
	);
	return expired.filter(({ points }) => points.every(({ object, problem }) => problem !== null || restorable.has(sourceKey(object))));
}

/** Ids of all points that no rule keeps. */
function findOutdated(
	chains: readonly RetentionChain[],
	{ retainPoints, retainDays }: RetentionRule,
	flags: RetentionPlan['flags'],
	nowMs: number,
): ReadonlySet<string> {
	const atLeast = Math.max(1, retainPoints);
	const youngerThan = retainDays === null ? Number.POSITIVE_INFINITY : nowMs - retainDays * DAY_MS;
	const outdated = new Set<string>();
	const objects = byObject(chains);
	for (const points of objects.values()) {
		let newer = 0;
		for (const { id, createdAt, problem } of points) {
			if (newer >= atLeast && createdAt < youngerThan && !flags.has(id)) outdated.add(id);
			if (problem === null) newer++;
		}
	}
	// A chain without any point: it counts as one that cannot be restored, of every object that it was made for.
	for (const chain of chains.filter(({ points }) => points.length === 0)) {
		const isSuperseded = (object: string): boolean =>
			(objects.get(object) ?? []).filter(({ createdAt, problem }) => problem === null && createdAt > chain.createdAt).length >= atLeast;
		if (chain.objects.map(sourceKey).every(isSuperseded) && chain.createdAt < youngerThan) outdated.add(placeholder(chain).id);
	}
	return outdated;
}

const placeholder = ({ id }: RetentionChain): { id: string } => ({ id: `chain ${id}` });

/** Points of each object, newest first. */
function byObject(chains: readonly RetentionChain[]): Map<string, PointRecord[]> {
	const groups = Map.groupBy(
		chains.flatMap(({ points }) => points),
		({ object }) => sourceKey(object),
	);
	for (const points of groups.values()) points.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
	return groups;
}

/** Files that can go one after the other, each of them with nothing building on it when its turn comes. */
function looseFiles({ files }: RetentionChain, isOutdated: (pointIds: readonly string[]) => boolean): string[] {
	const gone = new Set<string>();
	for (const { path, kind, pointIds } of files.toReversed()) {
		const isNeeded = files.some((other) => other.dependsOn === path && !gone.has(other.path));
		if (kind !== 'full' && !isNeeded && isOutdated(pointIds)) gone.add(path);
	}
	return [...gone];
}

/** How many increments can go into the full: each of them drops the points of the file before it. Damage is not mixed into what is good. */
function mergeCount({ method, files }: RetentionChain, isOutdated: (pointIds: readonly string[]) => boolean): number {
	if (method !== 'forever-forward' || files.some(({ problem }) => problem !== null)) return 0;
	const firstToStay = files.findIndex(({ pointIds }) => !isOutdated(pointIds));
	return firstToStay < 0 ? 0 : firstToStay;
}

/** Of all chains of a job, the one that the next increment of each object goes to. */
export function currentChainIds(chains: readonly Pick<RetentionChain, 'id' | 'createdAt' | 'objects' | 'points' | 'adHoc'>[]): Set<string> {
	const newest = new Map<string, { readonly id: string; readonly createdAt: number }>();
	for (const chain of chains.filter(({ adHoc }) => !adHoc)) {
		for (const object of objectsOf(chain)) {
			const other = newest.get(object);
			if (other === undefined || chain.createdAt > other.createdAt || (chain.createdAt === other.createdAt && chain.id > other.id)) newest.set(object, chain);
		}
	}
	return new Set([...newest.values()].map(({ id }) => id));
}

/** Objects of the chain's own list and of its points: either may know more after a crash. */
const objectsOf = (chain: Pick<RetentionChain, 'objects' | 'points'>): string[] => [
	...new Set([...chain.objects.map(sourceKey), ...chain.points.map((point) => sourceKey(point.object))]),
];

/** The chains as they are once the plan has been carried out. */
export function applyRetention<Chain extends RetentionChain>(chains: readonly Chain[], actions: readonly RetentionAction[]): Chain[] {
	return actions.reduce<Chain[]>(
		(left, action) => {
			if (action.kind === 'remove-chain') return left.filter(({ id }) => id !== action.chainId);
			return left.map((chain) => {
				if (chain.id !== action.chainId) return chain;
				const files = action.kind === 'merge' ? mergeFiles(chain, action.count) : chain.files.filter(({ path }) => path !== action.path);
				const kept = new Set(files.flatMap(({ pointIds }) => pointIds));
				return { ...chain, files, points: chain.points.filter(({ id }) => kept.has(id)) };
			});
		},
		[...chains],
	);
}

function mergeFiles({ files }: RetentionChain, count: number): RetentionChain['files'] {
	const [full, ...increments] = files;
	const last = increments[count - 1];
	if (full === undefined || last === undefined) return files;
	const merged = { ...full, createdAt: last.createdAt, pointIds: last.pointIds };
	return [merged, ...increments.slice(count).map((file) => (file.dependsOn === last.path ? { ...file, dependsOn: full.path } : file))];
}
