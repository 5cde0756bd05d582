import { compileExclusions } from '../../base/index.ts';

/** The restore point of a virtual machine is a folder with these files (docs/format.md). */
export const definitionFile = 'definition.xml';
/** Variables of its firmware; not every machine has them. */
export const nvramFile = 'nvram';
/** Its saved state, in the host's own format: memory and processors. Only where the job had it saved. */
export const memoryFile = 'memory';
const diskSuffix = '.raw';

/** Whether a job leaves a disk out, by the globs that it excludes files with. */
export function excludesDisk(globs: readonly string[]): (disk: string) => boolean {
	const exclusion = compileExclusions(globs);
	return (disk) => exclusion?.(diskFile(disk)) ?? false;
}

/** The file of a disk: `vda` → `vda.raw`. */
export const diskFile = (disk: string): string => disk + diskSuffix;
/** The disk that a file holds; null: it is something else. */
export const diskInFile = (file: string): string | null =>
	file.endsWith(diskSuffix) && file.length > diskSuffix.length ? file.slice(0, -diskSuffix.length) : null;
