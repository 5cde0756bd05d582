import { EngineError, isEngineError } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import { type EngineApi, isFinal, type JobSettings, type JobSummary, type SessionListItem } from '../contract/index.ts';
import { mapChain, nextOccurrences, parseSchedule } from '../jobs/index.ts';
import { type Inventory, loadInventory } from './inventory.ts';
import { checkJobDraft, refuseErrors, toDraftProblems, warnOfDatabases } from './job-check.ts';
import type { ApiParts } from './parts.ts';

const TREND_LENGTH = 30;

export function createJobsApi(parts: ApiParts): EngineApi['jobs'] {
	const { config, sessions, runner, scheduler, bus, clock, snapshots } = parts;

	async function summarize(
		job: Entity<JobSettings>,
		newest: readonly SessionListItem[],
		inventory: Inventory,
		nextRuns: ReadonlyMap<string, number>,
	): Promise<JobSummary> {
		const ended = newest.filter(({ state }) => isFinal(state));
		const isGood = ({ state }: Pick<SessionListItem, 'state'>) => state === 'success' || state === 'warning';
		const olderGood = async () => (await sessions.list({ jobId: job.id, kinds: ['backup'], states: ['success', 'warning'], limit: 1 })).sessions[0];
		const lastGood = ended.find(isGood) ?? (newest.length < TREND_LENGTH ? undefined : await olderGood());
		const points = inventory.points.filter(({ jobId }) => jobId === job.id);
		const files = inventory.chains.filter(({ jobId }) => jobId === job.id).flatMap((chain) => chain.files);
		const last = ended[0];
		return {
			id: job.id,
			revision: job.revision,
			settings: job.settings,
			machineName: inventory.machineNames.get(job.settings.machineId ?? '') ?? null,
			proxyName: inventory.machineNames.get(job.settings.proxyId ?? '') ?? null,
			repositoryName: inventory.repositories.find(({ id }) => id === job.settings.repositoryId)?.settings.name ?? '',
			activeSessionId: sessions.activeOfJob(job.id)?.id ?? null,
			lastSession:
				last === undefined
					? null
					: {
							id: last.id,
							state: last.state,
							startedAt: startOf(last),
							durationMs: durationOf(last),
							error: last.error,
							warningCount: last.counters.warningCount,
						},
			lastSuccessAt: lastGood?.endedAt ?? null,
			lastPointAt: points.find(({ restorable }) => restorable)?.createdAt ?? null,
			nextRunAt: nextRuns.get(job.id) ?? null,
			pointCount: points.length,
			storedBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
			trend: ended.toReversed().map((session) => ({
				sessionId: session.id,
				state: session.state,
				startedAt: startOf(session),
				durationMs: durationOf(session),
				storedBytes: session.counters.storedBytes,
				readBytes: session.counters.readBytes,
			})),
		};
	}

	async function get(id: string): Promise<JobSummary> {
		const job = await config.jobs.get(id);
		const { sessions: newest } = await sessions.list({ jobId: id, kinds: ['backup'], limit: TREND_LENGTH });
		return summarize(job, newest, await loadInventory(parts), await scheduler.nextRuns());
	}

	function announce(id: string): void {
		bus.emit({ kind: 'job', id });
		bus.emit({ kind: 'overview', id: null });
		scheduler.poke();
	}

	/** Whoever saved second sees the job as a face knows it. */
	async function withCurrentSummary<T>(id: string, work: Promise<T>): Promise<T> {
		try {
			return await work;
		} catch (error) {
			if (!isEngineError(error, 'stale.revision')) throw error;
			throw new EngineError(error.code, error.message, { hint: error.hint, data: { current: await get(id) }, cause: error });
		}
	}

	return {
		async list() {
			const [inventory, nextRuns, newest] = await Promise.all([loadInventory(parts), scheduler.nextRuns(), sessions.newestBackups(TREND_LENGTH)]);
			return Promise.all(inventory.jobs.map((job) => summarize(job, newest.get(job.id) ?? [], inventory, nextRuns)));
		},
		get: ({ id }) => get(id),
		async check(draft) {
			const saved = draft.id === undefined ? undefined : await config.jobs.find(draft.id);
			const findings = await checkJobDraft(parts, draft, saved?.settings);
			await warnOfDatabases(draft, findings);
			return toDraftProblems(findings);
		},
		async create(settings) {
			refuseErrors(await checkJobDraft(parts, settings));
			const job = await config.jobs.insert(settings);
			announce(job.id);
			return get(job.id);
		},
		async update({ id, revision, settings }) {
			const saved = await config.jobs.get(id);
			if (saved.revision === revision) refuseErrors(await checkJobDraft(parts, { ...settings, id }, saved.settings));
			await withCurrentSummary(id, config.jobs.update(id, revision, settings));
			announce(id);
			return get(id);
		},
		async remove({ id, revision }) {
			const job = await config.jobs.get(id);
			const active = sessions.activeOfJob(id);
			if (active !== undefined) {
				throw new EngineError('busy.job', `The job “${job.settings.name}” is running.`, {
					hint: 'Cancel it first, or wait until it has ended.',
					data: { sessionId: active.id },
				});
			}
			await withCurrentSummary(id, config.jobs.remove(id, revision));
			void snapshots.forget(id, job.settings.sources);
			await config.formerJobs.put({ id, name: job.settings.name, removedAt: clock.now() });
			announce(id);
			bus.emit({ kind: 'point', id: null });
		},
		async setEnabled({ ids, enabled }) {
			// All of them are looked up first: an unknown id changes nothing.
			const jobs = await Promise.all(ids.map((id) => config.jobs.get(id)));
			for (const { id, revision, settings } of jobs) {
				if (settings.enabled === enabled) continue;
				await config.jobs.update(id, revision, { ...settings, enabled });
				announce(id);
			}
		},
		async run({ id, full, ...wish }) {
			return { sessionId: (await runner.run(id, full, wish)).id };
		},
		async cancel({ id }) {
			const job = await config.jobs.get(id);
			const active = sessions.activeOfJob(id);
			if (active === undefined) throw new EngineError('not-found.session', `The job “${job.settings.name}” is not running.`);
			active.cancel();
		},
		planMapping: ({ id, chainId }) => mapChain(parts, { jobId: id, chainId, isTrial: true }),
		async map({ id, chainId }) {
			const mapping = await mapChain(parts, { jobId: id, chainId, isTrial: false });
			announce(id);
			return mapping;
		},
		async nextRuns({ schedule, count }) {
			const now = clock.now();
			return nextOccurrences(parseSchedule(schedule, now), now, count);
		},
	};
}

type Times = Pick<SessionListItem, 'queuedAt' | 'startedAt' | 'endedAt'>;
const startOf = ({ startedAt, queuedAt }: Times): number => startedAt ?? queuedAt;
const durationOf = (session: Times): number => Math.max(0, (session.endedAt ?? startOf(session)) - startOf(session));
