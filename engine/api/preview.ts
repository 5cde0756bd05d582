import { EngineError } from '../base/index.ts';
import { type ChainPreview, type JobSettings, jobSettings, type PreviewQuery, type SourceSpec } from '../contract/index.ts';
import { type ForecastStep, forecastRuns, keyIdFor, nextOccurrences, parseSchedule, type RetentionChain, sourceKey } from '../jobs/index.ts';
import type { ApiParts } from './parts.ts';

const DAY_MS = 86_400_000;
/** Stands for what a draft does not protect yet. */
const anySource: SourceSpec = { kind: 'folder', path: '/' };

/** What the next runs make and what retention removes, by the rules that the runs themselves follow. */
export async function previewChains({ config, catalogue, clock }: ApiParts, query: PreviewQuery): Promise<ChainPreview> {
	const { jobId, draft, runs, fullBytes, incrementBytes } = query;
	const job = jobId === null ? undefined : await config.jobs.get(jobId);
	if (job === undefined && draft === null) throw new EngineError('usage.invalid', 'A preview needs a job or a draft of one.', { data: { field: 'jobId' } });
	// Name and repository of a draft do not matter here, and it need not have them yet.
	const defaults = jobSettings.parse({ name: 'draft', sources: [anySource], repositoryId: 'draft' });
	const base = draft === null && job ? job.settings : defaults;
	const given = Object.fromEntries(Object.entries(draft ?? {}).filter(([, value]) => value !== undefined));
	const settings: JobSettings = { ...base, ...given };
	const sources = settings.sources.length > 0 ? settings.sources : [anySource];
	const repository = await config.repositories.find(settings.repositoryId);
	const present = job === undefined ? [] : (await catalogue.view(job.settings.repositoryId)).chains.filter((chain) => chain.job.id === job.id);
	const now = clock.now();
	const times =
		settings.schedule === null
			? Array.from({ length: runs }, (_value, i) => now + (i + 1) * DAY_MS)
			: nextOccurrences(parseSchedule(settings.schedule, now), now, runs);
	const place = repository?.settings ?? { singleFile: false, encryptionKeyId: null };
	const rules = { settings: { ...settings, sources }, singleFile: place.singleFile, keyId: keyIdFor(settings, place), fullBytes, incrementBytes };
	return { runs: forecastRuns(present, rules, times).map(describeStep), isDailyAssumed: settings.schedule === null };
}

function describeStep({ at, mode, chains, plan, removed }: ForecastStep): ChainPreview['runs'][number] {
	const files = chains.flatMap((chain) => describeFiles(chain, plan.flags));
	return {
		at,
		mode: mode.requested === 'increment' ? 'increment' : mode.requested === 'synthetic' ? 'synthetic' : 'full',
		reason: mode.reason,
		files,
		removed: [...removed],
		pointCount: chains.reduce((sum, { points }) => sum + points.length, 0),
		storedBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
	};
}

function describeFiles({ id, objects, files, points }: RetentionChain, flags: ForecastStep['plan']['flags']): ChainPreview['runs'][number]['files'] {
	const byId = new Map(points.map((point) => [point.id, point]));
	return files.map(({ path, kind, sizeBytes, createdAt, pointIds }) => ({
		chain: id,
		object: objects.map(sourceKey).join(', '),
		path,
		kind,
		sizeBytes,
		createdAt,
		points: pointIds.flatMap((pointId) => {
			const point = byId.get(pointId);
			return point === undefined ? [] : [{ createdAt: point.createdAt, gfs: [...(flags.get(pointId) ?? [])] }];
		}),
	}));
}
