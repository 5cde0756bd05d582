import type { SourceSpec } from '../contract/index.ts';

/** A source as people and the command line write it: `folder:/etc`. Equal keys are the same source. */
export const sourceKey = (source: SourceSpec): string => `${source.kind}:${source.path}`;
