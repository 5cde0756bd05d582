/** For tests only: file systems made and aged by the real tools. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const run = (tool: string, ...args: string[]): string => execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export type Kind = 'ext4' | 'xfs' | 'ntfs';
const makers = { ext4: ['mkfs.ext4', '-q', '-F'], xfs: ['mkfs.xfs', '-q', '-f'], ntfs: ['mkntfs', '-q', '-F', '-Q'] } as const;
/** What making and mounting one needs. */
export const toolsFor = (kind: Kind): string[] => ['mount', makers[kind][0], ...(kind === 'ntfs' ? ['flock', 'ntfs-3g', 'ntfsfix', 'ntfsinfo'] : [])];

export function makeFileSystem(kind: Kind, image: string, sizeBytes: number, options: readonly string[] = []): void {
	writeFileSync(image, '');
	truncateSync(image, sizeBytes);
	const [tool, ...args] = makers[kind];
	run(tool, ...args, ...options, image);
}

/** Mounts `image` while `work` lasts; unmounted in order afterwards, whatever happens. */
export function whileMounted<T>(kind: Kind, image: string, work: (folder: string) => T, options = 'loop'): T {
	const folder = join(dirname(image), 'mounted');
	mkdirSync(folder, { recursive: true });
	const lock = `${image}.lock`;
	// umount does not wait for the process that serves the mount to write what it has: that holds the lock until it ends
	if (kind === 'ntfs') run('sh', '-c', 'exec 9>"$1"; flock 9; ntfs-3g -o "$2" "$3" "$4"', 'sh', lock, options.includes('ro') ? 'ro' : 'rw', image, folder);
	else run('mount', '-o', options, image, folder);
	try {
		return work(folder);
	} finally {
		run('umount', folder);
		if (kind === 'ntfs') run('flock', lock, 'true');
	}
}

/** Files come and go, so that free room is in many pieces and holds what was deleted. */
export function age(folder: string, noise: (length: number) => Buffer, fileCount: number): void {
	mkdirSync(join(folder, 'kept'));
	const gone: string[] = [];
	for (let i = 0; i < fileCount; i++) {
		writeFileSync(join(folder, 'kept', `file ${i}`), noise(1 + (i % 7) * 9000));
		const other = join(folder, `gone ${i}`);
		writeFileSync(other, noise(5000 + (i % 5) * 30_000));
		gone.push(other);
	}
	run('sync', '-f', folder);
	for (const path of gone) rmSync(path);
}
