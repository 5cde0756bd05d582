import type { JobSettings, JobSummary, SessionState } from '../../../engine/contract/index.ts';
import { plural, type SparkPoint, type Status } from '../../ui/index.ts';

type Source = JobSettings['sources'][number];

export const sourceName = ({ path }: Source): string => path;
export const sourcesText = (sources: readonly Source[]): string => {
	const first = sources[0];
	return first ? `${first.path}${sources.length > 1 ? ` and ${plural(sources.length - 1, 'more', 'more')}` : ''}` : '';
};

/** The state that a job shows in a list: what it does now, else how it ended last. */
export function jobStatus({ activeSessionId, lastSession, settings }: JobSummary): Status {
	if (activeSessionId !== null) return 'running';
	if (!settings.enabled) return 'paused';
	return lastSession?.state ?? 'never';
}

/** Trouble first, then what runs, then the rest. */
export const statusRank: Record<Status, number> = {
	failed: 0,
	interrupted: 1,
	overdue: 2,
	warning: 3,
	cancelled: 4,
	running: 5,
	cancelling: 5,
	queued: 6,
	never: 7,
	success: 8,
	paused: 9,
	protected: 8,
	ready: 8,
	failing: 0,
	damaged: 0,
	full: 0,
	unreachable: 0,
	busy: 5,
};

const tones: Partial<Record<SessionState, NonNullable<SparkPoint['tone']>>> = { warning: 'warn', failed: 'bad', interrupted: 'bad', cancelled: 'quiet' };
export const trendPoints = (trend: JobSummary['trend'], value: (run: JobSummary['trend'][number]) => number): SparkPoint[] =>
	trend.map((run) => {
		const tone = tones[run.state];
		return tone ? { value: value(run), tone } : { value: value(run) };
	});

export const methodWords: Record<JobSettings['method'], string> = {
	forward: 'Forward incremental',
	'forever-forward': 'Forever forward incremental',
	reverse: 'Reverse incremental',
};
export const compressionWords: Record<JobSettings['compression'], string> = {
	none: 'None',
	fast: 'Fast (zstd 1)',
	optimal: 'Optimal (zstd 3)',
	high: 'High (zstd 9)',
};
export const blockSizeWords: Record<JobSettings['blockSize'], string> = { '256k': '256 KiB', '512k': '512 KiB', '1m': '1 MiB', '4m': '4 MiB' };
