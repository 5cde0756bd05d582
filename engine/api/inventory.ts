import { EngineError, isEngineError } from '../base/index.ts';
import type { Entity, Verification } from '../config/index.ts';
import type { Chain, ChainHealth, JobSettings, Point, RepositorySettings } from '../contract/index.ts';
import { type CatalogueView, describeHealth, type PointContext, planOutlook, resolvePoint, toChains, toPoint } from '../jobs/index.ts';
import type { ApiParts } from './parts.ts';

/** Everything that is configured and stored, as of one moment. */
export type Inventory = {
	readonly jobs: readonly Entity<JobSettings>[];
	readonly repositories: readonly Entity<RepositorySettings>[];
	readonly views: ReadonlyMap<string, CatalogueView>;
	readonly chains: readonly Chain[];
	/** By the ids of managed machines. */
	readonly machineNames: ReadonlyMap<string, string>;
	/** Newest first. */
	readonly points: readonly Point[];
};

type Reads = Pick<ApiParts, 'config' | 'catalogue' | 'clock'>;

export async function loadInventory({ config, catalogue, clock }: Reads): Promise<Inventory> {
	const [jobs, repositories, views, verifications, formerJobs, allHealth, machines] = await Promise.all([
		config.jobs.list(),
		config.repositories.list(),
		catalogue.all(),
		config.verifications.list(),
		config.formerJobs.ids(),
		config.health.list(),
		config.managed.machines.list(),
	]);
	const jobNames = new Map(jobs.map(({ id, settings }) => [id, settings.name]));
	const chains: Chain[] = [];
	const points: Point[] = [];
	for (const view of views) {
		const repository = repositories.find(({ id }) => id === view.repositoryId);
		const repositoryName = repository?.settings.name ?? '';
		const ofRepository = jobs.filter(({ settings }) => settings.repositoryId === view.repositoryId);
		const outlook = planOutlook(view.chains, ofRepository, repository?.settings ?? { singleFile: false, encryptionKeyId: null }, clock.now());
		const stored = new Map(allHealth.filter((of) => of.repositoryId === view.repositoryId).map((of) => [of.chainId, of]));
		const healthHere = new Map(view.chains.map((chain) => [chain.id, describeHealth(stored.get(chain.id), chain)]));
		const jobsHere = new Set(ofRepository.map(({ id }) => id));
		const context: PointContext = {
			repositoryName,
			jobNames,
			jobsHere,
			formerJobs,
			outlook,
			verifiedAt: verificationTimes(view, verifications, healthHere),
			health: healthHere,
		};
		chains.push(...toChains(view, context));
		for (const chain of view.chains) points.push(...chain.points.map((point) => toPoint({ view, chain, context }, point)));
	}
	points.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
	const machineNames = new Map(machines.map(({ id, settings }) => [id, settings.name]));
	return { jobs, repositories, machineNames, views: new Map(views.map((view) => [view.repositoryId, view])), chains, points };
}

/** A chain of which all has been read back, and nothing is broken, vouches for the points that it held when that began. */
function verificationTimes(view: CatalogueView, verifications: readonly Verification[], health: ReadonlyMap<string, ChainHealth>): Map<string, number> {
	const times = new Map<string, number>();
	const vouch = (pointId: string, at: number) => times.set(pointId, Math.max(at, times.get(pointId) ?? 0));
	for (const { target, targetId, at, damagedCount, unreadableCount } of verifications)
		if (target === 'point' && damagedCount + unreadableCount === 0) vouch(targetId, at);
	for (const chain of view.chains) {
		const at = health.get(chain.id)?.provenAt ?? null;
		if (at !== null) for (const point of chain.points) if (point.createdAt <= at) vouch(point.id, at);
	}
	return times;
}

export type PointFilter = { readonly jobId?: string | undefined; readonly object?: string | undefined; readonly repositoryId?: string | undefined };

export const matchesFilter = (entry: Pick<Point, 'originJobId' | 'object' | 'repositoryId'>, { jobId, object, repositoryId }: PointFilter): boolean =>
	(jobId === undefined || entry.originJobId === jobId) &&
	(object === undefined || entry.object === object) &&
	(repositoryId === undefined || entry.repositoryId === repositoryId);

/** The point that a reference means, with the repository that it lies in. */
export async function findPoint(
	reads: Reads,
	reference: string,
): Promise<{ readonly point: Point; readonly repository: Entity<RepositorySettings>; readonly inventory: Inventory }> {
	const { point, inventory } = await resolve(reads, reference);
	const repository = inventory.repositories.find(({ id }) => id === point.repositoryId);
	if (repository === undefined) throw new EngineError('not-found.repository', `The repository of ${reference} was removed.`);
	return { point, repository, inventory };
}

/** What is not found may lie in a repository that could not be read when it was looked at last: those are read again first. */
async function resolve(reads: Reads, reference: string): Promise<{ readonly point: Point; readonly inventory: Inventory }> {
	const before = await loadInventory(reads);
	try {
		return { point: resolvePoint(reference, before.points), inventory: before };
	} catch (error) {
		const unread = [...before.views.values()].filter((view) => view.error !== null);
		if (!isEngineError(error, 'not-found.point') || unread.length === 0) throw error;
		await Promise.all(unread.map(({ repositoryId }) => reads.catalogue.refresh(repositoryId)));
	}
	const inventory = await loadInventory(reads);
	try {
		return { point: resolvePoint(reference, inventory.points), inventory };
	} catch (error) {
		const unread = inventory.repositories.filter(({ id }) => inventory.views.get(id)?.error);
		if (!isEngineError(error, 'not-found.point') || unread.length === 0) throw error;
		const names = unread.map(({ settings }) => `“${settings.name}”`).join(', ');
		throw new EngineError(error.code, error.message, {
			hint: `It may lie in ${names}, which cannot be read now. ${error.hint ?? ''}`.trim(),
			data: error.data,
			cause: error,
		});
	}
}
