/** Sessions that look after the health of chains: the checks of a repository by its schedule, and repairs. */
import { type Clock, EngineError, toErrorShape } from '../base/index.ts';
import type { Entity, HealthStore } from '../config/index.ts';
import type { CheckResult, JobSettings, RepositorySettings, Session, TaskCounters } from '../contract/index.ts';
import { dueSlices, resliced } from '../repository/index.ts';
import type { Catalogue } from './catalogue.ts';
import { afterCheck, isHurting, placesIn, sliceCountNow } from './chain-health.ts';
import type { ChainUse } from './chain-use.ts';
import { concludeCheck } from './check-findings.ts';
import type { JobRunner } from './job-runner.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import { mendChain } from './mend-chains.ts';
import type { ChainRecord, DataPlane, TaskObserver } from './ports.ts';
import type { Sessions } from './sessions.ts';
import { type TaskSlots, tasksOf } from './slots.ts';
import { sourceKey } from './source-key.ts';

export type HealthSessionParts = {
	readonly sessions: Sessions;
	readonly plane: DataPlane;
	readonly catalogue: Catalogue;
	readonly chainUse: ChainUse;
	readonly slots: TaskSlots;
	readonly health: HealthStore;
	readonly runner: Pick<JobRunner, 'run' | 'cleanedUp'>;
	readonly jobs: { find(id: string): Promise<Entity<JobSettings> | undefined> };
	readonly clock: Clock;
};

/** What such a session was asked; kept with it, so that it can be run again. */
export type HealthInput =
	| { readonly kind: 'health'; readonly repositoryId: string; readonly isWhole: boolean }
	| { readonly kind: 'repair'; readonly repositoryId: string; readonly chainId: string };

export interface HealthSessions {
	/**
	 * Reads what is due of each chain, or all of it. One at a time per repository: `busy.repository`. Null when there is nothing to check.
	 * Between shares it lets those go first who wait for having a chain alone.
	 */
	check(repository: Entity<RepositorySettings>, how: { readonly trigger: Session['trigger']; readonly isWhole: boolean }): Promise<LiveSession | null>;
	/**
	 * Mends a chain from what the repository holds; what is left is read again from the source by a run of its job.
	 * `busy.chain` while something changes the chain; `usage.invalid` when no damage is known.
	 */
	repair(asked: {
		readonly repository: Entity<RepositorySettings>;
		readonly chainId: string;
		readonly jobId: string | null;
		readonly title: string;
		/** The job goes on with it, so that its next run can bring damaged chunks back. */
		readonly isCurrent: boolean;
	}): Promise<LiveSession>;
}

/** A share that is read in one go: what else wants the chain waits no longer than this takes. */
const SHARE_BYTES = 4 * 1024 ** 3;

export function createHealthSessions(parts: HealthSessionParts): HealthSessions {
	const { sessions, plane, catalogue, chainUse, slots, health, runner, jobs, clock } = parts;
	/** Repositories that are being checked. */
	const checking = new Set<string>();

	async function checkOne(
		repository: Entity<RepositorySettings>,
		chain: ChainRecord,
		isWhole: boolean,
		session: LiveSession,
		task: LiveTask,
	): Promise<CheckResult> {
		const key = { repositoryId: repository.id, chainId: chain.id };
		const { settings } = repository;
		const { signal } = session;
		const sliceCount = sliceCountNow(settings, clock.now());
		const known = await health.get(repository.id, chain.id);
		const due = isWhole
			? Array.from({ length: sliceCount }, (_, slice) => slice)
			: dueSlices(resliced(known?.readAt ?? [], sliceCount), chain.createdAt, clock.now());
		const found: CheckResult = { chain: chain.id, readBytes: 0, damaged: [...(known?.damaged ?? [])], unreadable: [...(known?.unreadable ?? [])] };
		if (due.length === 0 && found.damaged.length + found.unreadable.length === 0) {
			task.info('Nothing is due today.');
			return found;
		}
		const sizeBytes = chain.files.reduce((sum, file) => sum + file.sizeBytes, 0);
		const atOnce = Math.max(1, Math.floor(SHARE_BYTES / Math.max(1, sizeBytes / sliceCount)));
		const observer = summing(task);
		for (let from = 0; from === 0 || from < due.length; from += atOnce) {
			const slices = due.slice(from, from + atOnce);
			const onWait = (reason: string) => session.note('info', `${task.name}: waiting for ${reason} to end: it changes the chain in place.`);
			using _use = await chainUse.read(chain.id, { signal, onWait });
			using _slot = await slots.take(tasksOf(repository), { signal, onWait: (reason) => task.waits(reason) });
			signal.throwIfAborted();
			const part = { sliceCount, slices, suspects: [...found.damaged, ...found.unreadable] };
			const result = await plane.checkChain({ repository: settings, chainId: chain.id, part }, observer.share(), {
				signal,
			});
			await health.put(afterCheck(await health.get(repository.id, chain.id), key, result, { slices, sliceCount, at: clock.now() }));
			Object.assign(found, { damaged: result.damaged, unreadable: result.unreadable, readBytes: found.readBytes + result.readBytes });
		}
		return found;
	}

	async function checkAll(repository: Entity<RepositorySettings>, chains: readonly ChainRecord[], isWhole: boolean, session: LiveSession): Promise<void> {
		session.begin();
		const all: CheckResult = { chain: repository.id, readBytes: 0, damaged: [], unreadable: [] };
		for (const [i, chain] of chains.entries()) {
			const task = session.tasks[i] as LiveTask;
			if (session.signal.aborted) return;
			task.start(null);
			try {
				const result = await checkOne(repository, chain, isWhole, session, task);
				all.readBytes += result.readBytes;
				all.damaged.push(...result.damaged);
				all.unreadable.push(...result.unreadable);
				concludeCheck(result, session, task, repairHint);
			} catch (error) {
				if (session.signal.aborted) return; // what is open is called cancelled
				const shape = toErrorShape(error);
				if (shape.code === 'not-found.chain' || shape.code === 'busy.chain') {
					task.info('Retention has removed the chain meanwhile.');
					task.succeed(null);
				} else task.fail(shape);
			}
		}
		session.setResult(all);
		await session.save();
		const view = await catalogue.refresh(repository.id);
		const ids = view.chains.map(({ id }) => id);
		if (view.error === null && view.problems.length === 0) await health.keepOnly(repository.id, ids);
	}

	return {
		async check(repository, { trigger, isWhole }) {
			if (checking.has(repository.id))
				throw new EngineError('busy.repository', `“${repository.settings.name}” is being checked already.`, { hint: 'Follow that check, or cancel it.' });
			checking.add(repository.id);
			try {
				const view = await catalogue.refresh(repository.id);
				const { chains } = view;
				if (view.error === null && chains.length === 0) {
					checking.delete(repository.id);
					return null;
				}
				const input: HealthInput = { kind: 'health', repositoryId: repository.id, isWhole };
				const objects = chains.map((chain) => ({ object: chain.id, name: `${chain.job.name}/${chain.objects.map(sourceKey).join(', ')}` }));
				return await sessions.start({ kind: 'health', jobId: null, title: repository.settings.name, trigger, attempt: 1, input, objects }, async (session) => {
					try {
						// A place that is not there says nothing about what lies in it.
						if (view.error !== null) throw EngineError.from(view.error);
						for (const { path, error } of view.problems) session.note('error', `${path}: ${error.message}`, error.code);
						await checkAll(repository, chains, isWhole, session);
					} finally {
						checking.delete(repository.id);
					}
				});
			} catch (error) {
				checking.delete(repository.id);
				throw error;
			}
		},
		async repair({ repository, chainId, jobId, title, isCurrent }) {
			const known = await health.get(repository.id, chainId);
			if (known === undefined || known.damaged.length === 0)
				throw new EngineError('usage.invalid', `No damage is known in the chain ${chainId}.`, { hint: 'Check it first.', data: { field: 'id' } });
			const seat = chainUse.tryWrite(chainId, `the repair of ${title}`);
			const input: HealthInput = { kind: 'repair', repositoryId: repository.id, chainId };
			try {
				return await sessions.start(
					{ kind: 'repair', jobId, title, trigger: 'manual', attempt: 1, input, objects: [{ object: chainId, name: title }] },
					async (session) => {
						const { signal } = session;
						const task = session.tasks[0] as LiveTask;
						let after = known;
						{
							using _seat = seat;
							if (jobId !== null) await runner.cleanedUp(jobId);
							using _alone = await seat.alone({ signal, onWait: (reason) => session.note('info', `Waiting for ${reason} to end.`) });
							using _slot = await slots.take(tasksOf(repository), { signal, onWait: (reason) => task.waits(reason) });
							session.begin();
							task.start(null);
							after = await mendChain(parts, repository, known, session, task);
						}
						if (after.damaged.some(isHurting) && isCurrent && jobId !== null && (await jobs.find(jobId)) !== undefined) await readAgain(jobId, session, task);
						after = (await health.get(repository.id, chainId)) ?? after;
						session.setResult({ chain: chainId, readBytes: task.currentCounters.readBytes, damaged: [...after.damaged], unreadable: [...after.unreadable] });
						const left = placesIn(after.damaged);
						if (left === 0) session.note('info', 'Nothing that is known of the chain is damaged any more.');
						concludeCheck(after, session, task, lostHint);
						await session.save();
						await catalogue.refresh(repository.id);
					},
				);
			} catch (error) {
				seat[Symbol.dispose]();
				throw error;
			}
		},
	};

	/** A run of the job reads what is damaged again and mends the chain with it. It makes a restore point, as every run does. */
	async function readAgain(jobId: string, session: LiveSession, task: LiveTask): Promise<void> {
		try {
			const run = await runner.run(jobId, null);
			session.note('info', `The job was started to read from the source again what is damaged: session ${run.id}.`);
			task.activity('reading from the source again');
			const stop = (): void => void sessions.cancel(run.id);
			session.signal.addEventListener('abort', stop, { once: true });
			for await (const { state, error } of sessions.follow(run.id, {}))
				if (state === 'failed' && error) session.note('warning', `The run failed: ${error.message}`, error.code);
			session.signal.removeEventListener('abort', stop);
			session.signal.throwIfAborted();
		} catch (error) {
			if (session.signal.aborted) throw error;
			const { message, code } = toErrorShape(error);
			session.note('warning', `The source could not be read again: ${message}`, code);
		}
	}
}

export const repairHint = 'Repair the chain: what is damaged is read again, wherever the source still has it.';
const lostHint =
	'The source does not have it any more. The points that are named keep the rest; newer ones are whole. An active full begins a chain without it.';

/** Shares of one task: their counters add up. */
function summing(task: LiveTask): { share(): TaskObserver } {
	let before: TaskCounters | null = null;
	let last: TaskCounters | null = null;
	return {
		share() {
			before = last;
			return {
				counters(now) {
					last =
						before === null
							? now
							: {
									...now,
									readBytes: before.readBytes + now.readBytes,
									doneBytes: before.doneBytes + now.doneBytes,
									totalBytes: before.doneBytes + (now.totalBytes ?? 0),
								};
					task.counters(last);
				},
				activity: (text) => task.activity(text),
				mode: () => undefined,
				warning: (warning) => task.warning(warning),
				info: (message) => task.info(message),
				bottleneck: (bottleneck) => task.bottleneck(bottleneck),
			};
		},
	};
}
