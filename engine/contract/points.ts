import { z } from 'zod';
import { gfsFlag } from './jobs.ts';
import { backupFileKind, origin } from './repositories.ts';
import { runMode } from './sessions.ts';
import { snapshotUse } from './snapshots.ts';
import { epochMs, machineRef, size } from './values.ts';

export const point = z.object({
	id: z.string(),
	chainId: z.string(),
	jobId: z.string().nullable(),
	job: z.string(),
	origin,
	/** Id of the job that made it, whether it is known here or not: jobs of several installations may share a name. */
	originJobId: z.string(),
	repositoryId: z.string(),
	/** The source as the job names it: `folder:/etc`, `disk:/vm/web.qcow2`. */
	object: z.string(),
	objectKind: z.enum(['folder', 'disk', 'vm']),
	/** Managed machine that the source lies on; absent: that of the backup server. */
	machine: machineRef.optional(),
	createdAt: epochMs,
	kind: backupFileKind,
	consistency: z.enum(['application', 'file-system', 'crash']),
	mode: runMode,
	/** What it was read from; absent: live, by a version that had no snapshots. */
	snapshot: snapshotUse.optional(),
	sessionId: z.string(),
	/** Path of its backup file, relative to the repository. */
	file: z.string(),
	/** What this point added to the repository. */
	storedBytes: size,
	/** What it gives back. */
	sourceBytes: size,
	itemCount: size,
	warningCount: size,
	restorable: z.boolean(),
	problem: z.string().nullable(),
	verifiedAt: epochMs.nullable(),
	/** Why it is kept as an archive; empty for an ordinary point. */
	gfs: z.array(gfsFlag),
	/** Retention keeps it at least until then; null where only the number of points decides. */
	keepUntil: epochMs.nullable(),
	/** True when retention removes it at the next run that succeeds. */
	expires: z.boolean(),
	/** It stands in an ad-hoc full, which counts for no rule of retention. */
	isAdHoc: z.boolean(),
});
export type Point = z.infer<typeof point>;

export const browseEntry = z.object({
	name: z.string(),
	type: z.enum(['file', 'directory', 'link', 'disk', 'other']),
	sizeBytes: size,
	modifiedAt: epochMs.nullable(),
	mode: z.number().int(),
	owner: z.string(),
	/** Target of a symbolic link. */
	target: z.string().nullable(),
});
export type BrowseEntry = z.infer<typeof browseEntry>;
export const browsePage = z.object({ path: z.string(), total: size, entries: z.array(browseEntry) });
export type BrowsePage = z.infer<typeof browsePage>;

export const overwriteRule = z.enum(['never', 'newer', 'always']);
export type OverwriteRule = z.infer<typeof overwriteRule>;
export const restoreFilesInput = z.object({
	point: z.string().min(1),
	/** Paths in the backup; `/` is everything. */
	paths: z.array(z.string().min(1)).min(1),
	/** Managed machine to restore on, whose paths are meant; absent: that of the backup server. */
	machineId: z.string().min(1).optional(),
	/** A folder; null: the original place. */
	to: z.string().min(1).nullable(),
	overwrite: overwriteRule.default('never'),
});
export type RestoreFilesInput = z.infer<typeof restoreFilesInput>;
export const restorePlan = z.object({
	files: size,
	directories: size,
	links: size,
	others: size,
	bytes: size,
	/** Existing entries that would be overwritten, and that would be kept, under the overwrite rule. */
	overwritten: size,
	kept: size,
	/** The first 100 paths that would be overwritten. */
	overwrittenPaths: z.array(z.string()),
	freeBytes: size.nullable(),
	fits: z.boolean(),
});
export type RestorePlan = z.infer<typeof restorePlan>;
export const diskFormat = z.enum(['raw', 'qcow2']);
export type DiskFormat = z.infer<typeof diskFormat>;
export const restoreDiskInput = z.object({
	point: z.string().min(1),
	/** Which, where the point is one of a virtual machine that has several. */
	disk: z.string().nullable().default(null),
	/** Managed machine to restore on, whose paths are meant; absent: that of the backup server. */
	machineId: z.string().min(1).optional(),
	to: z.string().min(1),
	/** null: qcow2 where the name of the file says so, else raw. */
	format: diskFormat.nullable().default(null),
	overwrite: z.boolean().default(false),
});
export type RestoreDiskInput = z.infer<typeof restoreDiskInput>;

export const restoreVmInput = z.object({
	point: z.string().min(1),
	/** Name of a hypervisor host; null: the one that it was on. */
	host: z.string().min(1).nullable().default(null),
	/** null: the name that it had. */
	name: z
		.string()
		.trim()
		.min(1, 'Enter a name for the virtual machine.')
		.max(200)
		.regex(/^[^/\p{Cc}]+$/u, 'A virtual machine cannot have this name: it must not contain a slash.')
		.nullable()
		.default(null),
	/** Folder on the host for its images; null: where they were. */
	to: z.string().min(1).nullable().default(null),
	/** Allows to replace image files that are there and belong to no virtual machine. */
	overwrite: z.boolean().default(false),
	/** Start it once it is there. */
	powerOn: z.boolean().default(false),
});
export type RestoreVmInput = z.infer<typeof restoreVmInput>;

/** What becomes of a virtual machine that is given back, before anything is written. */
export const machinePlan = z.object({
	host: z.string(),
	name: z.string(),
	/** The name that it had. */
	formerName: z.string(),
	/** Another machine beside the original, with an id and network addresses of its own; else it is the original again. */
	isCopy: z.boolean(),
	/** Image files to be written, sparse. `sizeBytes`: what the guest sees; `isReplaced`: what is there now is lost. */
	disks: z.array(z.object({ name: z.string(), to: z.string(), sizeBytes: size, isReplaced: z.boolean() })),
	/** Variables of its firmware; null: it has none that are kept. */
	nvram: z.object({ to: z.string(), isReplaced: z.boolean() }).nullable(),
	/** Of its memory: it goes on from there, or it starts from its disks although the point has one, or there is none. */
	savedState: z.enum(['resumed', 'lost', 'none']),
	/** Disks of the machine that the point does not hold. */
	missingDisks: z.array(z.string()),
	/** Where the images go; null: not known. */
	folders: z.array(z.object({ path: z.string(), freeBytes: size.nullable() })),
});
export type MachinePlan = z.infer<typeof machinePlan>;
