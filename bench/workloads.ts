/** What is measured: data of a kind, what changes in it between two backups, and which operations make sense on it. */
import { join } from 'node:path';
import { GeneratedDisk } from './generate-disk.ts';
import { GeneratedTree } from './generate-tree.ts';
import type { Subject } from './peers/peer.ts';
import { type Operation, operations } from './report.ts';

export const changeShare = 0.03;

export type Workload = {
	readonly name: string;
	readonly description: string;
	readonly subject: Subject;
	readonly operations: readonly Operation[];
	/** Changes the data as it changes from one backup to the next. */
	change(): void;
};

export type WorkloadSettings = { readonly folder: string; readonly scale: number; readonly seed: number };

const inGibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

export function createTree({ folder, scale, seed }: WorkloadSettings): Workload {
	const root = join(folder, 'tree');
	const [fileCount, totalBytes] = [Math.round(20_000 * scale), scale * 2 ** 31];
	const tree = new GeneratedTree({ root, fileCount, totalBytes, spread: 2.2, seed });
	return {
		name: 'tree',
		description: `${fileCount} files, ${inGibibytes(totalBytes)}; incremental: 3 % of the files modified, added, removed or renamed`,
		subject: { kind: 'tree', path: root },
		operations,
		change: () => void tree.change(changeShare),
	};
}

export function createSmallFiles({ folder, scale, seed }: WorkloadSettings): Workload {
	const root = join(folder, 'small-files');
	const [fileCount, totalBytes] = [Math.round(300_000 * scale), scale * 300_000 * 2500];
	const tree = new GeneratedTree({ root, fileCount, totalBytes, spread: 1, seed });
	return {
		name: 'small files',
		description: `${fileCount} files, ${inGibibytes(totalBytes)}`,
		subject: { kind: 'tree', path: root },
		operations: ['full', 'unchanged'],
		change: () => void tree.change(changeShare),
	};
}

export function createDisk({ folder, scale, seed }: WorkloadSettings): Workload {
	const path = join(folder, 'disk.img');
	const sizeBytes = Math.round(4096 * scale) * 2 ** 20;
	const disk = new GeneratedDisk({ path, sizeBytes, seed });
	return {
		name: 'disk',
		description: `raw image of ${inGibibytes(sizeBytes)}, half allocated; incremental: 3 % of its 1 MiB blocks overwritten`,
		subject: { kind: 'disk', path },
		operations,
		change: () => void disk.change(changeShare),
	};
}
