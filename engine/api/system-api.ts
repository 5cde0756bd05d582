import { cpus, hostname, totalmem } from 'node:os';
import { EngineError } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import { type EngineApi, isFinal, type JobSettings, type Overview, type ProtectedObject, type SessionListItem, type SessionTask } from '../contract/index.ts';
import { HEAT_MAP_DAYS, planAttention, planHeatMap, planProtection, planUpcoming } from '../jobs/index.ts';
import { platformLimits } from '../platform/index.ts';
import { mergeEvents } from './event-merge.ts';
import { type Inventory, loadInventory } from './inventory.ts';
import type { ApiParts } from './parts.ts';
import { describeRepository } from './repositories-api.ts';

const DAY_MS = 86_400_000;
/** So many of the newest backups are looked through for the last result of each object: a retry covers only some of them. */
const RECENT_SESSIONS = 5;

export function createSystemApi(parts: ApiParts): EngineApi['system'] {
	const { config, sessions, scheduler, bus, clock, platform, keys } = parts;

	/** The tasks that tell the last result of each object, newest first. `backups`: those of the job that have ended, newest first. */
	async function recentTasks({ settings }: Entity<JobSettings>, backups: readonly SessionListItem[]): Promise<SessionTask[]> {
		const isGoodForAll = ({ state, taskCount }: SessionListItem) => (state === 'success' || state === 'warning') && taskCount >= settings.sources.length;
		const lastGood = backups.findIndex(isGoodForAll);
		// Nothing has failed since: no need to look into what went well.
		if (lastGood === 0) return [];
		const telling = lastGood < 0 ? backups : backups.slice(0, lastGood);
		return (await Promise.all(telling.map(({ id }) => sessions.get(id)))).flatMap(({ tasks }) => tasks);
	}

	async function buildOverview(timeZone: string): Promise<Overview> {
		const now = clock.now();
		const [inventory, nextRuns, newest, outcomes] = await Promise.all([
			loadInventory(parts),
			scheduler.nextRuns(),
			sessions.newestBackups(RECENT_SESSIONS),
			config.sessions.listOutcomes(now - (HEAT_MAP_DAYS + 1) * DAY_MS),
		]);
		const endedOf = (jobId: string) => (newest.get(jobId) ?? []).filter(({ state }) => isFinal(state));
		const tasks = new Map(await Promise.all(inventory.jobs.map(async (job) => [job.id, await recentTasks(job, endedOf(job.id))] as const)));
		const repositories = await Promise.all(inventory.repositories.map((repository) => describeRepository(parts, repository, inventory)));
		const objects = protectedObjects(inventory, tasks, now);
		const verifiedAt = objects.flatMap(({ lastVerifiedAt }) => (lastVerifiedAt === null ? [] : [lastVerifiedAt]));
		return {
			objects,
			imported: importedJobs(inventory),
			lastVerifiedAt: verifiedAt.length === 0 ? null : Math.max(...verifiedAt),
			attention: planAttention(
				{
					jobs: inventory.jobs.map(({ id, settings }) => ({
						id,
						name: settings.name,
						enabled: settings.enabled,
						hasSchedule: settings.schedule !== null,
						lastBackup: endedOf(id)[0] ?? null,
						isRunning: sessions.activeOfJob(id) !== undefined,
					})),
					objects,
					repositories,
					chains: inventory.chains,
					keys: await keys.list(),
					points: inventory.points,
				},
				now,
			),
			runningSessionIds: sessions.active().map(({ id }) => id),
			heatMap: planHeatMap(
				inventory.jobs.map(({ id, settings }) => ({ id, name: settings.name })),
				outcomes,
				now,
				timeZone,
			),
			upcoming: planUpcoming(
				inventory.jobs.map(({ id, settings }) => ({
					id,
					settings,
					nextRunAt: nextRuns.get(id) ?? null,
					sessions: outcomes.filter(({ jobId }) => jobId === id).slice(0, 10),
				})),
				now,
			),
			repositories: repositories.map(({ id, settings, capacityBytes, freeBytes, usedBytes, fullAt }) => ({
				id,
				name: settings.name,
				capacityBytes,
				freeBytes,
				usedBytes,
				fullAt,
			})),
		};
	}

	return {
		async info() {
			return {
				product: 'Holdfast',
				version: parts.version,
				node: process.versions.node,
				platform: `${process.platform} ${process.arch}`,
				hostName: hostname(),
				timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
				dataFolder: parts.dataFolder,
				startedAt: parts.startedAt,
				processors: cpus().length,
				memoryBytes: totalmem(),
				limits: [...platformLimits(platform)],
			};
		},
		async overview({ timeZone }) {
			try {
				new Intl.DateTimeFormat('en', { timeZone });
			} catch (cause) {
				throw new EngineError('usage.invalid', `“${timeZone}” is not a known time zone.`, { data: { field: 'timeZone' }, cause });
			}
			return buildOverview(timeZone);
		},
		events: ({ signal }) => mergeEvents(bus, clock, signal),
		settings: () => config.serverSettings.get(),
		async configure({ revision, settings }) {
			const changed = await config.serverSettings.update(revision, settings);
			bus.emit({ kind: 'settings', id: null });
			return changed;
		},
	};
}

/** By the job that made them, the newest first. */
function importedJobs({ points }: Inventory): Overview['imported'] {
	const strangers = Map.groupBy(
		points.filter(({ jobId, restorable }) => jobId === null && restorable),
		({ originJobId }) => originJobId,
	);
	return [...strangers].flatMap(([originJobId, own]) => {
		const [newest] = own;
		if (newest === undefined) return [];
		const { job, origin, createdAt } = newest;
		return [{ originJobId, job, origin, objectCount: new Set(own.map(({ object }) => object)).size, pointCount: own.length, newestAt: createdAt }];
	});
}

function protectedObjects(inventory: Inventory, tasks: ReadonlyMap<string, readonly SessionTask[]>, nowMs: number): ProtectedObject[] {
	const points = Map.groupBy(inventory.points, ({ jobId }) => jobId);
	return inventory.jobs.flatMap(({ id, settings }) =>
		planProtection({ jobId: id, settings, points: points.get(id) ?? [], recentTasks: tasks.get(id) ?? [] }, nowMs),
	);
}
