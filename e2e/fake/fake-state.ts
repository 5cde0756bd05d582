/** What the fake engine remembers, and what follows from it: points, chains, repositories, the overview. */
import { Cron } from 'croner';
import { EngineError } from '../../engine/base/index.ts';
import {
	type AttentionItem,
	type Chain,
	type EngineEvent,
	isFinal,
	type JobSettings,
	type JobSummary,
	type Overview,
	type Point,
	type ProtectedObject,
	type Repository,
	type RepositorySettings,
	type Session,
} from '../../engine/contract/index.ts';
import { chainsOfJob, pointsOfJob } from './chains.ts';
import { historyOf, makeSession, objectName, throughputOf } from './history.ts';
import { importedChains, importedJobs } from './imported.ts';
import { type LiveSession, sessionAt } from './live.ts';
import { hashOf } from './random.ts';
import { type Scenario, type SiteJob, type SiteRepository, siteOf, vaultKeyId } from './site.ts';

const dayMs = 86_400_000;
type Job = { site: SiteJob; settings: JobSettings; revision: number; lastVerifiedAt: number | null };
type StoredRepository = { site: SiteRepository; settings: RepositorySettings; revision: number };

export class FakeState {
	readonly removedChains = new Set<string>();
	readonly jobs = new Map<string, Job>();
	readonly repositories = new Map<string, StoredRepository>();
	readonly #past = new Map<string, Session>();
	readonly #live = new Map<string, LiveSession>();
	readonly #byJob = new Map<string, Session[]>();
	readonly #listeners = new Set<(event: EngineEvent) => void>();
	readonly #timer: ReturnType<typeof setInterval>;

	/** Some of the made-up sites hold what another installation left. */
	readonly hasImports: boolean;
	/** Some of that is encrypted, until somebody knows the password. */
	isLocked: boolean;

	constructor(scenario: Scenario) {
		this.hasImports = scenario === 'normal' || scenario === 'rescued' || scenario === 'error';
		this.isLocked = scenario === 'rescued';
		const site = siteOf(scenario);
		const now = Date.now();
		for (const each of site.repositories) this.repositories.set(each.id, { site: each, settings: each.settings, revision: 1 });
		for (const each of site.jobs) {
			this.jobs.set(each.id, {
				site: each,
				settings: each.settings,
				revision: 1,
				lastVerifiedAt: hashOf(each.id) % 3 ? now - (hashOf(each.id) % 20) * dayMs : null,
			});
			this.#byJob.set(each.id, []);
			for (const session of historyOf(each, now, site.historyDays)) this.#remember(session);
			if (each.isRunning) this.start(each.id, { startedAt: now - 1000 * (200 + (hashOf(each.id) % 500)), lengthMs: 1_500_000, trigger: 'schedule' });
		}
		this.#timer = setInterval(() => this.#tick(), 500);
		this.#timer.unref();
	}

	close(): void {
		clearInterval(this.#timer);
	}

	listen(listener: (event: EngineEvent) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	emit(kind: EngineEvent['kind'], id: string | null = null): void {
		for (const listener of this.#listeners) listener({ kind, id });
	}

	#remember(session: Session): void {
		this.#past.set(session.id, session);
		if (session.jobId !== null && session.kind === 'backup') {
			const list = this.#byJob.get(session.jobId) ?? [];
			list.push(session);
			this.#byJob.set(session.jobId, list);
		}
	}

	#tick(): void {
		const now = Date.now();
		for (const [id, live] of this.#live) {
			const session = sessionAt(live, now);
			this.emit('session', id);
			if (!isFinal(session.state)) continue;
			this.#live.delete(id);
			this.#remember(session);
			for (const kind of ['job', 'point', 'chain', 'repository', 'overview'] as const) this.emit(kind, kind === 'job' ? session.jobId : null);
		}
	}

	start(jobId: string, { startedAt = Date.now() + 600, lengthMs = 24_000, trigger = 'manual' as Session['trigger'], isFull = false } = {}): string {
		const job = this.job(jobId);
		if (this.activeSession(jobId))
			throw new EngineError('busy.job', `The job “${job.settings.name}” is running already.`, { hint: 'Wait until it has ended, or cancel it.' });
		const id = `s-${jobId.slice(4)}-${startedAt.toString(36)}`;
		const final = makeSession({
			job: { ...job.site, settings: job.settings },
			id,
			startedAt,
			isFull: isFull || this.sessionsOf(jobId).length === 0,
			state: 'success',
			trigger,
		});
		return this.startSession(final, startedAt, lengthMs);
	}

	startSession(final: Session, startedAt: number, lengthMs: number): string {
		this.#live.set(final.id, { final, startedAt, lengthMs, cancelledAt: null });
		this.emit('session', final.id);
		this.emit('job', final.jobId);
		return final.id;
	}

	cancelSession(id: string): void {
		const live = this.#live.get(id);
		if (live) live.cancelledAt ??= Date.now();
		this.emit('session', id);
	}

	job(id: string): Job {
		const job = this.jobs.get(id);
		if (!job) throw new EngineError('not-found.job', `There is no job with the id ${id}.`, { hint: 'It may have been removed meanwhile.' });
		return job;
	}

	repository(id: string): StoredRepository {
		const repository = this.repositories.get(id);
		if (!repository) throw new EngineError('not-found.repository', `There is no repository with the id ${id}.`);
		return repository;
	}

	session(id: string): Session {
		const now = Date.now();
		const live = this.#live.get(id);
		const session = live ? sessionAt(live, now) : this.#past.get(id);
		if (!session) throw new EngineError('not-found.session', `There is no session with the id ${id}.`);
		return { ...session, throughput: throughputOf(session, session.endedAt ?? now) };
	}

	/** Newest first. */
	sessions(): Session[] {
		const now = Date.now();
		const all = [...this.#live.values()].map((live) => sessionAt(live, now)).concat([...this.#past.values()]);
		return all.sort((a, b) => b.queuedAt - a.queuedAt);
	}

	/** Oldest first, ended ones only. */
	sessionsOf(jobId: string): readonly Session[] {
		return this.#byJob.get(jobId) ?? [];
	}

	liveSessions(): Session[] {
		const now = Date.now();
		return [...this.#live.values()].map((live) => sessionAt(live, now));
	}

	activeSession(jobId: string): Session | undefined {
		return this.liveSessions().find((session) => session.jobId === jobId);
	}

	nextRunOf({ settings }: Job): number | null {
		if (!settings.enabled || settings.schedule === null) return null;
		return new Cron(settings.schedule.cron, { timezone: settings.schedule.timeZone, paused: true }).nextRun()?.getTime() ?? null;
	}

	summary(id: string): JobSummary {
		const job = this.job(id);
		const past = this.sessionsOf(id);
		const last = past.at(-1);
		const good = past.filter(({ state }) => state === 'success' || state === 'warning');
		const points = this.pointsOf(id);
		return {
			id,
			revision: job.revision,
			settings: job.settings,
			machineName: null,
			proxyName: null,
			repositoryName: this.repositories.get(job.settings.repositoryId)?.settings.name ?? '',
			activeSessionId: this.activeSession(id)?.id ?? null,
			lastSession: last
				? {
						id: last.id,
						state: last.state,
						startedAt: last.startedAt ?? last.queuedAt,
						durationMs: (last.endedAt ?? 0) - (last.startedAt ?? 0),
						error: last.error,
						warningCount: last.counters.warningCount,
					}
				: null,
			lastSuccessAt: good.at(-1)?.endedAt ?? null,
			lastPointAt: points[0]?.createdAt ?? null,
			nextRunAt: this.nextRunOf(job),
			pointCount: points.length,
			storedBytes: points.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
			trend: past.slice(-30).map((session) => ({
				sessionId: session.id,
				state: session.state,
				startedAt: session.startedAt ?? session.queuedAt,
				durationMs: (session.endedAt ?? 0) - (session.startedAt ?? 0),
				storedBytes: session.counters.storedBytes,
				readBytes: session.counters.readBytes,
			})),
		};
	}

	/** Newest first. */
	pointsOf(jobId: string): Point[] {
		const { settings, lastVerifiedAt } = this.job(jobId);
		return pointsOfJob({ jobId, settings, lastVerifiedAt, sessions: this.sessionsOf(jobId) }).filter(({ chainId }) => !this.removedChains.has(chainId));
	}

	chainsOf(jobId: string): Chain[] {
		const { settings } = this.job(jobId);
		const repository = this.repository(settings.repositoryId).settings;
		return chainsOfJob({
			jobId,
			settings,
			repository: repository.name,
			keyId: settings.encryptionKeyId ?? repository.encryptionKeyId,
			points: this.pointsOf(jobId),
		});
	}

	repositoryState(id: string): Repository {
		const { site, settings, revision } = this.repository(id);
		const jobIds = [...this.jobs].filter(([, job]) => job.settings.repositoryId === id).map(([jobId]) => jobId);
		const strangers = this.hasImports ? importedChains.filter(({ repositoryId }) => repositoryId === id) : [];
		const isDown = site.state === 'unreachable';
		const now = Date.now();
		const free = Math.max(0, site.capacityBytes - site.usedBytes);
		return {
			id,
			revision,
			settings,
			machine: settings.machineId === 'm-vault' ? 'Vault' : null,
			mountServer: { 'm-vault': 'Vault', 'm-branch': 'Branch office' }[settings.mountServerId ?? settings.machineId ?? ''] ?? null,
			medium: settings.gateway === 'auto' ? 'network' : 'rotating',
			isDefault: id === [...this.repositories.keys()][0],
			state: site.state,
			problem: isDown
				? { code: 'repository.unreachable', message: `The folder ${settings.path} is not there.`, hint: 'Check that the share is mounted, then rescan.' }
				: this.isLocked
					? {
							code: 'repository.locked',
							message: 'Payroll/payroll_20261103T020000000Z-77.hbk is encrypted, and this installation does not have its key.',
							hint: 'Unlock it with the password or the recovery key.',
						}
					: null,
			capacityBytes: isDown ? null : Math.round(site.capacityBytes),
			freeBytes: isDown ? null : Math.round(free),
			usedBytes: Math.round(site.usedBytes * 0.94),
			sourceBytes: Math.round(site.usedBytes * 1.8),
			jobCount: jobIds.length,
			chainCount: jobIds.length * 2 + strangers.length,
			pointCount: jobIds.reduce((sum, jobId) => sum + this.pointsOf(jobId).length, 0) + strangers.reduce((sum, { files }) => sum + files.length, 0),
			fullAt: isDown || site.growthPerDay === 0 ? null : Math.round(now + (free / site.growthPerDay) * dayMs),
			growth: Array.from({ length: 90 }, (_, i) => ({
				at: now - (89 - i) * dayMs,
				usedBytes: Math.max(0, Math.round(site.usedBytes * 0.94 - (89 - i) * site.growthPerDay * (0.9 + 0.2 * Math.sin(i / 3)))),
			})),
		};
	}

	overview(): Overview {
		const now = Date.now();
		const objects = [...this.jobs.keys()].flatMap((id) => this.#objectsOf(id, now));
		const verified = objects.map(({ lastVerifiedAt }) => lastVerifiedAt ?? 0);
		return {
			objects,
			imported: this.hasImports ? importedJobs : [],
			lastVerifiedAt: Math.max(0, ...verified) || null,
			attention: this.#attention(objects, now),
			runningSessionIds: this.liveSessions().map(({ id }) => id),
			heatMap: [...this.jobs].map(([jobId, { settings }]) => ({ jobId, job: settings.name, days: this.#days(jobId, now) })),
			upcoming: [...this.jobs].flatMap(([jobId, job]) => this.#upcoming(jobId, job, now)).sort((a, b) => a.at - b.at),
			repositories: [...this.repositories.keys()].map((id) => {
				const { settings, capacityBytes, freeBytes, usedBytes, fullAt } = this.repositoryState(id);
				return { id, name: settings.name, capacityBytes, freeBytes, usedBytes, fullAt };
			}),
		};
	}

	#objectsOf(jobId: string, now: number): ProtectedObject[] {
		const { settings, lastVerifiedAt } = this.job(jobId);
		const points = this.pointsOf(jobId);
		const last = this.sessionsOf(jobId).at(-1);
		return settings.sources.map((source): ProtectedObject => {
			const object = objectName(source);
			const newest = points.find((point) => point.object === object);
			const dueAt = newest && settings.schedule ? newest.createdAt + (settings.recoveryPointObjectiveMs ?? 36 * 3_600_000) : null;
			const state = !settings.enabled
				? 'paused'
				: !newest
					? 'never'
					: dueAt !== null && dueAt < now
						? 'overdue'
						: last?.state === 'failed'
							? 'failing'
							: 'protected';
			return {
				jobId,
				job: settings.name,
				object,
				lastPointAt: newest?.createdAt ?? null,
				dueAt,
				state,
				lastVerifiedAt: newest ? lastVerifiedAt : null,
				sourceBytes: newest?.sourceBytes ?? 0,
			};
		});
	}

	#attention(objects: readonly ProtectedObject[], now: number): AttentionItem[] {
		const items: AttentionItem[] = [];
		for (const [id, { settings }] of this.jobs) {
			const last = this.sessionsOf(id).at(-1);
			const own = objects.filter(({ jobId }) => jobId === id);
			const overdue = own.filter(({ state }) => state === 'overdue');
			if (overdue.length > 0 && last)
				items.push({
					id: `overdue-${id}`,
					severity: 'error',
					title: `${settings.name} is not protected any more`,
					detail: last.error?.message ?? 'The newest restore point is too old.',
					at: last.startedAt ?? now,
					action: { kind: 'retry-session', label: 'Retry', targetId: last.id },
				});
			else if (last?.state === 'failed')
				items.push({
					id: `failed-${id}`,
					severity: 'error',
					title: `${settings.name} failed`,
					detail: last.error?.message ?? '',
					at: last.startedAt ?? now,
					action: { kind: 'retry-session', label: 'Retry', targetId: last.id },
				});
			if (own.some(({ state }) => state === 'never'))
				items.push({
					id: `never-${id}`,
					severity: 'warning',
					title: `${settings.name} has never run`,
					detail: 'It has no schedule and was not started by hand yet.',
					at: now - 3 * dayMs,
					action: { kind: 'run-job', label: 'Run now', targetId: id },
				});
			const damaged = this.pointsOf(id).find(({ restorable }) => !restorable);
			if (damaged)
				items.push({
					id: `damaged-${id}`,
					severity: 'error',
					title: `A restore point of ${settings.name} is damaged`,
					detail: damaged.problem ?? '',
					at: damaged.createdAt,
					action: { kind: 'check-chain', label: 'Check the chain', targetId: damaged.chainId },
				});
		}
		if (this.repositories.get('repo-vault')?.settings.encryptionKeyId === vaultKeyId)
			items.push({
				id: 'recovery-key-vault',
				severity: 'warning',
				title: 'The recovery key of Vault may not be stored',
				detail: 'Without it and without the password nobody can ever open these backups. Type it in to show that you have it, or make a new one.',
				at: now - 3 * dayMs,
				action: { kind: 'open-key', label: 'Confirm', targetId: vaultKeyId },
			});
		for (const id of this.repositories.keys()) {
			const { settings, state, problem, fullAt } = this.repositoryState(id);
			if (state === 'unreachable')
				items.push({
					id: `down-${id}`,
					severity: 'error',
					title: `${settings.name} cannot be reached`,
					detail: problem?.message ?? '',
					at: now - 6.4 * dayMs,
					action: { kind: 'open-repository', label: 'Open', targetId: id },
				});
			else if (fullAt !== null && fullAt - now < 30 * dayMs)
				items.push({
					id: `room-${id}`,
					severity: 'warning',
					title: `${settings.name} will be full soon`,
					detail: 'At the growth of the last 30 days. Add room, or keep fewer restore points.',
					at: now,
					action: { kind: 'open-repository', label: 'Open', targetId: id },
				});
		}
		return items.sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error') || b.at - a.at);
	}

	#days(jobId: string, now: number): Overview['heatMap'][number]['days'] {
		const days: ('success' | 'warning' | 'failed' | null)[] = Array.from({ length: 30 }, () => null);
		const midnight = new Date(now).setHours(24, 0, 0, 0);
		for (const { startedAt, state } of this.sessionsOf(jobId)) {
			const index = 29 - Math.floor((midnight - (startedAt ?? 0) - 1) / dayMs);
			const worth = state === 'success' ? 'success' : state === 'warning' ? 'warning' : state === 'cancelled' ? null : 'failed';
			if (index >= 0 && worth && (days[index] == null || worth === 'failed' || (worth === 'warning' && days[index] === 'success'))) days[index] = worth;
		}
		return days;
	}

	#upcoming(jobId: string, { settings }: Job, now: number): Overview['upcoming'] {
		if (!settings.enabled || settings.schedule === null) return [];
		const past = this.sessionsOf(jobId).slice(-10);
		const expectedDurationMs = past.reduce((sum, { startedAt, endedAt }) => sum + ((endedAt ?? 0) - (startedAt ?? 0)), 0) / Math.max(1, past.length);
		return new Cron(settings.schedule.cron, { timezone: settings.schedule.timeZone, paused: true })
			.nextRuns(24)
			.map((at) => at.getTime())
			.filter((at) => at < now + dayMs)
			.map((at) => ({ jobId, job: settings.name, at, expectedDurationMs: Math.max(20_000, expectedDurationMs) }));
	}
}
