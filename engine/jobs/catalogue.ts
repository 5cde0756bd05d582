import { type Clock, type Log, toErrorShape } from '../base/index.ts';
import type { CatalogueProblem, CatalogueStore, EntityStore, HealthStore, SessionStore, VerificationStore } from '../config/index.ts';
import type { CheckResult, ErrorShape, RepositorySettings } from '../contract/index.ts';
import { isHurting } from './chain-health.ts';
import { withFindings } from './damage.ts';
import type { EventBus } from './events.ts';
import type { ChainRecord, ChainStore } from './ports.ts';

/** One repository as it was when it was last read, with what checks found since. */
export type CatalogueView = {
	readonly repositoryId: string;
	readonly chains: readonly ChainRecord[];
	/** Chains that could not be read. */
	readonly problems: readonly CatalogueProblem[];
	/** Why the last reading failed; the chains are then those of the reading before. */
	readonly error: ErrorShape | null;
};

/** What the repositories hold. Reads each of them once per engine, then when told to. */
export interface Catalogue {
	view(repositoryId: string): Promise<CatalogueView>;
	/** Reads the repository again. Never fails for the repository's sake: that is in the view. `not-found.repository`. */
	refresh(repositoryId: string): Promise<CatalogueView>;
	all(): Promise<CatalogueView[]>;
	forget(repositoryId: string): void;
}

export type CatalogueParts = {
	readonly repositories: EntityStore<RepositorySettings>;
	readonly cache: CatalogueStore<ChainRecord>;
	readonly verifications: VerificationStore;
	readonly health: HealthStore;
	readonly sessions: SessionStore;
	readonly chainStore: ChainStore;
	readonly clock: Clock;
	readonly bus: EventBus;
	readonly log: Log;
};

export function createCatalogue({ repositories, cache, verifications, health, sessions, chainStore, clock, bus, log }: CatalogueParts): Catalogue {
	const views = new Map<string, CatalogueView>();
	/** The reading that is under way, per repository. */
	const readings = new Map<string, Promise<CatalogueView>>();
	/** The one after it: shared by all who ask meanwhile, since what is under way may have missed what they know of. */
	const waiting = new Map<string, Promise<CatalogueView>>();

	/** What checks of chains know, and what verifications of points found since. */
	async function findings(repositoryId: string): Promise<Pick<CheckResult, 'damaged'>[]> {
		const known = (await health.list()).filter((of) => of.repositoryId === repositoryId);
		const results: Pick<CheckResult, 'damaged'>[] = known.map(({ damaged }) => ({ damaged: damaged.filter(isHurting) }));
		const bad = (await verifications.list()).filter(({ target, damagedCount }) => target === 'point' && damagedCount > 0);
		for (const { sessionId, at } of bad) {
			const { result } = await sessions.get(sessionId).catch(() => ({ result: null })); // A pruned session took its findings with it.
			if (result === null) continue;
			const of = known.find(({ chainId }) => chainId === (result as CheckResult).chain);
			const isOutdated = of !== undefined && ((of.mendedAt ?? 0) > at || (of.readAt.length > 0 && of.readAt.every((read) => (read ?? 0) > at)));
			if (!isOutdated) results.push(result as CheckResult);
		}
		return results;
	}

	async function read(repositoryId: string): Promise<CatalogueView> {
		const { settings } = await repositories.get(repositoryId);
		let view: CatalogueView;
		try {
			const listed = await chainStore.list(settings);
			await cache.replace(repositoryId, { readAt: clock.now(), chains: [...listed.chains], problems: [...listed.problems] });
			view = { repositoryId, ...listed, error: null };
		} catch (cause) {
			log.warn({ err: cause, repositoryId }, 'A repository could not be read.');
			const before = await cache.read(repositoryId);
			view = { repositoryId, chains: before?.chains ?? [], problems: before?.problems ?? [], error: toErrorShape(cause) };
		}
		const found = await findings(repositoryId);
		view = { ...view, chains: view.chains.map((chain) => withFindings(chain, found)) };
		views.set(repositoryId, view);
		for (const kind of ['repository', 'chain', 'point'] as const) bus.emit({ kind, id: kind === 'repository' ? repositoryId : null });
		return view;
	}

	function begin(repositoryId: string): Promise<CatalogueView> {
		waiting.delete(repositoryId);
		const reading = read(repositoryId).finally(() => readings.delete(repositoryId));
		readings.set(repositoryId, reading);
		return reading;
	}

	const catalogue: Catalogue = {
		async view(repositoryId) {
			return views.get(repositoryId) ?? readings.get(repositoryId) ?? catalogue.refresh(repositoryId);
		},
		refresh(repositoryId) {
			const next = waiting.get(repositoryId);
			if (next !== undefined) return next;
			const current = readings.get(repositoryId);
			if (current === undefined) return begin(repositoryId);
			const following = current.then(
				() => begin(repositoryId),
				() => begin(repositoryId),
			);
			waiting.set(repositoryId, following);
			return following;
		},
		async all() {
			return Promise.all((await repositories.list()).map(({ id }) => catalogue.view(id)));
		},
		forget: (repositoryId) => void views.delete(repositoryId),
	};
	return catalogue;
}
