/** The JSON of the command line. Scripts depend on these keys: they may grow, and none is ever renamed. */
import {
	type Bottleneck,
	type Chain,
	type CheckResult,
	describeWhatIf,
	type ErrorShape,
	type JobSummary,
	type Point,
	type Repository,
	type Session,
	type SessionListItem,
	type SnapshotUse,
	type TaskCounters,
} from '../contract/index.ts';
import { isoTime, isoTimeOrNull } from './format.ts';

export const errorJson = (error: ErrorShape) => ({
	code: error.code,
	message: error.message,
	hint: error.hint ?? null,
	...(error.data && { data: error.data }),
});
const errorOrNull = (error: ErrorShape | null) => error && errorJson(error);

const bottleneckJson = (bottleneck: Bottleneck | null) =>
	bottleneck && {
		stage: bottleneck.stage,
		reason: bottleneck.reason,
		busyPercent: bottleneck.busyPercent,
		throttledPercent: bottleneck.throttledPercent ?? 0,
		speedUp: bottleneck.speedUp ?? null,
		whatIf: describeWhatIf(bottleneck),
	};

const durationOf = ({ startedAt, endedAt }: { startedAt: number | null; endedAt: number | null }, nowMs: number): number =>
	startedAt === null ? 0 : Math.max(0, (endedAt ?? nowMs) - startedAt);

const leftOutJson = ({ leftOut }: TaskCounters) => (leftOut === undefined ? {} : { leftOutDeadBytes: leftOut.deadBytes, leftOutSwapBytes: leftOut.swapBytes });

const snapshotJson = ({ createdAt, ...use }: SnapshotUse) => ({ ...use, createdAt: isoTimeOrNull(createdAt) });

export const sessionItemJson = (session: SessionListItem | Session, nowMs: number) => ({
	id: session.id,
	kind: session.kind,
	job: session.title,
	title: session.title,
	jobId: session.jobId,
	state: session.state,
	trigger: session.trigger,
	attempt: session.attempt,
	startedAt: isoTimeOrNull(session.startedAt ?? session.queuedAt),
	endedAt: isoTimeOrNull(session.endedAt),
	durationMs: durationOf(session, nowMs),
	totalBytes: session.counters.totalBytes,
	doneBytes: session.counters.doneBytes,
	readBytes: session.counters.readBytes,
	transferredBytes: session.counters.transferredBytes,
	storedBytes: session.counters.storedBytes,
	...leftOutJson(session.counters),
	warningCount: session.counters.warningCount,
	bottleneck: bottleneckJson(session.bottleneck),
	error: errorOrNull(sessionError(session)),
});

/** A session that failed says why, even where only one of its tasks knows. */
export const sessionError = (session: SessionListItem | Session): ErrorShape | null =>
	session.error ?? ('tasks' in session && session.state === 'failed' ? (session.tasks.find(({ error }) => error !== null)?.error ?? null) : null);

export const sessionJson = (session: Session, nowMs: number) => ({
	...sessionItemJson(session, nowMs),
	tasks: session.tasks.map((task) => ({
		object: task.object,
		name: task.name,
		state: task.state,
		mode: task.mode,
		snapshot: task.snapshot ? snapshotJson(task.snapshot) : null,
		durationMs: durationOf(task, nowMs),
		totalBytes: task.counters.totalBytes,
		doneBytes: task.counters.doneBytes,
		readBytes: task.counters.readBytes,
		transferredBytes: task.counters.transferredBytes,
		storedBytes: task.counters.storedBytes,
		...leftOutJson(task.counters),
		bottleneck: bottleneckJson(task.bottleneck),
		warningCount: task.counters.warningCount,
		warnings: task.warnings,
		error: errorOrNull(task.error),
		point: task.pointId,
	})),
	points: session.tasks.flatMap(({ pointId }) => pointId ?? []),
});

export const jobJson = (job: JobSummary) => ({
	id: job.id,
	revision: job.revision,
	...job.settings,
	sources: job.settings.sources.map(({ kind, path }) => `${kind}:${path}`),
	repository: job.repositoryName,
	machine: job.machineName,
	proxy: job.proxyName,
	activeSession: job.activeSessionId,
	lastSession: job.lastSession && { ...job.lastSession, startedAt: isoTime(job.lastSession.startedAt), error: errorOrNull(job.lastSession.error) },
	lastPointAt: isoTimeOrNull(job.lastPointAt),
	nextRunAt: isoTimeOrNull(job.nextRunAt),
	pointCount: job.pointCount,
	storedBytes: job.storedBytes,
});

export const repositoryJson = (repository: Repository) => ({
	id: repository.id,
	revision: repository.revision,
	...repository.settings,
	machine: repository.machine,
	mountServer: repository.mountServer,
	medium: repository.medium,
	isDefault: repository.isDefault,
	state: repository.state,
	problem: errorOrNull(repository.problem),
	capacityBytes: repository.capacityBytes,
	freeBytes: repository.freeBytes,
	usedBytes: repository.usedBytes,
	sourceBytes: repository.sourceBytes,
	jobCount: repository.jobCount,
	chainCount: repository.chainCount,
	pointCount: repository.pointCount,
	fullAt: isoTimeOrNull(repository.fullAt),
});

export const pointJson = ({ jobId, chainId, repositoryId, sessionId, createdAt, verifiedAt, snapshot, ...point }: Point) => ({
	...point,
	snapshot: snapshot ? snapshotJson(snapshot) : null,
	createdAt: isoTime(createdAt),
	verifiedAt: isoTimeOrNull(verifiedAt),
	chain: chainId,
	session: sessionId,
});

export const chainJson = ({ jobId, repositoryId, lastCheck, files, ...chain }: Chain) => ({
	...chain,
	files: files.map(({ createdAt, pointIds, ...file }) => ({ ...file, createdAt: isoTime(createdAt), points: pointIds })),
	lastCheck: lastCheck && { ...lastCheck, at: isoTime(lastCheck.at) },
	provenAt: isoTimeOrNull(chain.provenAt),
	unreadSince: isoTime(chain.unreadSince),
});

export const checkJson = ({ chain, readBytes, damaged, unreadable }: CheckResult) => ({ chain, readBytes, damaged, unreadable });
