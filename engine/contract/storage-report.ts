import { z } from 'zod';
import { errorShape } from './values.ts';

/** What a storage was asked to keep, promise by promise; `error` is null where it did. */
export const storageReport = z.object({
	repositoryId: z.string(),
	promises: z.array(z.object({ promise: z.string(), error: errorShape.nullable() })),
});
export type StorageReport = z.infer<typeof storageReport>;
