/** Restore points and chains that the sessions of a job have left behind, in the manner of its method. */
import type { Chain, ChainHealth, JobSettings, Point, PreviewQuery, Session, SnapshotUse, SourceSpec } from '../../engine/contract/index.ts';
import { type ChainPreview, jobSettings } from '../../engine/contract/index.ts';
import { forecastRuns, nextOccurrences, parseSchedule, type RetentionChain } from '../../engine/jobs/index.ts';
import { objectName } from './history.ts';
import { hashOf } from './random.ts';

const dayMs = 86_400_000;
const extension = { full: 'hbk', increment: 'hib', reverse: 'hrb' } as const;

type Past = { readonly jobId: string; readonly settings: JobSettings; readonly lastVerifiedAt: number | null; readonly sessions: readonly Session[] };

/** By the rule of the engine: who held still, and what shows one instant. */
function consistencyOf(kind: SourceSpec['kind'], use: SnapshotUse | undefined): Point['consistency'] {
	if (use === undefined || use.instant === 'live') return 'crash';
	if (kind === 'vm') return use.writers.length > 0 ? 'file-system' : 'crash';
	return use.writers.length > 0 ? 'application' : use.instant === 'file' ? 'crash' : 'file-system';
}

/** Newest first. */
export function pointsOfJob({ jobId, settings, lastVerifiedAt, sessions }: Past): Point[] {
	const { method, retainPoints, retainDays } = settings;
	const youngest = retainDays === null ? Number.POSITIVE_INFINITY : Date.now() - retainDays * dayMs;
	const ended = sessions.filter(({ state }) => state === 'success' || state === 'warning');
	const good = ended.filter(({ startedAt }, i) => i >= ended.length - retainPoints || (startedAt ?? 0) >= youngest);
	const points: Point[] = [];
	for (const [position, source] of settings.sources.entries()) {
		let chain = 0;
		for (const [i, session] of good.entries()) {
			const task = session.tasks[position];
			if (!task) continue;
			const begins = i === 0 || task.mode?.actual === 'full';
			if (begins) chain++;
			const isNewest = i === good.length - 1;
			const kind = method === 'reverse' ? (isNewest ? 'full' : 'reverse') : begins ? 'full' : 'increment';
			// A reverse increment holds what the run after it has replaced.
			const change = method === 'reverse' ? good[i + 1]?.tasks[position] : task;
			const createdAt = task.endedAt ?? session.endedAt ?? 0;
			const isDamaged = jobId === 'job-photos' && i === 4;
			points.push({
				id: `${session.id}-p${position}`,
				chainId: `${jobId}-c${position}-${chain}`,
				jobId,
				job: settings.name,
				origin: 'job',
				originJobId: jobId,
				repositoryId: settings.repositoryId,
				object: objectName(source),
				objectKind: source.kind,
				createdAt,
				kind,
				consistency: consistencyOf(source.kind, task.snapshot),
				...(task.snapshot && { snapshot: task.snapshot }),
				mode: task.mode ?? { requested: 'increment', actual: 'increment', reason: '' },
				sessionId: session.id,
				file: `${settings.name}/${source.path.split('/').at(-1)}/${new Date(createdAt).toISOString().slice(0, 16).replaceAll(':', '')}.${extension[kind]}`,
				storedBytes: kind === 'full' ? Math.round((task.counters.totalBytes ?? 0) * 0.47) : (change?.counters.storedBytes ?? 0),
				sourceBytes: task.counters.totalBytes ?? 0,
				itemCount: task.counters.totalItems ?? 0,
				warningCount: task.counters.warningCount,
				restorable: !isDamaged,
				problem: isDamaged ? 'A block in its backup file does not have the expected checksum.' : null,
				verifiedAt: lastVerifiedAt !== null && lastVerifiedAt > createdAt ? lastVerifiedAt : null,
				gfs: settings.gfs && kind === 'full' ? ['weekly'] : [],
				keepUntil: retainDays === null ? null : createdAt + retainDays * dayMs,
				expires: false,
				isAdHoc: false,
			});
		}
	}
	return points.sort((a, b) => b.createdAt - a.createdAt);
}

/** `points` newest first. Files lie in the order in which they build on each other, as the engine gives them. */
export function chainsOfJob({
	jobId,
	settings,
	repository,
	keyId = settings.encryptionKeyId,
	points,
}: {
	readonly jobId: string;
	readonly settings: JobSettings;
	readonly repository: string;
	/** The key of its repository may stand in for its own. */
	readonly keyId?: string | null;
	readonly points: readonly Point[];
}): Chain[] {
	const isReverse = settings.method === 'reverse';
	const byChain = Map.groupBy(isReverse ? points : points.toReversed(), ({ chainId }) => chainId);
	const newest = new Map([...byChain].map(([id, [first]]) => [first?.object, id]));
	return [...byChain].map(([id, own]): Chain => {
		const [first] = own as [Point];
		const isCurrent = newest.get(first.object) === id;
		const isFull = own.length >= settings.retainPoints;
		return {
			id,
			jobId,
			job: settings.name,
			origin: 'job',
			originJobId: jobId,
			object: first.object,
			repositoryId: settings.repositoryId,
			repository,
			method: settings.method,
			isCurrent,
			encrypted: keyId !== null,
			keyId,
			adHoc: null,
			files: own.map((point, i) => ({
				path: point.file,
				kind: point.kind,
				sizeBytes: point.storedBytes + 61_440,
				createdAt: point.createdAt,
				pointIds: [point.id],
				dependsOn: i === 0 ? null : (own[settings.differential ? 0 : i - 1]?.file ?? null),
				problem: point.problem,
				expires: isReverse ? isFull && i === own.length - 1 : settings.method === 'forever-forward' ? isFull && i === 1 : !isCurrent && settings.gfs === null,
			})),
			provenAt: hashOf(id) % 2 ? Date.now() - (20 + (hashOf(id) % 9)) * dayMs : null,
			unreadSince: own.at(0)?.createdAt ?? Date.now(),
			lastCheck:
				hashOf(id) % 2
					? { at: Date.now() - (hashOf(id) % 9) * dayMs, damagedCount: own.filter(({ restorable }) => !restorable).length, unreadableCount: 0 }
					: null,
		};
	});
}

/** What a check would say of a chain with a damaged point. */
export function healthOf(chain: Chain | undefined, points: readonly Point[]): ChainHealth {
	const hurt = points.filter(({ chainId, restorable }) => chainId === chain?.id && !restorable);
	const damaged = hurt.flatMap(({ id, file, problem }, i) =>
		['/2025/Summer/IMG_2041.jpg', '/2025/Summer/IMG_2042.jpg', '/2025/Winter'].map((path) => ({
			file,
			point: id,
			path,
			reason: problem ?? '',
			structure: 'record' as const,
			offset: 18_874_368 * (i + 1),
		})),
	);
	const checkedAt = chain?.lastCheck?.at ?? null;
	return {
		chain: chain?.id ?? '',
		checkedAt,
		provenAt: chain?.provenAt ?? null,
		unreadSince: chain?.unreadSince ?? 0,
		mendedAt: null,
		damaged,
		unreadable: [],
	};
}

/** By the rules of the engine itself. `present`: what the job has now. */
export function previewOf(query: PreviewQuery, base: JobSettings | null, present: readonly Chain[], points: readonly Point[]): ChainPreview {
	const defaults = jobSettings.parse({ name: 'draft', sources: [{ kind: 'folder', path: '/' }], repositoryId: 'draft' });
	const given = Object.fromEntries(Object.entries(query.draft ?? {}).filter(([, value]) => value !== undefined));
	const settings: JobSettings = { ...(query.draft === null && base ? base : defaults), ...given };
	const now = Date.now();
	const times =
		settings.schedule === null
			? Array.from({ length: query.runs }, (_, i) => now + (i + 1) * dayMs)
			: nextOccurrences(parseSchedule(settings.schedule, now), now, query.runs);
	const sourceOf = (object: string) => settings.sources.find((source) => objectName(source) === object);
	const chains = present.flatMap((chain): RetentionChain[] => {
		const source = sourceOf(chain.object);
		const own = points.filter(({ chainId }) => chainId === chain.id).map((point) => ({ ...point, object: source ?? { kind: 'folder', path: '/' } }));
		if (source === undefined || own.length === 0) return [];
		return [
			{
				id: chain.id,
				createdAt: Math.min(...own.map(({ createdAt }) => createdAt)),
				method: chain.method,
				keyId: chain.keyId,
				objects: [source],
				files: chain.files,
				points: own,
			},
		];
	});
	const runs = forecastRuns(
		chains,
		{ settings, singleFile: false, keyId: settings.encryptionKeyId, fullBytes: query.fullBytes, incrementBytes: query.incrementBytes },
		times,
	);
	return {
		isDailyAssumed: settings.schedule === null,
		runs: runs.map(({ at, mode, chains: after, plan, removed }) => {
			const files = after.flatMap((chain) =>
				chain.files.map(({ path, kind, sizeBytes, createdAt, pointIds }) => ({
					chain: chain.id,
					object: chain.objects.map(objectName).join(', '),
					path,
					kind,
					sizeBytes,
					createdAt,
					points: chain.points
						.filter(({ id }) => pointIds.includes(id))
						.map((point) => ({ createdAt: point.createdAt, gfs: [...(plan.flags.get(point.id) ?? [])] })),
				})),
			);
			return {
				at,
				mode: mode.requested,
				reason: mode.reason,
				files,
				removed: [...removed],
				pointCount: after.reduce((sum, chain) => sum + chain.points.length, 0),
				storedBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
			};
		}),
	};
}
