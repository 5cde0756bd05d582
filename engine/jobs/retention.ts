/** Which chains of a job retention may delete. Pure. */
import type { ChainRecord } from './ports.ts';
import { sourceKey } from './source-key.ts';

/** What retention looks at: `ChainRecord`s of one job in one repository. */
export type RetentionChain = Pick<ChainRecord, 'id' | 'createdAt' | 'objects' | 'points'>;

export type RetentionPlan = {
	/** Chains to delete, oldest first. */
	readonly remove: readonly string[];
};

/**
 * Forward incremental: increments depend on everything before them, so a chain goes as a whole or not at all. An old chain goes when,
 * for each object in it, the chains that stay still hold `retainPoints` restorable points. The newest chain of an object never
 * goes, a chain never goes before an older one of the same object, and damaged points do not count, so that the last
 * good point is never given away for points that cannot be restored.
 * `expectedPoints`: points per object that are still to come in the newest chains (for saying what the next run will remove).
 */
export function planRetention(chains: readonly RetentionChain[], retainPoints: number, expectedPoints = 0): RetentionPlan {
	const oldestFirst = chains.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
	const newestOf = new Map<string, RetentionChain>();
	const restorable = new Map<string, number>();
	for (const chain of oldestFirst) {
		for (const object of objectsOf(chain)) {
			newestOf.set(object, chain);
			restorable.set(object, (restorable.get(object) ?? expectedPoints) + goodPoints(chain, object));
		}
	}
	const remove: string[] = [];
	const settled = new Set<string>();
	for (const chain of oldestFirst) {
		const objects = objectsOf(chain);
		const mayGo = objects.every(
			(object) =>
				!settled.has(object) && newestOf.get(object) !== chain && (restorable.get(object) ?? 0) - goodPoints(chain, object) >= Math.max(1, retainPoints),
		);
		if (mayGo && objects.length > 0) {
			remove.push(chain.id);
			for (const object of objects) restorable.set(object, (restorable.get(object) ?? 0) - goodPoints(chain, object));
		} else {
			for (const object of objects) settled.add(object);
		}
	}
	return { remove };
}

/** Of all chains of a job, the one that the next increment of each object goes to. */
export function currentChainIds(chains: readonly RetentionChain[]): Set<string> {
	const newest = new Map<string, RetentionChain>();
	for (const chain of chains) {
		for (const object of objectsOf(chain)) {
			const other = newest.get(object);
			if (other === undefined || chain.createdAt > other.createdAt || (chain.createdAt === other.createdAt && chain.id > other.id)) newest.set(object, chain);
		}
	}
	return new Set([...newest.values()].map(({ id }) => id));
}

/** Objects of the chain's own list and of its points: either may know more after a crash. */
const objectsOf = (chain: RetentionChain): string[] => [...new Set([...chain.objects.map(sourceKey), ...chain.points.map((point) => sourceKey(point.object))])];

const goodPoints = (chain: RetentionChain, object: string): number =>
	chain.points.filter((point) => point.problem === null && sourceKey(point.object) === object).length;
