import { z } from 'zod';
import { gfsFlag } from './jobs.ts';
import { backupFileKind, origin } from './repositories.ts';
import { runMode } from './sessions.ts';
import { snapshotUse } from './snapshots.ts';
import { epochMs, size } from './values.ts';

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
export const restoreDiskInput = z.object({
	point: z.string().min(1),
	disk: z.string().nullable().default(null),
	to: z.string().min(1),
	overwrite: z.boolean().default(false),
});
export type RestoreDiskInput = z.infer<typeof restoreDiskInput>;
