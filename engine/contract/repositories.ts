import { z } from 'zod';
import { chainMethod, gfsFlag, schedule } from './jobs.ts';
import { entityName, epochMs, errorShape, size } from './values.ts';

/** `smb://server/share`, `nfs://…`: the name of a share, where a folder is meant. */
export const isShareAddress = (path: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(path);
export const mountIt = 'Mount the share on the machine that shall be its gateway, and give the path that it has there.';

/** Who gives access to a repository on a share: always the one machine that it was added on, or each time who works on the objects. */
export const gatewayChoice = z.enum(['fixed', 'auto']);

const maxTasks = z.number().int().min(1).max(64);

export const repositorySettings = z.object({
	name: entityName,
	/** Of the folder, on its machine. */
	path: z.string().min(1, 'A folder is needed.'),
	/** Managed machine that holds it, or is the gateway to the share that it lies on; null: the one of the backup server. */
	machineId: z.string().min(1).nullable().default(null),
	/**
	 * `auto`: on a share. What is backed up and given back goes through the machine that works on it, where that has the share mounted at the same path.
	 * Whatever else is done there goes through `machineId`, and with `fixed` all.
	 */
	gateway: gatewayChoice.default('fixed'),
	/** Managed machine that reads what is given back elsewhere; null: the machine that the repository lies on. */
	mountServerId: z.string().min(1).nullable().default(null),
	/** One chain for all objects of a job instead of one per object. */
	singleFile: z.boolean().default(false),
	maxTasks: maxTasks.default(4),
	/** Bytes per second; null: no limit. */
	readLimit: z.number().int().positive().nullable().default(null),
	writeLimit: z.number().int().positive().nullable().default(null),
	/** When its chains are checked by themselves; null: only by hand. By default after the nights in which most backups run. */
	checkSchedule: schedule.nullable().default(() => ({ cron: '0 6 * * *', timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone })),
	/** Within so many days these checks read every stored byte, a share each time. */
	checkDays: z.number().int().min(1).max(3650).default(30),
	/** Chains of jobs without a key of their own are encrypted with this key; null: they are not encrypted. */
	encryptionKeyId: z.string().min(1).nullable().default(null),
});
export type RepositorySettings = z.infer<typeof repositorySettings>;
export type RepositorySettingsInput = z.input<typeof repositorySettings>;
/** Without `maxTasks`: as many as the disk that it lies on serves well, which is settled when it is added. */
export const repositoryAddition = repositorySettings.extend({ maxTasks: maxTasks.optional() });
export type RepositoryAddition = z.infer<typeof repositoryAddition>;
/** What backup files lie on, as far as it can be told. */
export const medium = z.enum(['rotating', 'flash', 'network', 'unknown']);
/** Where a repository lies, and how one gets there. */
export type RepositoryLocation = Pick<RepositorySettings, 'path' | 'machineId'> & Partial<Pick<RepositorySettings, 'gateway' | 'mountServerId'>>;

export const repository = z.object({
	id: z.string(),
	revision: z.number().int(),
	settings: repositorySettings,
	/** Name of the machine that holds it; null: the one of the backup server. */
	machine: z.string().nullable(),
	/** Name of its mount server, chosen or by itself; null: the backup server. */
	mountServer: z.string().nullable(),
	/** What it lies on, as far as it can be told now. */
	medium,
	isDefault: z.boolean(),
	state: z.enum(['ready', 'unreachable', 'full', 'busy']),
	/** Why it is not ready. */
	problem: errorShape.nullable(),
	capacityBytes: size.nullable(),
	freeBytes: size.nullable(),
	/** Taken by backup files of ours. */
	usedBytes: size,
	/** What the protected objects measure, newest point each. */
	sourceBytes: size,
	jobCount: z.number().int(),
	chainCount: z.number().int(),
	pointCount: z.number().int(),
	/** When the room runs out at the growth of the last 30 days; null: unknown or not growing. */
	fullAt: epochMs.nullable(),
	/** Used bytes a day, oldest first, at most 90. */
	growth: z.array(z.object({ at: epochMs, usedBytes: size })),
});
export type Repository = z.infer<typeof repository>;
/** In words. */
export const locationText = ({ settings: { path }, machine }: Pick<Repository, 'settings' | 'machine'>): string =>
	machine === null ? path : `${path} on ${machine}`;

export const backupFileKind = z.enum(['full', 'increment', 'reverse']);
export type BackupFileKind = z.infer<typeof backupFileKind>;

/** A full outside of the job's chains: no increment builds on it, and retention leaves it alone until then; null: until it is removed by hand. */
export const adHocFull = z.object({ keepUntil: epochMs.nullable() });

/** Whose a chain is: a job's of this installation, one's that was removed here, or one's that this installation never knew (imported). */
export const origin = z.enum(['job', 'removed-job', 'elsewhere']);
export type Origin = z.infer<typeof origin>;

export const chain = z.object({
	id: z.string(),
	jobId: z.string().nullable(),
	job: z.string(),
	origin,
	/** Id of the job that made it, whether it is known here or not. */
	originJobId: z.string(),
	object: z.string(),
	repositoryId: z.string(),
	repository: z.string(),
	method: chainMethod,
	isCurrent: z.boolean(),
	encrypted: z.boolean(),
	/** Key that opens it; null when it is not encrypted. */
	keyId: z.string().nullable(),
	adHoc: adHocFull.nullable(),
	files: z.array(
		z.object({
			path: z.string(),
			kind: backupFileKind,
			sizeBytes: size,
			createdAt: epochMs,
			pointIds: z.array(z.string()),
			/** Path of the file that this one builds on; null for a full. */
			dependsOn: z.string().nullable(),
			problem: z.string().nullable(),
			/** True when retention removes it at the next run that succeeds. */
			expires: z.boolean(),
		}),
	),
	lastCheck: z.object({ at: epochMs, damagedCount: z.number(), unreadableCount: z.number() }).nullable(),
	/** All that it held then has been read back since; null: not yet. */
	provenAt: epochMs.nullable(),
	/** Some part of it was last read, or written if it never was, as long ago as this. */
	unreadSince: epochMs,
});
export type Chain = z.infer<typeof chain>;

/** One run of a job that has not happened yet, with what the repository holds after it and after the retention that follows it. */
export const previewRun = z.object({
	at: epochMs,
	mode: z.enum(['full', 'synthetic', 'increment']),
	reason: z.string(),
	/** Backup files that exist then, chain by chain, in the order in which they build on each other. */
	files: z.array(
		z.object({
			/** Differs between chains; the id of the chain where it exists already. */
			chain: z.string(),
			object: z.string(),
			/** Of a file that exists already; a made-up name otherwise. */
			path: z.string(),
			kind: backupFileKind,
			/** Known, or estimated from earlier runs or the sizes of the question; 0 when nothing is known. */
			sizeBytes: size,
			createdAt: epochMs,
			points: z.array(z.object({ createdAt: epochMs, gfs: z.array(gfsFlag) })),
		}),
	),
	/** Paths that retention removes after this run, or merges into their full. */
	removed: z.array(z.string()),
	pointCount: z.number().int(),
	storedBytes: size,
});
export type PreviewRun = z.infer<typeof previewRun>;
export const chainPreview = z.object({
	runs: z.array(previewRun),
	/** True: the job has no schedule, and a run a day was assumed. */
	isDailyAssumed: z.boolean(),
});
export type ChainPreview = z.infer<typeof chainPreview>;
