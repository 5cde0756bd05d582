import { type Clock, type Log, toErrorShape } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import type { JobSettings, RepositorySettings, SessionStep } from '../contract/index.ts';
import { deafObserver } from '../mover/index.ts';
import { retentionRule } from './chain-forecast.ts';
import type { ChainSeat, ChainUse } from './chain-use.ts';
import type { LiveSession } from './live-session.ts';
import type { ChainRecord, ChainStore, DataPlane, TaskObserver } from './ports.ts';
import { planRetention, type RetentionAction } from './retention.ts';
import { type TaskSlots, tasksOf } from './slots.ts';
import { sourceKey } from './source-key.ts';

export type RetentionParts = {
	readonly plane: DataPlane;
	readonly chainStore: ChainStore;
	readonly chainUse: ChainUse;
	readonly slots: TaskSlots;
	readonly clock: Clock;
	readonly log: Log;
};
type Where = { readonly job: Entity<JobSettings>; readonly repository: Entity<RepositorySettings> };

/**
 * Carries retention out. A chain that somebody reads is left for the next run; trouble with one chain is noted and does not keep the others.
 * @param seats those that the session holds already
 * @returns whether the repository holds something else than before
 */
export async function applyRetention(
	parts: RetentionParts,
	where: Where,
	chains: readonly ChainRecord[],
	seats: ReadonlyMap<string, ChainSeat>,
	session: LiveSession,
): Promise<boolean> {
	const { chainUse, clock, log } = parts;
	const { job } = where;
	const jobChains = chains.filter((chain) => chain.job.id === job.id);
	const { actions } = planRetention(jobChains, retentionRule(job.settings), clock.now());
	let hasChanged = false;
	for (const [chainId, ofChain] of Map.groupBy(actions, (action) => action.chainId)) {
		const chain = jobChains.find(({ id }) => id === chainId) as ChainRecord;
		const name = `the chain of ${new Date(chain.createdAt).toISOString()}`;
		try {
			using own = seats.has(chainId) ? undefined : chainUse.tryWrite(chainId, `the retention of “${job.settings.name}”`);
			const seat = own ?? (seats.get(chainId) as ChainSeat);
			using alone = seat.tryAlone({ isRemoval: ofChain.some(({ kind }) => kind === 'remove-chain') });
			if (alone === undefined) {
				session.note('info', `Retention waits for the next run with ${name}, which is being read.`);
				continue;
			}
			for (const action of ofChain) {
				if (session.signal.aborted) return hasChanged;
				await carryOut(parts, where, chain, action, session);
				hasChanged = true;
			}
		} catch (error) {
			if (session.signal.aborted) return true; // A step that was stopped may have done a part.
			const { message, code } = toErrorShape(error);
			session.note('warning', `Retention did not finish with ${name} and continues after the next run: ${message}`, code);
			log.warn({ err: error, sessionId: session.id, chainId }, 'Retention did not finish with a chain.');
			hasChanged = true;
		}
	}
	return hasChanged;
}

async function carryOut(
	{ plane, chainStore, slots, clock }: RetentionParts,
	{ repository }: Where,
	chain: ChainRecord,
	action: RetentionAction,
	session: LiveSession,
): Promise<void> {
	const location = repository.settings;
	const objects = chain.objects.map(sourceKey).join(', ');
	switch (action.kind) {
		case 'remove-chain':
			await chainStore.removeChain(location, chain.id);
			session.note(
				'info',
				`Retention removed the chain of ${new Date(chain.createdAt).toISOString()} with ${chain.points.length} restore points of ${objects}.`,
			);
			return;
		case 'remove-file': {
			const file = chain.files.find(({ path }) => path === action.path);
			await chainStore.removeFile(location, chain.id, action.path);
			session.note('info', `Retention removed the restore point of ${new Date(file?.createdAt ?? chain.createdAt).toISOString()} of ${objects}.`);
			return;
		}
		case 'merge': {
			using _slot = await slots.take(tasksOf(repository), { signal: session.signal });
			session.note('info', `Merging the oldest ${action.count === 1 ? 'increment' : `${action.count} increments`} of ${objects} into the full.`);
			const startedAt = clock.monotonic();
			try {
				const { savedBytes } = await plane.runStep(
					{ repository: location, chainId: chain.id, step: { kind: 'merge', count: action.count } },
					stepObserver((step) => session.step(step)),
					{ signal: session.signal },
				);
				const seconds = ((clock.monotonic() - startedAt) / 1000).toFixed(1);
				session.note(
					'info',
					`Merged in ${seconds} s; the chain takes ${(Math.abs(savedBytes) / 1_048_576).toFixed(1)} MiB ${savedBytes < 0 ? 'more' : 'less'}.`,
				);
			} finally {
				session.step(null);
			}
			return;
		}
	}
}

/** The tasks have their points and final counters: what is still going on belongs to none of them. */
const stepObserver = (tell: (step: SessionStep) => void): TaskObserver => ({ ...deafObserver, step: tell });
