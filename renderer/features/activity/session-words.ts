import type { BottleneckStage, Session, SessionKind, StepPart } from '../../../engine/contract/index.ts';

export const kindWords: Readonly<Record<SessionKind, string>> = {
	backup: 'Backup',
	'restore-files': 'File restore',
	'restore-disk': 'Disk restore',
	'restore-vm': 'Machine restore',
	verify: 'Verification',
	check: 'Chain check',
	health: 'Health check',
	repair: 'Repair',
	compact: 'Chain compaction',
};

export const triggerWords: Readonly<Record<Session['trigger'], string>> = {
	manual: 'started by hand',
	schedule: 'on schedule',
	retry: 'retry',
	'make-up': 'made up for a missed run',
};

/** What is done to a chain beyond reading a source. */
export const stepWords: Readonly<Record<StepPart, string>> = {
	merge: 'Merging restore points',
	reverse: 'Moving the older point out of the full',
	synthetic: 'Copying from the chain before',
	compact: 'Writing files anew',
	verify: 'Reading back',
	tidy: 'Closing gaps in the full',
};

/** What each stage of the pipe stands for, and what helps when it is the slowest. The engine's reason comes first; this is the general advice. */
export const stages = [
	{
		id: 'source',
		title: 'Source',
		what: 'reading',
		advice: 'Reading is the slowest part. A faster disk, fewer small files read anew, or another time of day helps; more proxies do not.',
	},
	{
		id: 'proxy',
		title: 'Proxy',
		what: 'compressing',
		advice: 'The processors are the slowest part. A lighter compression level or more cores helps.',
	},
	{
		id: 'network',
		title: 'Network',
		what: 'sending',
		advice: 'The connection is the slowest part. A proxy nearer to the repository or a stronger compression helps.',
	},
	{
		id: 'target',
		title: 'Target',
		what: 'writing',
		advice: 'Writing is the slowest part. A faster repository, fewer tasks at once, or a forward method instead of a reverse one helps.',
	},
] as const;

/** What a stage does in a session of this kind; a restore runs the pipe the other way round. */
export function stageWord(kind: SessionKind, stage: (typeof stages)[number]['id']): string {
	if (kind === 'backup') return stages.find(({ id }) => id === stage)?.what ?? '';
	const isRestore = kind.startsWith('restore-');
	return { source: 'reading backups', proxy: 'decompressing', network: isRestore ? 'sending' : 'not used', target: isRestore ? 'writing' : 'not used' }[stage];
}

export const stageAdvice = (stage: BottleneckStage): string => {
	if (stage === 'throttling') return 'A limit that was set on purpose holds the speed. Raise it on the repository if this takes too long.';
	if (stage === 'none') return 'Nothing holds it back: there was little to do.';
	return stages.find(({ id }) => id === stage)?.advice ?? '';
};

export const durationOf = (session: Pick<Session, 'startedAt' | 'endedAt'>, now: number): number | null =>
	session.startedAt === null ? null : Math.max(0, (session.endedAt ?? now) - session.startedAt);
