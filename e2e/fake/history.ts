/** Sessions of the past: what the site's jobs would have left behind had they run by their schedules. */
import { Cron } from 'croner';
import type {
	Bottleneck,
	ErrorShape,
	ItemWarning,
	JobSettings,
	LogEntry,
	RunMode,
	Session,
	SessionState,
	SessionTask,
	SnapshotUse,
	SourceSpec,
	TaskCounters,
} from '../../engine/contract/index.ts';
import { createRandom, hashOf } from './random.ts';
import type { SiteJob, Temper } from './site.ts';

export const objectName = (source: JobSettings['sources'][number]): string => `${source.kind}:${source.path}`;

export const zeroCounters: TaskCounters = {
	totalBytes: null,
	doneBytes: 0,
	readBytes: 0,
	transferredBytes: 0,
	storedBytes: 0,
	totalItems: null,
	doneItems: 0,
	unchangedItems: 0,
	warningCount: 0,
};

const bottlenecks: readonly Bottleneck[] = [
	{
		stage: 'source',
		reason: 'Reading the source took the most time. Faster disks there, or fewer jobs reading them at once, would help.',
		busyPercent: { source: 91, proxy: 38, network: 4, target: 22 },
		throttledPercent: 0,
		speedUp: 1.8,
	},
	{
		stage: 'target',
		reason: 'Writing to the repository took the most time. Its disks are the limit; check whether other jobs write there at this hour.',
		busyPercent: { source: 34, proxy: 29, network: 3, target: 93 },
		throttledPercent: 0,
		speedUp: 1.4,
	},
	{
		stage: 'proxy',
		reason: 'Compression took the most time. A lower level, or more processors, would help.',
		busyPercent: { source: 41, proxy: 96, network: 5, target: 30 },
		throttledPercent: 0,
		speedUp: 1.5,
	},
	{
		stage: 'throttling',
		reason: 'The throttling rule “Branch offices” (5 MB/s) holds the flow back. Raise its limit, change its times, or accept the time.',
		busyPercent: { source: 12, proxy: 19, network: 0, target: 6 },
		throttledPercent: 94,
		speedUp: 5,
	},
	{ stage: 'none', reason: 'Nothing restrained the flow: little had changed.', busyPercent: { source: 12, proxy: 6, network: 1, target: 4 } },
];

const missing = (path: string): ErrorShape => ({
	code: 'source.missing',
	message: `The folder ${path} does not exist.`,
	hint: 'Check that the volume is mounted. The earlier restore points are safe.',
	data: { path },
});
const unreachable: ErrorShape = {
	code: 'repository.unreachable',
	message: 'The repository “Vault” did not answer: /mnt/vault/holdfast is not there.',
	hint: 'Check the mount, then run the job again.',
};

function outcome(temper: Temper, ageDays: number, chance: number): SessionState {
	if (temper === 'missing' && ageDays < 5) return 'failed';
	if (temper === 'flaky') return chance < 0.14 ? 'failed' : chance < 0.26 ? 'warning' : chance < 0.29 ? 'interrupted' : 'success';
	if (temper === 'warns') return chance < 0.55 ? 'warning' : 'success';
	return chance < 0.012 ? 'failed' : chance < 0.05 ? 'warning' : chance < 0.058 ? 'cancelled' : 'success';
}

export function warningsOf(seed: string, source: string, count: number): ItemWarning[] {
	const random = createRandom(`warnings ${seed}`);
	return Array.from({ length: Math.min(count, 100) }, (): ItemWarning => {
		const path = `${source}/${random.pick(['anna', 'bert', 'chidi', 'dora'])}/${random.pick(['Mail/inbox.mbox', 'ledger-2026.ods', 'vm/scratch.img', '.bash_history', 'Reports/Q3 draft.docx'])}`;
		return random.chance(0.7)
			? { code: 'source.changed', message: 'The file changed while it was being read. What was read is stored.', path }
			: { code: 'source.unreadable', message: 'Permission denied. The file is not in this restore point.', path };
	});
}

/** As the volumes of the made-up site are. */
export function snapshotOf({ kind, path }: SourceSpec, createdAt: number): SnapshotUse {
	const use = { requested: 'auto', reason: '', writers: [], createdAt };
	if (kind === 'vm')
		return path.endsWith('/mail')
			? {
					...use,
					requested: 'online',
					actual: 'libvirt',
					instant: 'set',
					reason: 'Its guest agent does not answer.',
					proxy: { id: 'm-proxy', name: 'Proxy-East' },
				}
			: { ...use, requested: 'online', actual: 'libvirt', instant: 'set', writers: ['the guest of the machine'], proxy: { id: 'm-proxy', name: 'Proxy-East' } };
	if (path.startsWith('/home')) return { ...use, actual: 'btrfs', instant: 'volume', writers: ['PostgreSQL 15', 'the script /etc/holdfast/app.sh'] };
	if (path.startsWith('/srv')) return { ...use, actual: 'reflink', instant: 'file' };
	return { ...use, actual: 'none', instant: 'live', reason: 'No provider can make snapshots of /.', createdAt: null };
}

type Made = {
	readonly job: SiteJob;
	readonly id: string;
	readonly startedAt: number;
	readonly isFull: boolean;
	readonly state: SessionState;
	readonly trigger: Session['trigger'];
};

export function makeSession({ job, id, startedAt, isFull, state, trigger }: Made): Session {
	const random = createRandom(id);
	const { sources } = job.settings;
	const isBad = state === 'failed' || state === 'interrupted' || state === 'cancelled';
	const bottleneck = isBad && random.chance(0.5) ? null : isFull ? random.pick(bottlenecks.slice(0, 3)) : random.pick(bottlenecks);
	const mode: RunMode = {
		requested: isFull ? 'full' : 'increment',
		actual: isFull ? 'full' : 'increment',
		reason: isFull ? (job.settings.syntheticFull ? 'A synthetic full was due.' : 'An active full was due.') : '',
	};
	const rate = random.int(90, 260) * 2 ** 20;
	let durationMs = 0;
	const warningCount = state === 'warning' ? random.int(1, 40) : 0;
	const tasks = sources.map((source, i): SessionTask => {
		const total = Math.round((job.sizeBytes / sources.length) * (1 + (i - (sources.length - 1) / 2) * 0.3) * (0.96 + random.next() * 0.06));
		const changed = isFull ? total : Math.round(total * (0.004 + random.next() ** 2 * 0.05));
		const part = isBad ? random.next() * 0.7 : 1;
		const readBytes = Math.round(changed * part);
		const items = source.kind === 'disk' ? Math.ceil(total / 2 ** 20) : Math.max(120, Math.round(total / 340_000));
		const begun = startedAt + durationMs;
		const took = 2500 + (readBytes / rate) * 1000 + (source.kind === 'folder' ? items / 120 : 800);
		durationMs += took;
		const hasFailed = state === 'failed' && i === sources.length - 1;
		return {
			object: objectName(source),
			name: source.path,
			state: hasFailed ? 'failed' : state === 'warning' && i > 0 ? 'success' : state === 'failed' && i < sources.length - 1 ? 'success' : state,
			mode,
			snapshot: snapshotOf(source, startedAt),
			counters: {
				totalBytes: total,
				doneBytes: Math.round(total * part),
				readBytes,
				transferredBytes: Math.round(readBytes * 0.52),
				storedBytes: isBad ? 0 : Math.round(readBytes * (0.44 + random.next() * 0.1)),
				totalItems: items,
				doneItems: Math.round(items * part),
				unchangedItems: isFull ? 0 : Math.round(items * part * 0.97),
				warningCount: i === 0 ? warningCount : 0,
			},
			bottleneck,
			startedAt: begun,
			endedAt: Math.round(begun + took),
			activity: '',
			warnings: i === 0 ? warningsOf(id, source.path, warningCount) : [],
			error: hasFailed ? (job.temper === 'missing' ? missing(source.path) : unreachable) : null,
			pointId: isBad ? null : `${id}-p${i}`,
		};
	});
	if (job.temper === 'missing' && state === 'failed') durationMs = 1800;
	const first = tasks[0] as SessionTask;
	return {
		id,
		kind: 'backup',
		jobId: job.id,
		title: job.settings.name,
		trigger,
		state,
		queuedAt: startedAt - random.int(40, 900),
		startedAt,
		endedAt: Math.round(startedAt + durationMs),
		attempt: state === 'failed' && job.temper === 'missing' ? 3 : 1,
		counters: sumCounters(tasks),
		bottleneck: first.bottleneck,
		tasks,
		error:
			state === 'interrupted'
				? {
						code: 'session.interrupted',
						message: 'The engine ended while this session ran.',
						hint: 'Nothing is lost: the half-written file was removed, earlier points are intact.',
					}
				: (tasks.find(({ error }) => error)?.error ?? null),
		throughput: [],
		rateBytesPerSec: null,
		remainingMs: null,
		step: null,
	};
}

export function sumCounters(tasks: readonly SessionTask[]): TaskCounters {
	const sum = { ...zeroCounters };
	let totalBytes: number | null = 0;
	let totalItems: number | null = 0;
	for (const { counters } of tasks) {
		for (const key of ['doneBytes', 'readBytes', 'transferredBytes', 'storedBytes', 'doneItems', 'unchangedItems', 'warningCount'] as const)
			sum[key] += counters[key];
		totalBytes = totalBytes === null || counters.totalBytes === null ? null : totalBytes + counters.totalBytes;
		totalItems = totalItems === null || counters.totalItems === null ? null : totalItems + counters.totalItems;
	}
	return { ...sum, totalBytes, totalItems };
}

/** A wavering line that ends where the counters end. */
export function throughputOf(session: Session, until: number): Session['throughput'] {
	if (session.startedAt === null) return [];
	const random = createRandom(`throughput ${session.id}`);
	const spanMs = Math.max(1000, until - session.startedAt);
	const count = Math.max(4, Math.min(240, Math.floor(spanMs / 1000)));
	const mean = session.counters.readBytes / (spanMs / 1000);
	let wave = 1;
	return Array.from({ length: count }, (_, i) => {
		wave = Math.max(0.25, Math.min(1.7, wave + (random.next() - 0.5) * 0.35));
		const ramp = Math.min(1, (i + 1) / 4);
		const readRate = Math.round(mean * wave * ramp);
		return {
			offsetMs: Math.round((spanMs * i) / (count - 1)),
			readRate,
			transferRate: Math.round(readRate * (0.5 + random.next() * 0.08)),
			writeRate: Math.round(readRate * (0.44 + random.next() * 0.08)),
		};
	});
}

export function historyOf(job: SiteJob, now: number, days: number): Session[] {
	if (job.temper === 'never' || job.settings.schedule === null) return [];
	const { cron, timeZone } = job.settings.schedule;
	const random = createRandom(`history ${job.id}`);
	const schedule = new Cron(cron, { timezone: timeZone, paused: true });
	const from = now - days * 86_400_000;
	const until = job.settings.enabled ? now - 60_000 : now - 6.4 * 86_400_000;
	const sessions: Session[] = [];
	for (let at = schedule.nextRun(new Date(from)), i = 0; at && at.getTime() < until; at = schedule.nextRun(at), i++) {
		const startedAt = at.getTime() + random.int(20, 3000);
		const state = outcome(job.temper, (now - startedAt) / 86_400_000, random.next());
		const { method, activeFull, syntheticFull, retainPoints } = job.settings;
		const isScheduled = activeFull !== null || syntheticFull !== null;
		const isFull = i === 0 || (isScheduled ? at.getDay() === 6 : method === 'forward' && i % retainPoints === 0);
		const session = makeSession({
			job,
			id: `s-${job.id.slice(4)}-${hashOf(`${job.id} ${i}`).toString(36)}`,
			startedAt,
			isFull,
			state,
			trigger: random.chance(0.04) ? 'manual' : 'schedule',
		});
		if (session.endedAt !== null && session.endedAt < now) sessions.push(session);
	}
	return sessions;
}

export function logOf(session: Session): LogEntry[] {
	const entries: LogEntry[] = [];
	const start = session.startedAt ?? session.queuedAt;
	const say = (offsetMs: number, severity: LogEntry['severity'], message: string, rest: Partial<LogEntry> = {}): void => {
		entries.push({ seq: entries.length + 1, at: start + offsetMs, severity, code: null, message, path: null, ...rest });
	};
	say(0, 'info', `Session started (${session.trigger}).`);
	for (const task of session.tasks) {
		const offset = (task.startedAt ?? start) - start;
		say(offset + 20, 'info', `${task.object}: ${task.mode?.actual === 'full' ? 'full' : 'increment'}${task.mode?.reason ? ` (${task.mode.reason})` : ''}.`);
		say(offset + 400, 'info', `${task.object}: read from ${task.snapshot?.actual ?? 'none'}. ${task.snapshot?.reason ?? ''}`.trim());
		for (const [i, warning] of task.warnings.entries()) say(offset + 900 + i * 150, 'warning', warning.message, { code: warning.code, path: warning.path });
		if (task.error) say((task.endedAt ?? start) - start, 'error', task.error.message, { code: task.error.code });
		else if (task.endedAt) say(task.endedAt - start, 'info', `${task.object}: restore point ${task.pointId} committed.`);
	}
	if (session.endedAt)
		say(session.endedAt - start, session.error ? 'error' : 'info', session.error?.message ?? 'Session ended.', { code: session.error?.code ?? null });
	return entries;
}
