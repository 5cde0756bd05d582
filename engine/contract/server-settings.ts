import { z } from 'zod';

/** How the objects of one job are processed: side by side, or strictly one after the other. Different jobs always work side by side. */
export const processing = z.enum(['parallel', 'sequential']);
export type Processing = z.infer<typeof processing>;

/** What holds for all jobs of this backup server. */
export const serverSettings = z.object({ processing: processing.default('parallel') });
export type ServerSettings = z.infer<typeof serverSettings>;
export type RevisedServerSettings = { readonly revision: number; readonly settings: ServerSettings };
