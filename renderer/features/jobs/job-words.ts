import { gfsFlag, type JobSettings, type JobSummary, type SessionState } from '../../../engine/contract/index.ts';
import { plural, type SparkPoint, type Status } from '../../ui/index.ts';
import { describeSchedule } from './schedule-words.ts';

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

export const quiesceWords: Record<JobSettings['quiesce'], { readonly title: string; readonly word: string; readonly does: string }> = {
	online: {
		title: 'Hold still while the snapshot is made',
		word: 'hold still',
		does: 'They go on as soon as it is made. One that cannot is a warning, and the point counts as less consistent.',
	},
	crash: {
		title: 'Are not asked',
		word: 'are not asked',
		does: 'They are read as the snapshot finds them, and come back as after a power cut.',
	},
	offline: {
		title: 'Hold still, and machines whose guest cannot are put to a saved state',
		word: 'hold still, or are put to a saved state',
		does: 'Such a machine stands still for seconds, or as long as its memory takes to be written and read. The point keeps that, and the machine can go on from there.',
	},
};

type Reading = Pick<JobSettings, 'snapshot' | 'quiesce' | 'requireConsistent' | 'writers' | 'guestWriters'>;

/** What folders and disks are read from. */
export const readingWord = ({ snapshot }: Pick<Reading, 'snapshot'>): string =>
	snapshot === 'auto' ? 'Snapshot, else live' : snapshot === 'none' ? 'Live' : `Snapshot of ${snapshot}, or nothing`;

const namedCount = ({ writers, guestWriters }: Pick<Reading, 'writers' | 'guestWriters'>): number => writers.length + guestWriters.length;

/** "Snapshot, else live; applications and guests hold still (2 named); fails rather than be less consistent". */
export const consistencyText = (settings: Reading): string =>
	[
		readingWord(settings),
		`applications and guests ${quiesceWords[settings.quiesce].word}${namedCount(settings) > 0 ? ` (${namedCount(settings)} named)` : ''}`,
		...(settings.requireConsistent ? ['fails rather than be less consistent'] : []),
	].join('; ');

/** Off-host. @param proxyName null: it is chosen */
export const readerText = (proxyName: string | null): string => `read off-host by ${proxyName ?? 'the proxy with the most room'}`;

export const methodWords: Record<JobSettings['method'], string> = {
	forward: 'Forward incremental',
	'forever-forward': 'Forever forward incremental',
	reverse: 'Reverse incremental',
};
export const methodText = ({ method, differential }: Pick<JobSettings, 'method' | 'differential'>): string =>
	`${methodWords[method]}${differential ? ', differential' : ''}`;

type Renewal = Pick<JobSettings, 'method' | 'activeFull' | 'syntheticFull' | 'retainPoints' | 'retainDays'>;
/** When a new chain begins. */
export function renewalText({ method, activeFull, syntheticFull, retainPoints, retainDays }: Renewal): string {
	const fulls = [
		...(syntheticFull ? [`synthetic full ${lowerFirst(describeSchedule(syntheticFull))}`] : []),
		...(activeFull ? [`active full ${lowerFirst(describeSchedule(activeFull))}`] : []),
	];
	if (fulls.length > 0) return upperFirst(fulls.join(', '));
	if (method !== 'forward') return 'One chain goes on without another full';
	const days = retainDays === null ? '' : ` and reaches back ${plural(retainDays, 'day')}`;
	return `A new chain begins with an active full when the present one holds ${plural(retainPoints, 'point')}${days}`;
}

/** "30 restore points of each object, and all of the last 60 days; archive fulls of 4 weeks, 12 months". */
export function retentionText({ retainPoints, retainDays, gfs }: Pick<JobSettings, 'retainPoints' | 'retainDays' | 'gfs'>): string {
	const days = retainDays === null ? '' : retainDays === 1 ? ', and all of the last day' : `, and all of the last ${plural(retainDays, 'day')}`;
	const unit = { weekly: 'week', monthly: 'month', yearly: 'year' } as const;
	const archives = gfsFlag.options.filter((flag) => (gfs?.[flag] ?? 0) > 0).map((flag) => plural(gfs?.[flag] ?? 0, unit[flag]));
	return `${plural(retainPoints, 'restore point')} of each object${days}${archives.length > 0 ? `; archive fulls of ${archives.join(', ')}` : ''}`;
}

/** Only the first letter: weekdays and zones keep theirs. */
const lowerFirst = (text: string): string => (/^(Every|By) /.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text);
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const compressionWords: Record<JobSettings['compression'], string> = {
	none: 'None',
	fast: 'Fast (zstd 1 and up)',
	optimal: 'Optimal (zstd 2 and up)',
	high: 'High (zstd 9 and up)',
};
export const blockSizeWords: Record<JobSettings['blockSize'], string> = { '256k': '256 KiB', '512k': '512 KiB', '1m': '1 MiB', '4m': '4 MiB' };
