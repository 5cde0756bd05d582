import { z } from 'zod';

/** What a step does to a chain, beyond reading a source: it may do several things after one another. */
export const stepPart = z.enum(['merge', 'reverse', 'synthetic', 'compact', 'verify', 'tidy']);
export type StepPart = z.infer<typeof stepPart>;

/** A step on a chain while it runs, and how many bytes it has moved between backup files, of how many that it knows of. */
export const sessionStep = z.object({ part: stepPart, movedBytes: z.number().int().nonnegative(), totalBytes: z.number().int().nonnegative() });
export type SessionStep = z.infer<typeof sessionStep>;
