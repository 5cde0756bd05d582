import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { bytesFromText, displayText, EngineError, systemErrorCode } from '../base/index.ts';
import { type DiskTarget, openDiskTarget } from '../block/index.ts';
import type { TaskObserver, TaskShares } from '../mover/index.ts';
import { chooseDisk, type DiskContent, fileContent, machineDisks } from './disk-content.ts';
import { readFile } from './download.ts';
import { targetError } from './file-writer.ts';
import type { PointView } from './point-view.ts';
import { RestoreProgress } from './progress.ts';
import { type PointPlace, reachPoint, type TaskSignal } from './reached.ts';
import { RestorePool } from './restore-pool.ts';
import { countBlocks, writeDisk } from './write-disk.ts';

export type RestoreMachineTask = PointPlace & {
	/** Disks of the point, each with the image file to write, of the format qcow2. */
	readonly disks: readonly { readonly name: string; readonly to: string }[];
	/** Other files of the point, each with where it goes as it is. */
	readonly files: readonly { readonly name: string; readonly to: string }[];
	readonly overwrite: boolean;
	readonly shares?: TaskShares | undefined;
};

type PlannedDisk = { readonly name: string; readonly to: string; readonly content: DiskContent; readonly dataBytes: number };

/**
 * Writes what a virtual machine is made of, and looks first whether there is room for it.
 * @returns the files that were created: those that were there before are not among them
 * @throws `exists.target`, `restore.target`, `not-found.disk`, `repository.*`; then no file that was created here is left
 */
export async function restoreMachine(task: RestoreMachineTask, [observer]: readonly TaskObserver[], options: TaskSignal): Promise<readonly string[]> {
	await using reached = await reachPoint(task, options);
	const { chain, view, signal } = reached;
	const progress = new RestoreProgress(observer as TaskObserver);
	const disks = await planDisks(view, task.disks, signal);
	refuseWithoutRoom(disks);
	const { counters } = progress;
	counters.totalBytes = disks.reduce((sum, { content }) => sum + content.sizeBytes, 0);
	counters.totalItems = disks.length + task.files.length;
	progress.report();

	const targets: DiskTarget[] = [];
	const created: string[] = [];
	const createdFiles: string[] = [];
	try {
		await using pool = new RestorePool(chain, reached, task.shares, { onAnswer: (answer) => countBlocks(progress, answer) });
		using _telling = progress.tellRegularly(pool);
		for (const { name, to, content } of disks) {
			progress.observer.activity(name);
			const target = openDiskTarget(to, content.sizeBytes, { format: 'qcow2', overwrite: task.overwrite });
			targets.push(target);
			if (target.isNew) created.push(to);
			await writeDisk(content, target, pool, progress, signal);
			await target.sync();
			counters.doneItems++;
			progress.report();
		}
		for (const file of task.files) {
			progress.observer.activity(file.name);
			if (await writeFile(view, file, { overwrite: task.overwrite, signal })) createdFiles.push(file.to);
			counters.doneItems++;
		}
		progress.bottleneck(pool);
		progress.report();
		signal.throwIfAborted();
	} catch (error) {
		for (const target of targets) target.discard();
		for (const path of createdFiles) fs.rmSync(bytesFromText(path), { force: true });
		throw error;
	}
	for (const target of targets) target.close();
	return [...created, ...createdFiles];
}

/** How much there is to write is known before anything is: zeros take no room. */
async function planDisks(view: PointView, wanted: RestoreMachineTask['disks'], signal: AbortSignal): Promise<PlannedDisk[]> {
	const entries = await machineDisks(view);
	const planned: PlannedDisk[] = [];
	for (const { name, to } of wanted) {
		const entry = entries.get(chooseDisk([...entries.keys()], name, view.manifest.id));
		if (!entry) continue;
		const content = fileContent(view, entry);
		let dataBytes = 0;
		for await (const pieces of content.pieces()) {
			signal.throwIfAborted();
			for (const { hash, lengthBytes } of pieces) if (hash !== null) dataBytes += lengthBytes;
		}
		planned.push({ name, to, content, dataBytes });
	}
	return planned;
}

/** A file that is replaced gives its room back. @throws `restore.target` */
function refuseWithoutRoom(disks: readonly PlannedDisk[]): void {
	const volumes = new Map<number, { folder: string; freeBytes: number; neededBytes: number }>();
	for (const { to, dataBytes } of disks) {
		const folder = dirname(to);
		const stats = fs.statSync(bytesFromText(folder), { throwIfNoEntry: false });
		if (!stats?.isDirectory())
			throw new EngineError('restore.target', `There is no folder ${displayText(folder)}.`, { hint: 'Create it, or choose another one.' });
		let volume = volumes.get(stats.dev);
		if (volume === undefined) {
			const { bavail, bsize } = fs.statfsSync(bytesFromText(folder));
			volume = { folder, freeBytes: bavail * bsize, neededBytes: 0 };
			volumes.set(stats.dev, volume);
		}
		volume.neededBytes += dataBytes;
		volume.freeBytes += (fs.statSync(bytesFromText(to), { throwIfNoEntry: false })?.blocks ?? 0) * 512;
	}
	for (const { folder, freeBytes, neededBytes } of volumes.values()) {
		if (neededBytes <= freeBytes) continue;
		throw new EngineError('restore.target', `The disks hold ${neededBytes} bytes, and ${displayText(folder)} has room for ${freeBytes}.`, {
			hint: 'Free some room, or choose another folder.',
			data: { neededBytes, freeBytes },
		});
	}
}

/** @returns whether it was created */
async function writeFile(
	view: PointView,
	{ name, to }: RestoreMachineTask['files'][number],
	{ overwrite, signal }: { readonly overwrite: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
	const { entry } = await view.find(`/${name}`);
	const path = bytesFromText(to);
	const isNew = !fs.existsSync(path);
	let fd: number;
	try {
		fd = fs.openSync(path, overwrite ? 'w' : 'wx', 0o600);
	} catch (error) {
		if (systemErrorCode(error) !== 'EEXIST') throw targetError(path, error);
		throw new EngineError('exists.target', `The file ${displayText(to)} exists already.`, { hint: 'Choose another folder, or allow to overwrite it.' });
	}
	try {
		for await (const piece of readFile(view, entry)) {
			signal.throwIfAborted();
			fs.writeFileSync(fd, piece);
		}
		fs.fsyncSync(fd);
	} catch (error) {
		if (isNew) fs.rmSync(path, { force: true });
		throw signal.aborted ? error : targetError(path, error);
	} finally {
		fs.closeSync(fd);
	}
	return isNew;
}
