/**
 * The whole surface of the engine on one page. A face calls it through a link (IPC, WebSocket) or in process through
 * `createCaller`; the engine implements `EngineApi` and knows nothing of transports.
 */
import { initTRPC, TRPCError } from '@trpc/server';
import { z } from 'zod';
import { type Device, type DeviceSettings, deviceSettings } from './devices.ts';
import { type EncryptionKey, newPassword, type Relocking, secret } from './encryption.ts';
import type { ErrorShape } from './errors.ts';
import type { ChainHealth, CheckResult } from './health.ts';
import { type Host, type HostFacts, type HostSettings, hostSettings, type VirtualMachine } from './hosts.ts';
import type { ChainMapping, ImportReport } from './import-report.ts';
import { type JobSettings, type JobSummary, jobSettings, schedule, sessionState, sourceSpec } from './jobs.ts';
import { type Machine, type MachineSettings, machineSettings, type PairingOffer, type PlaceList } from './machines.ts';
import type { EngineEvent, Overview, SystemInfo } from './overview.ts';
import {
	type BrowsePage,
	type MachinePlan,
	type Point,
	type RestoreDiskInput,
	type RestoreFilesInput,
	type RestorePlan,
	type RestoreVmInput,
	restoreDiskInput,
	restoreFilesInput,
	restoreVmInput,
} from './points.ts';
import {
	adHocFull,
	type Chain,
	type ChainPreview,
	type Repository,
	type RepositoryAddition,
	type RepositorySettings,
	repositoryAddition,
	repositorySettings,
} from './repositories.ts';
import { type RevisedServerSettings, type ServerSettings, serverSettings } from './server-settings.ts';
import { type LogEntry, type Session, type SessionListItem, sessionKind } from './sessions.ts';
import { type Volume, volumeChange } from './snapshots.ts';
import type { StorageReport } from './storage-report.ts';
import { type ThrottleRule, type ThrottleSettings, throttleSettings } from './throttle.ts';

/** What a use case gets beside its input. */
export type CallOptions = { readonly signal?: AbortSignal | undefined };

const id = z.object({ id: z.string().min(1) });
const revision = z.object({ id: z.string().min(1), revision: z.number().int() });

export const sessionFilter = z.object({
	jobId: z.string().optional(),
	kinds: z.array(sessionKind).optional(),
	states: z.array(sessionState).optional(),
	/** Title contains, without regard to case. */
	search: z.string().optional(),
	startedFrom: z.number().optional(),
	startedTo: z.number().optional(),
	offset: z.number().int().min(0).default(0),
	limit: z.number().int().min(1).max(1000).default(200),
});
export type SessionFilter = z.infer<typeof sessionFilter>;
const logQuery = z.object({ id: z.string(), afterSeq: z.number().int().default(0), limit: z.number().int().min(1).max(5000).default(1000) });
const pointFilter = z.object({ jobId: z.string().optional(), object: z.string().optional(), repositoryId: z.string().optional() });
/** A copy of a repository holds the same chains: then the repository must be named. */
const chainReference = z.object({ id: z.string().min(1), repositoryId: z.string().optional() });
export type ChainReference = z.infer<typeof chainReference>;
/** `pointCount`: how many restore points the user was told will be lost. */
const chainRemoval = chainReference.extend({ pointCount: z.number().int().min(0) });
const browseQuery = z.object({
	/** A point's id, or one of the forms of the command line (`JOB@latest`). */
	point: z.string().min(1),
	path: z.string().default('/'),
	offset: z.number().int().min(0).default(0),
	limit: z.number().int().min(1).max(5000).default(1000),
});
const runQuery = z.object({
	id: z.string(),
	full: z.enum(['active', 'synthetic']).nullable().default(null),
	/** A full outside of the job's chains, which retention leaves alone until its date; null as date: until it is removed by hand. */
	adHoc: adHocFull.optional(),
	/** Only these objects of the job (`folder:/etc`); absent: all. */
	objects: z.array(z.string().min(1)).optional(),
});
const mapQuery = z.object({ id: z.string().min(1), chainId: z.string().min(1) });
const importQuery = id.extend({ finish: z.boolean().default(false) });
const heatMapQuery = z.object({ timeZone: z.string().default('UTC') });

const machineAddition = z.object({ settings: machineSettings, token: z.string().min(1, 'A pairing token is needed.').max(1000) });
/** Null: the engine's own. */
const machineId = z.string().min(1).nullable().default(null);
const measureQuery = z.object({ source: sourceSpec, machineId });
const volumeList = z.object({ rescan: z.boolean().default(false), machineId });
const volumeChoice = volumeChange.extend({ machineId });
const machinePlaces = id.extend({ path: z.string().nullable() });

const keyReference = z.object({ keyId: z.string().min(1) });
const passwordChange = keyReference.extend({ password: newPassword });
const recoveryKeyProof = keyReference.extend({ recoveryKey: z.string().min(1).max(200) });
const unlockQuery = z.object({ repositoryId: z.string().min(1), secret });

/** Steps of the job wizard: each is checked when it is left. */
export const jobDraft = jobSettings.partial().extend({ id: z.string().optional() });
export type JobDraft = z.infer<typeof jobDraft>;
const previewQuery = z.object({
	/** Begins with the chains that this job has; null: with none. */
	jobId: z.string().nullable().default(null),
	/** Settings to try; null: those of the job. What a draft leaves out has its default. */
	draft: jobDraft.nullable().default(null),
	runs: z.number().int().min(1).max(100).default(14),
	/** Sizes of a full and an increment of one object; null: estimated from earlier runs. */
	fullBytes: z.number().nonnegative().nullable().default(null),
	incrementBytes: z.number().nonnegative().nullable().default(null),
});
export type PreviewQuery = z.infer<typeof previewQuery>;
/** What is wrong with a draft, per field of the settings (`sources.0.path`); empty when all is well. */
export type DraftProblems = { readonly errors: Readonly<Record<string, string>>; readonly warnings: Readonly<Record<string, string>> };

export interface EngineApi {
	system: {
		info(options: CallOptions): Promise<SystemInfo>;
		overview(input: z.infer<typeof heatMapQuery>, options: CallOptions): Promise<Overview>;
		/** Never ends by itself. Begins with nothing: ask for the state after subscribing. */
		events(options: CallOptions): AsyncIterable<EngineEvent>;
		settings(options: CallOptions): Promise<RevisedServerSettings>;
		/** Holds for sessions that begin from then on. */
		configure(input: { revision: number; settings: ServerSettings }, options: CallOptions): Promise<RevisedServerSettings>;
	};
	jobs: {
		list(options: CallOptions): Promise<JobSummary[]>;
		get(input: { id: string }, options: CallOptions): Promise<JobSummary>;
		check(input: JobDraft, options: CallOptions): Promise<DraftProblems>;
		create(input: JobSettings, options: CallOptions): Promise<JobSummary>;
		/** `stale.revision` with `data.current` (a JobSummary) if somebody saved first. */
		update(input: { id: string; revision: number; settings: JobSettings }, options: CallOptions): Promise<JobSummary>;
		/** Removes the job; its restore points stay. `busy.job` while it runs. */
		remove(input: { id: string; revision: number }, options: CallOptions): Promise<void>;
		setEnabled(input: { ids: string[]; enabled: boolean }, options: CallOptions): Promise<void>;
		/** Starts a session and returns at once. `busy.job` when one runs; `usage.*` for what cannot be wished. */
		run(input: z.infer<typeof runQuery>, options: CallOptions): Promise<{ sessionId: string }>;
		cancel(input: { id: string }, options: CallOptions): Promise<void>;
		/** What would become of a chain if the job were mapped to it. `usage.conflict` when it would not go on with it, saying why. */
		planMapping(input: z.infer<typeof mapQuery>, options: CallOptions): Promise<ChainMapping>;
		/** The job takes the chain over and goes on with it. `busy.job`, `busy.chain` while one of them is in use. */
		map(input: z.infer<typeof mapQuery>, options: CallOptions): Promise<ChainMapping>;
		/** The next times of a schedule; `usage.invalid` with the reason. */
		nextRuns(input: { schedule: z.infer<typeof schedule>; count: number }, options: CallOptions): Promise<number[]>;
	};
	sessions: {
		list(input: SessionFilter, options: CallOptions): Promise<{ total: number; sessions: SessionListItem[] }>;
		get(input: { id: string }, options: CallOptions): Promise<Session>;
		log(input: z.infer<typeof logQuery>, options: CallOptions): Promise<LogEntry[]>;
		/** The whole session at once, then at each change (at most 4 a second) until it has ended; the last one is final. */
		follow(input: { id: string }, options: CallOptions): AsyncIterable<Session>;
		cancel(input: { id: string }, options: CallOptions): Promise<void>;
		/** Runs the job again for the objects that failed (or a restore again). */
		retry(input: { id: string }, options: CallOptions): Promise<{ sessionId: string }>;
	};
	repositories: {
		list(options: CallOptions): Promise<Repository[]>;
		get(input: { id: string }, options: CallOptions): Promise<Repository>;
		/** Where a first repository would go (SRV-05): folder `Backup` on the volume with most free space. */
		suggest(options: CallOptions): Promise<{ path: string; freeBytes: number }>;
		/** Creates the folder if its parent exists, and tries it out before it is trusted. */
		add(input: RepositoryAddition, options: CallOptions): Promise<Repository>;
		update(input: { id: string; revision: number; settings: RepositorySettings }, options: CallOptions): Promise<Repository>;
		/** Forgets it; no file is deleted. Refused while a job uses it. */
		remove(input: { id: string; revision: number }, options: CallOptions): Promise<void>;
		/** Tries its folder out and lets it begin there anew, as if it had just been added: for a disk that was replaced. Deletes nothing. */
		prepare(input: { id: string }, options: CallOptions): Promise<Repository>;
		/** Starts a session of kind `health`: what is due of each chain by the rotation, or all of it. `busy.repository` while one runs. */
		check(input: { id: string; isWhole: boolean }, options: CallOptions): Promise<{ sessionId: string }>;
		/** Reads its folder again. */
		rescan(input: { id: string }, options: CallOptions): Promise<Repository>;
		/**
		 * Finds chains that no job of this installation made, makes lost or damaged `.hbm` anew, and says what could not be used. `finish`: also puts right
		 * what died sessions of other installations left; only when none of them works there any more.
		 */
		import(input: z.infer<typeof importQuery>, options: CallOptions): Promise<ImportReport>;
		/** Tries out what backups rest on: a few small files, which are gone afterwards. What is broken is in the report, not an error. */
		checkStorage(input: { id: string }, options: CallOptions): Promise<StorageReport>;
	};
	/** What chains are encrypted with. Secrets go in; none but a new recovery key, once, comes out. */
	keys: {
		list(options: CallOptions): Promise<EncryptionKey[]>;
		/** A new key that the password and the recovery key open. Give its id to a job or a repository. */
		create(input: { password: string }, options: CallOptions): Promise<{ keyId: string; recoveryKey: string }>;
		/** No data is written anew; the password before opens none of the files that were reached. */
		changePassword(input: z.infer<typeof passwordChange>, options: CallOptions): Promise<Relocking>;
		/** Makes another recovery key, as for a password. */
		newRecoveryKey(input: { keyId: string }, options: CallOptions): Promise<Relocking & { recoveryKey: string }>;
		/** Goes on with a change of secrets that could not reach every chain. */
		relock(input: { keyId: string }, options: CallOptions): Promise<Relocking>;
		/** Proves that the user has it. `auth.wrong-secret`. */
		confirmRecoveryKey(input: z.infer<typeof recoveryKeyProof>, options: CallOptions): Promise<void>;
		/** Opens chains that another installation made, or this one before it lost its data folder. `auth.wrong-secret` when none opens. */
		unlock(input: z.infer<typeof unlockQuery>, options: CallOptions): Promise<{ keyIds: string[]; repository: Repository }>;
		/** Forgets a key that no job and no repository uses: its chains then need to be unlocked again. `usage.conflict`. */
		remove(input: { keyId: string }, options: CallOptions): Promise<void>;
	};
	chains: {
		list(input: z.infer<typeof pointFilter>, options: CallOptions): Promise<Chain[]>;
		/** Starts a session of kind `check` that reads every stored byte; result with `checkResult`. */
		check(input: ChainReference, options: CallOptions): Promise<{ sessionId: string }>;
		/** Starts a session of kind `compact` that writes the files of a chain anew without dead room. `busy.chain` while a run changes it. */
		compact(input: ChainReference, options: CallOptions): Promise<{ sessionId: string }>;
		/** Removes it with all its points, at once. `busy.chain` while it is in use; `usage.conflict` when it holds another number of points by now. */
		remove(input: z.infer<typeof chainRemoval>, options: CallOptions): Promise<{ pointCount: number; freedBytes: number }>;
		/**
		 * Starts a session of kind `repair`: mends what the repository itself can mend, then lets the job read the rest from the source again.
		 * `usage.invalid` when no damage is known, `busy.chain` while something changes the chain.
		 */
		repair(input: ChainReference, options: CallOptions): Promise<{ sessionId: string }>;
		/** What is known of its health, with all that is hurt. */
		health(input: ChainReference, options: CallOptions): Promise<ChainHealth>;
		/** What the next runs of a job, or of a draft of one, make and what retention removes. Changes nothing. */
		preview(input: PreviewQuery, options: CallOptions): Promise<ChainPreview>;
		/** The result of a finished check session. */
		checkResult(input: { sessionId: string }, options: CallOptions): Promise<CheckResult>;
	};
	points: {
		/** Newest first. */
		list(input: z.infer<typeof pointFilter>, options: CallOptions): Promise<Point[]>;
		/** Accepts the forms of the command line. */
		get(input: { point: string }, options: CallOptions): Promise<Point>;
		browse(input: z.infer<typeof browseQuery>, options: CallOptions): Promise<BrowsePage>;
		/** The points of the same object in which `path` exists, newest first, with its size and time there. */
		versions(
			input: { point: string; path: string },
			options: CallOptions,
		): Promise<{ pointId: string; createdAt: number; sizeBytes: number; modifiedAt: number | null }[]>;
		/** Starts a session of kind `verify`: reads everything the point needs, writes nothing. */
		verify(input: { point: string }, options: CallOptions): Promise<{ sessionId: string }>;
	};
	restore: {
		plan(input: RestoreFilesInput, options: CallOptions): Promise<RestorePlan>;
		files(input: RestoreFilesInput, options: CallOptions): Promise<{ sessionId: string }>;
		disk(input: RestoreDiskInput, options: CallOptions): Promise<{ sessionId: string }>;
		/** Registers a virtual machine again. Refuses at once what cannot be: `not-found.host`, `exists.name`, `exists.target`, `restore.target`, `usage.*`, `source.*`. */
		vm(input: RestoreVmInput, options: CallOptions): Promise<{ sessionId: string }>;
		/** What `vm` would do, and the same refusals. Writes nothing. */
		planVm(input: RestoreVmInput, options: CallOptions): Promise<MachinePlan>;
	};
	/** Volumes of this machine and of managed ones (`machineId`), and who makes snapshots of them. */
	volumes: {
		/** As of the last scan, which is every four hours; `rescan` looks now, as a managed machine does anyway. */
		list(input: z.infer<typeof volumeList>, options: CallOptions): Promise<Volume[]>;
		/** `not-found.volume`; `usage.invalid` for a provider that cannot make snapshots of it, saying why. */
		change(input: z.infer<typeof volumeChoice>, options: CallOptions): Promise<Volume>;
	};
	/** Rules that cap traffic between ranges of addresses (NET-01). What is under way goes by a change when the call resolves. */
	throttles: {
		list(options: CallOptions): Promise<ThrottleRule[]>;
		/** `exists.name`. */
		add(input: ThrottleSettings, options: CallOptions): Promise<ThrottleRule>;
		/** `stale.revision` with `data.current` (a ThrottleRule) if somebody saved first. */
		update(input: { id: string; revision: number; settings: ThrottleSettings }, options: CallOptions): Promise<ThrottleRule>;
		remove(input: { id: string; revision: number }, options: CallOptions): Promise<void>;
	};
	/** Raw images and block devices that are written through Holdfast, and so can be snapshotted. */
	devices: {
		list(options: CallOptions): Promise<Device[]>;
		/** Only one that can be served is added. `exists.name`, `usage.conflict`, `source.*`, `busy.device`. */
		add(input: DeviceSettings, options: CallOptions): Promise<Device>;
		/** `stale.revision`, `busy.device` while a snapshot of it is read. */
		remove(input: { id: string; revision: number }, options: CallOptions): Promise<void>;
	};
	/** Hypervisor hosts. What they say is asked when it is wanted, and never kept. */
	hosts: {
		/** One that does not answer within ten seconds is offline. */
		list(options: CallOptions): Promise<Host[]>;
		/** Reaches a host and keeps nothing. `source.unreachable`, `source.refused`, `usage.unsupported`. */
		test(input: HostSettings, options: CallOptions): Promise<HostFacts>;
		/** Only a host that answers is added. `exists.name`, `source.unreachable`, `usage.unsupported`. */
		add(input: HostSettings, options: CallOptions): Promise<Host>;
		/** `stale.revision`, `busy.host` while jobs protect its machines. */
		remove(input: { id: string; revision: number }, options: CallOptions): Promise<void>;
		/** What goes wrong is in the host's `problem`, not an error. */
		rescan(input: { id: string }, options: CallOptions): Promise<Host>;
		/** All that it knows, running or not, by their names. `source.*` */
		machines(input: { id: string }, options: CallOptions): Promise<VirtualMachine[]>;
	};
	/** Machines that are managed from here, each with a data mover. */
	machines: {
		list(options: CallOptions): Promise<Machine[]>;
		get(input: { id: string }, options: CallOptions): Promise<Machine>;
		/** A token that pairs one machine, once, within the hour. */
		offerPairing(options: CallOptions): Promise<PairingOffer>;
		/** Pairs the data mover that waits there with the same token. `auth.refused`, `connection.refused`, `usage.*`: nothing was added. */
		add(input: z.infer<typeof machineAddition>, options: CallOptions): Promise<Machine>;
		/** `stale.revision` with `data.current` (a Machine). */
		update(input: { id: string; revision: number; settings: MachineSettings }, options: CallOptions): Promise<Machine>;
		/** Lets it go; its data mover then belongs to nobody. False in `isTold` when it could not be reached and does not know yet. */
		remove(input: { id: string; revision: number }, options: CallOptions): Promise<{ isTold: boolean }>;
		/** Asks it how it is, and renews its certificate when that is due. What goes wrong is in the machine's `problem`, not an error. */
		rescan(input: { id: string }, options: CallOptions): Promise<Machine>;
		/** As `places.list`, there. */
		places(input: z.infer<typeof machinePlaces>, options: CallOptions): Promise<PlaceList>;
	};
	places: {
		/** One level of the engine's own machine; path null: volumes and disks. Folders first, at most 5000. */
		list(input: { path: string | null }, options: CallOptions): Promise<PlaceList>;
		/** Walks a source, there or on a managed machine, and adds up; stops after about two seconds with `complete: false`. */
		measure(input: z.infer<typeof measureQuery>, options: CallOptions): Promise<{ bytes: number; items: number; complete: boolean }>;
	};
}

export type RouterContext = { readonly api: EngineApi };

/** Carries the engine's error through tRPC: `cause` holds `{ shape: ErrorShape }`. */
export interface CarriesErrorShape {
	readonly shape: ErrorShape;
}
const shapeOf = (cause: unknown): ErrorShape | undefined =>
	typeof cause === 'object' && cause !== null && 'shape' in cause ? (cause as CarriesErrorShape).shape : undefined;

const inputProblem = (error: z.ZodError): ErrorShape => {
	const issue = error.issues[0];
	const field = issue?.path.join('.') ?? '';
	return {
		code: 'usage.invalid',
		message: field ? `${field}: ${issue?.message}` : (issue?.message ?? 'The request is malformed.'),
		data: { field, issues: error.issues },
	};
};

const t = initTRPC.context<RouterContext>().create({
	errorFormatter({ shape, error }) {
		const engine: ErrorShape =
			shapeOf(error.cause) ??
			(error.cause instanceof z.ZodError
				? inputProblem(error.cause)
				: error.code === 'INTERNAL_SERVER_ERROR'
					? { code: 'internal', message: error.message, hint: 'This is a defect in Holdfast. The log of the engine has the details.' }
					: { code: 'usage.invalid', message: error.message });
		return { ...shape, message: engine.message, data: { code: shape.data.code, httpStatus: shape.data.httpStatus, path: shape.data.path, engine } };
	},
});

/** Engine errors become tRPC errors with their shape as cause; everything else passes as a defect. */
const translate = t.middleware(async ({ next }) => {
	const result = await next();
	if (!result.ok && shapeOf(result.error.cause)) {
		const shape = shapeOf(result.error.cause) as ErrorShape;
		throw new TRPCError({ code: shape.code.startsWith('not-found.') ? 'NOT_FOUND' : 'BAD_REQUEST', message: shape.message, cause: result.error.cause });
	}
	return result;
});
const call = t.procedure.use(translate);

export const appRouter = t.router({
	system: t.router({
		info: call.query(({ ctx, signal }) => ctx.api.system.info({ signal })),
		overview: call.input(heatMapQuery).query(({ ctx, input, signal }) => ctx.api.system.overview(input, { signal })),
		events: call.subscription(async function* ({ ctx, signal }) {
			yield* ctx.api.system.events({ signal });
		}),
		settings: call.query(({ ctx, signal }) => ctx.api.system.settings({ signal })),
		configure: call
			.input(z.object({ revision: z.number().int(), settings: serverSettings }))
			.mutation(({ ctx, input, signal }) => ctx.api.system.configure(input, { signal })),
	}),
	jobs: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.jobs.list({ signal })),
		get: call.input(id).query(({ ctx, input, signal }) => ctx.api.jobs.get(input, { signal })),
		check: call.input(jobDraft).query(({ ctx, input, signal }) => ctx.api.jobs.check(input, { signal })),
		create: call.input(jobSettings).mutation(({ ctx, input, signal }) => ctx.api.jobs.create(input, { signal })),
		update: call.input(revision.extend({ settings: jobSettings })).mutation(({ ctx, input, signal }) => ctx.api.jobs.update(input, { signal })),
		remove: call.input(revision).mutation(({ ctx, input, signal }) => ctx.api.jobs.remove(input, { signal })),
		setEnabled: call
			.input(z.object({ ids: z.array(z.string()), enabled: z.boolean() }))
			.mutation(({ ctx, input, signal }) => ctx.api.jobs.setEnabled(input, { signal })),
		run: call.input(runQuery).mutation(({ ctx, input, signal }) => ctx.api.jobs.run(input, { signal })),
		cancel: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.jobs.cancel(input, { signal })),
		planMapping: call.input(mapQuery).query(({ ctx, input, signal }) => ctx.api.jobs.planMapping(input, { signal })),
		map: call.input(mapQuery).mutation(({ ctx, input, signal }) => ctx.api.jobs.map(input, { signal })),
		nextRuns: call
			.input(z.object({ schedule, count: z.number().int().min(1).max(500).default(5) }))
			.query(({ ctx, input, signal }) => ctx.api.jobs.nextRuns(input, { signal })),
	}),
	sessions: t.router({
		list: call.input(sessionFilter).query(({ ctx, input, signal }) => ctx.api.sessions.list(input, { signal })),
		get: call.input(id).query(({ ctx, input, signal }) => ctx.api.sessions.get(input, { signal })),
		log: call.input(logQuery).query(({ ctx, input, signal }) => ctx.api.sessions.log(input, { signal })),
		follow: call.input(id).subscription(async function* ({ ctx, input, signal }) {
			yield* ctx.api.sessions.follow(input, { signal });
		}),
		cancel: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.sessions.cancel(input, { signal })),
		retry: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.sessions.retry(input, { signal })),
	}),
	repositories: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.repositories.list({ signal })),
		get: call.input(id).query(({ ctx, input, signal }) => ctx.api.repositories.get(input, { signal })),
		suggest: call.query(({ ctx, signal }) => ctx.api.repositories.suggest({ signal })),
		add: call.input(repositoryAddition).mutation(({ ctx, input, signal }) => ctx.api.repositories.add(input, { signal })),
		update: call.input(revision.extend({ settings: repositorySettings })).mutation(({ ctx, input, signal }) => ctx.api.repositories.update(input, { signal })),
		remove: call.input(revision).mutation(({ ctx, input, signal }) => ctx.api.repositories.remove(input, { signal })),
		prepare: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.repositories.prepare(input, { signal })),
		check: call.input(id.extend({ isWhole: z.boolean().default(false) })).mutation(({ ctx, input, signal }) => ctx.api.repositories.check(input, { signal })),
		rescan: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.repositories.rescan(input, { signal })),
		import: call.input(importQuery).mutation(({ ctx, input, signal }) => ctx.api.repositories.import(input, { signal })),
		checkStorage: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.repositories.checkStorage(input, { signal })),
	}),
	keys: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.keys.list({ signal })),
		create: call.input(z.object({ password: newPassword })).mutation(({ ctx, input, signal }) => ctx.api.keys.create(input, { signal })),
		changePassword: call.input(passwordChange).mutation(({ ctx, input, signal }) => ctx.api.keys.changePassword(input, { signal })),
		newRecoveryKey: call.input(keyReference).mutation(({ ctx, input, signal }) => ctx.api.keys.newRecoveryKey(input, { signal })),
		relock: call.input(keyReference).mutation(({ ctx, input, signal }) => ctx.api.keys.relock(input, { signal })),
		confirmRecoveryKey: call.input(recoveryKeyProof).mutation(({ ctx, input, signal }) => ctx.api.keys.confirmRecoveryKey(input, { signal })),
		unlock: call.input(unlockQuery).mutation(({ ctx, input, signal }) => ctx.api.keys.unlock(input, { signal })),
		remove: call.input(keyReference).mutation(({ ctx, input, signal }) => ctx.api.keys.remove(input, { signal })),
	}),
	chains: t.router({
		list: call.input(pointFilter).query(({ ctx, input, signal }) => ctx.api.chains.list(input, { signal })),
		check: call.input(chainReference).mutation(({ ctx, input, signal }) => ctx.api.chains.check(input, { signal })),
		compact: call.input(chainReference).mutation(({ ctx, input, signal }) => ctx.api.chains.compact(input, { signal })),
		remove: call.input(chainRemoval).mutation(({ ctx, input, signal }) => ctx.api.chains.remove(input, { signal })),
		repair: call.input(chainReference).mutation(({ ctx, input, signal }) => ctx.api.chains.repair(input, { signal })),
		health: call.input(chainReference).query(({ ctx, input, signal }) => ctx.api.chains.health(input, { signal })),
		preview: call.input(previewQuery).query(({ ctx, input, signal }) => ctx.api.chains.preview(input, { signal })),
		checkResult: call.input(z.object({ sessionId: z.string() })).query(({ ctx, input, signal }) => ctx.api.chains.checkResult(input, { signal })),
	}),
	points: t.router({
		list: call.input(pointFilter).query(({ ctx, input, signal }) => ctx.api.points.list(input, { signal })),
		get: call.input(z.object({ point: z.string().min(1) })).query(({ ctx, input, signal }) => ctx.api.points.get(input, { signal })),
		browse: call.input(browseQuery).query(({ ctx, input, signal }) => ctx.api.points.browse(input, { signal })),
		versions: call.input(z.object({ point: z.string(), path: z.string() })).query(({ ctx, input, signal }) => ctx.api.points.versions(input, { signal })),
		verify: call.input(z.object({ point: z.string().min(1) })).mutation(({ ctx, input, signal }) => ctx.api.points.verify(input, { signal })),
	}),
	restore: t.router({
		plan: call.input(restoreFilesInput).query(({ ctx, input, signal }) => ctx.api.restore.plan(input, { signal })),
		files: call.input(restoreFilesInput).mutation(({ ctx, input, signal }) => ctx.api.restore.files(input, { signal })),
		disk: call.input(restoreDiskInput).mutation(({ ctx, input, signal }) => ctx.api.restore.disk(input, { signal })),
		vm: call.input(restoreVmInput).mutation(({ ctx, input, signal }) => ctx.api.restore.vm(input, { signal })),
		planVm: call.input(restoreVmInput).query(({ ctx, input, signal }) => ctx.api.restore.planVm(input, { signal })),
	}),
	volumes: t.router({
		list: call.input(volumeList).query(({ ctx, input, signal }) => ctx.api.volumes.list(input, { signal })),
		change: call.input(volumeChoice).mutation(({ ctx, input, signal }) => ctx.api.volumes.change(input, { signal })),
	}),
	throttles: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.throttles.list({ signal })),
		add: call.input(throttleSettings).mutation(({ ctx, input, signal }) => ctx.api.throttles.add(input, { signal })),
		update: call.input(revision.extend({ settings: throttleSettings })).mutation(({ ctx, input, signal }) => ctx.api.throttles.update(input, { signal })),
		remove: call.input(revision).mutation(({ ctx, input, signal }) => ctx.api.throttles.remove(input, { signal })),
	}),
	devices: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.devices.list({ signal })),
		add: call.input(deviceSettings).mutation(({ ctx, input, signal }) => ctx.api.devices.add(input, { signal })),
		remove: call.input(revision).mutation(({ ctx, input, signal }) => ctx.api.devices.remove(input, { signal })),
	}),
	hosts: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.hosts.list({ signal })),
		test: call.input(hostSettings).mutation(({ ctx, input, signal }) => ctx.api.hosts.test(input, { signal })),
		add: call.input(hostSettings).mutation(({ ctx, input, signal }) => ctx.api.hosts.add(input, { signal })),
		remove: call.input(revision).mutation(({ ctx, input, signal }) => ctx.api.hosts.remove(input, { signal })),
		rescan: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.hosts.rescan(input, { signal })),
		machines: call.input(id).query(({ ctx, input, signal }) => ctx.api.hosts.machines(input, { signal })),
	}),
	machines: t.router({
		list: call.query(({ ctx, signal }) => ctx.api.machines.list({ signal })),
		get: call.input(id).query(({ ctx, input, signal }) => ctx.api.machines.get(input, { signal })),
		offerPairing: call.mutation(({ ctx, signal }) => ctx.api.machines.offerPairing({ signal })),
		add: call.input(machineAddition).mutation(({ ctx, input, signal }) => ctx.api.machines.add(input, { signal })),
		update: call.input(revision.extend({ settings: machineSettings })).mutation(({ ctx, input, signal }) => ctx.api.machines.update(input, { signal })),
		remove: call.input(revision).mutation(({ ctx, input, signal }) => ctx.api.machines.remove(input, { signal })),
		rescan: call.input(id).mutation(({ ctx, input, signal }) => ctx.api.machines.rescan(input, { signal })),
		places: call.input(machinePlaces).query(({ ctx, input, signal }) => ctx.api.machines.places(input, { signal })),
	}),
	places: t.router({
		list: call.input(z.object({ path: z.string().nullable() })).query(({ ctx, input, signal }) => ctx.api.places.list(input, { signal })),
		measure: call.input(measureQuery).query(({ ctx, input, signal }) => ctx.api.places.measure(input, { signal })),
	}),
});

export type AppRouter = typeof appRouter;

/** Content leaves as a stream beside the router: over HTTP for a browser, into a chosen file on the desktop. */
export interface Downloads {
	/** One file as it is, anything else as a zip. `not-found.path` before the first byte; damage ends the stream with an error. */
	open(input: { point: string; paths: string[] }, options: CallOptions): Promise<Download>;
}
export type Download = {
	readonly fileName: string;
	readonly mediaType: string;
	readonly sizeBytes: number | null;
	readonly content: AsyncIterable<Uint8Array>;
};
