import type { MachineRef, SourceSpec } from '../contract/index.ts';

/** A source as people and the command line write it: `folder:/etc`. Equal keys are the same source. */
export const sourceKey = (source: SourceSpec): string => `${source.kind}:${source.path}`;

/** For people: also on which machine it lies, unless it is that of the backup server. */
export const sourceName = (source: SourceSpec, machine: MachineRef | null | undefined): string =>
	machine ? `${sourceKey(source)} on ${machine.name}` : sourceKey(source);
