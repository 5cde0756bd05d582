/** What an import finds in a repository, and what a job makes of a chain that it is mapped to. */
import { z } from 'zod';
import { chainMethod } from './jobs.ts';
import { origin } from './repositories.ts';

export const importProblem = z.object({
	/** Relative to the repository. */
	path: z.string(),
	/**
	 * foreign: not ours · damaged: read, and wrong · newer: of a newer version · unreadable: could not be read · duplicate: a copy of what is used ·
	 * incomplete: a file that it builds on is missing · unfinished: a session writes it, or died · misplaced: in the wrong folder.
	 */
	reason: z.enum(['foreign', 'damaged', 'newer', 'locked', 'unreadable', 'duplicate', 'incomplete', 'unfinished', 'misplaced']),
	message: z.string(),
	hint: z.string().nullable(),
});
export type ImportProblem = z.infer<typeof importProblem>;

export const importedChain = z.object({
	id: z.string(),
	job: z.string(),
	origin,
	originJobId: z.string(),
	object: z.string(),
	method: chainMethod,
	isAdHoc: z.boolean(),
	/** listed: its metadata was there · rebuilt: made anew from the backup files · finished: what a died session had left was put right. */
	state: z.enum(['listed', 'rebuilt', 'finished']),
	/** A session of its job runs, or died: its newest point may not be listed, and files that it was changing may look damaged. Only its job, or an import that is told to finish, puts that right. */
	isUnfinished: z.boolean(),
	fileCount: z.number().int(),
	sizeBytes: z.number(),
	pointCount: z.number().int(),
	restorableCount: z.number().int(),
	oldestAt: z.number().int().nullable(),
	newestAt: z.number().int().nullable(),
});
export type ImportedChain = z.infer<typeof importedChain>;

export const importReport = z.object({
	repositoryId: z.string(),
	/** Chains of no job of this installation, and those of its own jobs whose metadata was made anew. */
	chains: z.array(importedChain),
	problems: z.array(importProblem),
});
export type ImportReport = z.infer<typeof importReport>;

/** What becomes of a chain that a job is mapped to. */
export const chainMapping = z.object({
	chainId: z.string(),
	/** Name of the job that made it. */
	from: z.string(),
	objects: z.array(z.string()),
	pointCount: z.number().int(),
	/** What the next run of the job makes in it, and why it is not an increment. */
	next: z.object({ mode: z.enum(['full', 'synthetic', 'increment']), reason: z.string() }),
	/** Points that retention of the job takes at its next run. */
	expiringCount: z.number().int(),
	/** What else there is to know, in words. */
	notes: z.array(z.string()),
});
export type ChainMapping = z.infer<typeof chainMapping>;
