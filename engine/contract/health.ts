/** What health checks find, and what is known of the health of a chain. */
import { z } from 'zod';

/** What is broken: the smallest part of a repository that is read and believed as one piece. */
export const damagedStructure = z.enum([
	'file', // missing, or not a backup file any more
	'superblock',
	'root',
	'index',
	'record',
	'chunk', // in no index of the chain: it was lost with a record or an index
	'metadata', // the `.hbm`
]);
export type DamagedStructure = z.infer<typeof damagedStructure>;

/** One broken place and one thing that it hurts: a place that hurts several is listed with each of them. */
export const damage = z.object({
	/** Relative to the repository. */
	file: z.string(),
	/** The restore point that is hurt; null: see `isHarmless`. */
	point: z.string().nullable(),
	/** The file, folder or disk in the point that cannot be given back as it was; null: all of it. */
	path: z.string().nullable(),
	reason: z.string(),
	structure: damagedStructure.optional(),
	/** Where in `file` the structure begins. */
	offset: z.number().int().nonnegative().optional(),
	/** Name of a chunk that is in no index. */
	chunk: z.string().optional(),
	/** No restore point is hurt: there is another copy, or nothing needs it any more. */
	isHarmless: z.boolean().optional(),
});
export type Damage = z.infer<typeof damage>;

/** `damaged`: read, and wrong. `unreadable`: the storage gave an error, so that nothing is known. */
export const checkResult = z.object({
	chain: z.string(),
	readBytes: z.number().int().nonnegative(),
	damaged: z.array(damage),
	unreadable: z.array(damage),
});
export type CheckResult = z.infer<typeof checkResult>;

export const chainHealth = z.object({
	chain: z.string(),
	/** When something of it was read last; null: never. */
	checkedAt: z.number().int().nullable(),
	/** All that the chain held then has been read back since; null: not yet. */
	provenAt: z.number().int().nullable(),
	/** Some part of it was last read, or written if it never was, as long ago as this. */
	unreadSince: z.number().int(),
	/** Something was mended last. */
	mendedAt: z.number().int().nullable(),
	damaged: z.array(damage),
	unreadable: z.array(damage),
});
export type ChainHealth = z.infer<typeof chainHealth>;
