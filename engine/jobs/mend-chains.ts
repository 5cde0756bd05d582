/** Mending what checks found broken, as far as the repository itself can. */
import { type Clock, type Log, toErrorShape } from '../base/index.ts';
import type { Entity, HealthStore, StoredHealth } from '../config/index.ts';
import type { RepositorySettings } from '../contract/index.ts';
import { deafObserver } from '../mover/index.ts';
import { afterMending, placesIn } from './chain-health.ts';
import type { ChainSeat } from './chain-use.ts';
import type { LiveSession } from './live-session.ts';
import type { ChainRecord, DataPlane, TaskObserver } from './ports.ts';

export type MendParts = { readonly plane: DataPlane; readonly health: HealthStore; readonly clock: Clock; readonly log: Log };

/**
 * One chain, which the caller has alone: mends, looks at the broken places again, and writes down what is left.
 * @returns what is known of the chain then
 */
export async function mendChain(
	{ plane, health, clock }: Omit<MendParts, 'log'>,
	repository: Entity<RepositorySettings>,
	before: StoredHealth,
	session: LiveSession,
	observer: TaskObserver,
): Promise<StoredHealth> {
	const { signal } = session;
	const { chainId, damaged } = before;
	const place = { repository: repository.settings, chainId };
	const { mend } = await plane.runStep({ ...place, step: { kind: 'mend', suspects: damaged } }, observer, { signal });
	for (const { file, what } of mend?.mended ?? []) session.note('info', `Mended: ${file}: ${what}`);
	for (const { file, what } of mend?.left ?? []) session.note('warning', `Not mended: ${file}: ${what}`, 'repository.damaged');
	const part = { sliceCount: 1, slices: [], suspects: [...damaged, ...before.unreadable] };
	const result = await plane.checkChain({ ...place, part }, observer, { signal });
	const after = afterMending(before, result, clock.now(), (mend?.mended.length ?? 0) > 0);
	await health.put(after);
	return after;
}

/**
 * The chains of a job that are known to be damaged, as its session goes by. One that somebody reads is left for the next run. Trouble is noted.
 * @returns whether something may have been mended
 */
export async function mendKnownDamage(
	parts: MendParts,
	{ repository, chains }: { readonly repository: Entity<RepositorySettings>; readonly chains: readonly ChainRecord[] },
	seats: ReadonlyMap<string, ChainSeat>,
	session: LiveSession,
): Promise<boolean> {
	let hasWorked = false;
	for (const { id, createdAt } of chains) {
		const before = await parts.health.get(repository.id, id);
		if (before === undefined || before.damaged.length === 0 || session.signal.aborted) continue;
		const name = `the chain of ${new Date(createdAt).toISOString()}`;
		try {
			using alone = seats.get(id)?.tryAlone();
			if (alone === undefined) {
				session.note('info', `Mending of ${name} waits for the next run: the chain is being read.`);
				continue;
			}
			hasWorked = true;
			const after = await mendChain(parts, repository, before, session, deafObserver);
			const left = placesIn(after.damaged);
			session.note(left === 0 ? 'info' : 'warning', left === 0 ? `Nothing of ${name} is damaged any more.` : `${left} damaged places of ${name} are left.`);
		} catch (error) {
			if (session.signal.aborted) return hasWorked;
			const { message, code } = toErrorShape(error);
			session.note('warning', `Mending of ${name} did not finish: ${message}`, code);
			parts.log.warn({ err: error, sessionId: session.id, chainId: id }, 'A chain could not be mended.');
		}
	}
	return hasWorked;
}
