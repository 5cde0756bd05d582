/** For tests only: real file systems on loop devices. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { requireTool } from '../base/testing.ts';

const stacks = new WeakMap<TestContext, DisposableStack>();

/** Like `t.after`, but last in, first out: what lies in a mount is closed before it is unmounted. */
export function afterwards(t: TestContext, cleanUp: () => void): void {
	let stack = stacks.get(t);
	if (stack === undefined) {
		const created = new DisposableStack();
		stacks.set(t, created);
		t.after(() => created.dispose());
		stack = created;
	}
	stack.defer(cleanUp);
}

export function temporaryFolder(t: TestContext, label = 'platform'): string {
	const folder = mkdtempSync(join(tmpdir(), `holdfast-${label}-`));
	afterwards(t, () => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

export const fileSystems = ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const;
export type FileSystem = (typeof fileSystems)[number];

/** A fresh file system, mounted for as long as the test runs; null after the test was skipped. */
export function mountFresh(t: TestContext, kind: FileSystem): string | null {
	if (!isRootOnLinux(t) || !requireTool(t, 'mount', ...(kind === 'tmpfs' ? [] : [`mkfs.${kind}`]))) return null;
	const folder = temporaryFolder(t, kind);
	const mountPoint = join(folder, 'mounted');
	mkdirSync(mountPoint);
	if (kind === 'tmpfs') {
		execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', mountPoint]);
	} else {
		const image = join(folder, 'image');
		const fd = openSync(image, 'w');
		ftruncateSync(fd, 320 * 1024 * 1024); // XFS wants 300 MiB
		closeSync(fd);
		// ext4 keeps attributes in one block, and would choose small blocks for a small disk
		execFileSync(`mkfs.${kind}`, ['-q', ...(kind === 'ext4' ? ['-b', '4096'] : []), image], { stdio: 'ignore' });
		execFileSync('mount', ['-o', 'loop', image, mountPoint]);
	}
	afterwards(t, () => execFileSync('umount', [mountPoint]));
	return mountPoint;
}

export function isRootOnLinux(t: TestContext): boolean {
	if (process.platform === 'linux' && process.getuid?.() === 0) return true;
	t.skip('needs root on Linux');
	return false;
}
