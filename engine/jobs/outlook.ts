/** What the next run of each job will take from a repository, and what keeps what stays. Pure. */
import type { GfsFlag, JobSettings, RepositorySettings } from '../contract/index.ts';
import { forecastRuns } from './chain-forecast.ts';
import { keyIdFor } from './keys.ts';
import type { ChainRecord } from './ports.ts';
import { DAY_MS, type RetentionChain } from './retention.ts';
import { parseSchedule } from './schedule.ts';

export type Outlook = {
	/** Archive fulls, by the id of the point. */
	readonly gfs: ReadonlyMap<string, readonly GfsFlag[]>;
	/** Ids of points that the next successful run removes. */
	readonly expiringPoints: ReadonlySet<string>;
	/** Paths of files that it removes, or merges into their full. */
	readonly expiringFiles: ReadonlySet<string>;
	/** Until when the rule by days keeps a point, by its id. */
	readonly keepUntil: ReadonlyMap<string, number>;
};

type OutlookJob = { readonly id: string; readonly settings: JobSettings };

/** `jobs`: those that use the repository now; of what others left there nothing is known. */
export function planOutlook(
	chains: readonly ChainRecord[],
	jobs: readonly OutlookJob[],
	repository: Pick<RepositorySettings, 'singleFile' | 'encryptionKeyId'>,
	nowMs: number,
): Outlook {
	const gfs = new Map<string, readonly GfsFlag[]>();
	const expiringPoints = new Set<string>();
	const expiringFiles = new Set<string>();
	const keepUntil = new Map<string, number>();
	const byJob = Map.groupBy(chains, ({ job }) => job.id);
	for (const { id, settings } of jobs) {
		const present = byJob.get(id) ?? [];
		if (present.length === 0) continue;
		const { singleFile } = repository;
		const rules = { settings, singleFile, keyId: keyIdFor(settings, repository), fullBytes: null, incrementBytes: null };
		const [step] = forecastRuns(present, rules, [nextRunAt(settings, nowMs)]);
		if (step === undefined) continue;
		const [pointsAfter, filesAfter] = [pointIdsOf(step.chains), pathsOf(step.chains)];
		for (const point of pointIdsOf(present)) if (!pointsAfter.has(point)) expiringPoints.add(point);
		for (const path of pathsOf(present)) if (!filesAfter.has(path)) expiringFiles.add(path);
		for (const [point, flags] of step.plan.flags) gfs.set(point, flags);
		if (settings.retainDays === null) continue;
		for (const { points, adHoc } of present) if (!adHoc) for (const point of points) keepUntil.set(point.id, point.createdAt + settings.retainDays * DAY_MS);
	}
	return { gfs, expiringPoints, expiringFiles, keepUntil };
}

const nextRunAt = ({ schedule, enabled }: JobSettings, nowMs: number): number =>
	(schedule !== null && enabled ? parseSchedule(schedule, nowMs).after(nowMs) : null) ?? nowMs;

const pointIdsOf = (chains: readonly RetentionChain[]): Set<string> => new Set(chains.flatMap(({ points }) => points.map(({ id }) => id)));
const pathsOf = (chains: readonly RetentionChain[]): Set<string> => new Set(chains.flatMap(({ files }) => files.map(({ path }) => path)));
