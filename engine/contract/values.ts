/** Values that every area of the contract uses. */
import { z } from 'zod';
import { errorCodes } from './errors.ts';

/** Compiling a parser for each schema takes longer than all parsing of a command or a thread, and a page's policy forbids it. */
z.config({ jitless: true });

/** A moment. */
export const epochMs = z.number().int();
/** A number of bytes, or of things. */
export const size = z.number().int().nonnegative();

export const errorShape = z.object({
	code: z.enum(errorCodes),
	message: z.string(),
	hint: z.string().optional(),
	data: z.record(z.string(), z.unknown()).optional(),
});

/** A managed machine as it is remembered: by the id under which it was paired, and the name that it had. */
export const machineRef = z.object({ id: z.string().min(1).max(64), name: z.string().min(1).max(200) });
export type MachineRef = z.infer<typeof machineRef>;

/** Names of jobs and repositories: they become folder names. */
export const entityName = z
	.string()
	.trim()
	.min(1, 'A name is needed.')
	.max(80, 'A name has at most 80 characters.')
	.refine((name) => !/[\\/:*?"<>|@\p{Cc}]/u.test(name), 'A name must not contain \\ / : * ? " < > | @ or control characters.')
	.refine((name) => !/^\.|\.$/.test(name), 'A name must not begin or end with a dot.');
