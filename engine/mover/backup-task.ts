import * as fs from 'node:fs';
import { bytesFromText, EngineError, isEngineError, newId, systemClock } from '../base/index.ts';
import type { ErrorCode, RunMode } from '../contract/index.ts';
import { hashBytes, hashText, isZeroHash, type PointManifest, parseDiskMap } from '../format/index.ts';
import { openPlatform } from '../platform/index.ts';
import { ChainReader, ChainRun, type Distrust, folderPath, openVault } from '../repository/index.ts';
import { compileExclusions } from '../source/index.ts';
import { efforts } from './effort.ts';
import { Pipe } from './pipe.ts';
import { protectDisk } from './protect-disk.ts';
import { FolderTask } from './protect-folder.ts';
import { StepMeter } from './step-meter.ts';
import { type BackupRun, type MutableCounters, noCounters, type ObjectOutcome, type TaskObserver } from './task.ts';
import { tellRegularly } from './tell-regularly.ts';
import { noShares, StorageGate } from './throttle/index.ts';

/**
 * A whole run of the pipe: decides on full or increment, protects each object, commits one file with one point per object.
 * All or nothing: what throws leaves no file behind and the chain as it was.
 */
export async function runBackup(run: BackupRun, observers: readonly TaskObserver[], { signal }: { readonly signal: AbortSignal }): Promise<ObjectOutcome[]> {
	const exclude = compileExclusions(run.exclude);
	for (const object of run.objects) checkSource(object.path);
	const { storage, keys } = openVault(run.repositoryPath);
	const gate = new StorageGate(storage, run.shares ?? noShares, { signal });
	await using chainRun = await ChainRun.begin({ ...run, now: systemClock.now() }, { storage: gate.storage, keys });
	await using base = chainRun.base ? new ChainReader(chainRun.base) : null;
	const mode: RunMode = {
		requested: run.requested === 'increment' ? 'increment' : 'full',
		actual: chainRun.actual,
		reason: chainRun.fallbackReason || run.reason,
	};
	for (const observer of observers) observer.mode(mode);
	const { distrust } = chainRun;
	if (distrust) {
		const count = distrust.lost.chunkCount;
		observers[0]?.info(`${count > 0 ? `${count} chunks` : 'Parts'} of the chain are damaged: what they held is read again, wherever the source still has it.`);
	}
	const diskBlockSizes = await Promise.all(chainRun.previous.map((point) => previousBlockSize(point, base)));
	await using pipe = new Pipe({
		writer: chainRun.writer,
		gate,
		base,
		knownIndexes: chainRun.base?.files.map(({ index }) => index) ?? [],
		distrust: chainRun.distrust,
		blockSizeBytes: Math.max(run.blockSizeBytes, ...diskBlockSizes.map((size) => size ?? 0)),
		effort: efforts[run.compression],
		signal,
	});
	const platform = openPlatform();
	const repository = fs.statSync(folderPath(run.repositoryPath), { bigint: true });
	const outcomes: ObjectOutcome[] = [];
	const points: PointManifest[] = [];
	for (const [i, object] of run.objects.entries()) {
		const observer = observers[i] as TaskObserver;
		const previous = chainRun.previous[i] ?? null;
		const counters: MutableCounters = { ...noCounters };
		const sentBefore = pipe.transferredBytes;
		const progress: TaskObserver = {
			mode: (decided) => observer.mode(decided),
			activity: (text) => observer.activity(text),
			warning: (warning) => observer.warning(warning),
			info: (message) => observer.info(message),
			bottleneck: (bottleneck) => observer.bottleneck(bottleneck),
			counters: (now) => {
				const sent = pipe.transferredBytes - sentBefore;
				observer.counters({ ...now, transferredBytes: sent, storedBytes: sent });
				observer.bottleneck(pipe.bottleneck(now));
			},
		};
		using _telling = tellRegularly(() => progress.counters({ ...counters }));
		const createdAt = systemClock.now();
		let root: Uint8Array;
		let stamp: string | null = null;
		if (object.kind === 'disk') {
			const isHurt = previous && base && distrust ? await isDiskHurt(previous, base, distrust) : false;
			if (isHurt) observer.info(`${object.path} is read again, because what is stored of it is damaged.`);
			const before = previous && base && !isHurt ? { root: Buffer.from(previous.root.hash, 'hex'), stamp: previous.sourceStamp ?? null } : null;
			const blockSizeBytes = diskBlockSizes[i] ?? run.blockSizeBytes;
			({ root, stamp } = await protectDisk({ pipe, path: object.path, blockSizeBytes, previous: before, counters, observer: progress }));
		} else {
			const task = new FolderTask({
				pipe,
				path: object.path,
				exclude,
				platform,
				previous: previous && base ? { root: Buffer.from(previous.root.hash, 'hex'), reader: base } : null,
				distrust,
				skip: [{ device: repository.dev, inode: repository.ino }],
				counters,
				observer: progress,
			});
			counters.totalBytes = previous?.sourceBytes ?? null;
			counters.totalItems = previous?.itemCount ?? null;
			const tree = await task.run();
			root = tree.root;
			counters.totalBytes = counters.doneBytes;
			counters.totalItems = counters.doneItems;
		}
		observer.activity('writing');
		await pipe.flush();
		counters.transferredBytes = pipe.transferredBytes - sentBefore;
		counters.storedBytes = counters.transferredBytes;
		observer.counters({ ...counters });
		const pointId = newId(createdAt);
		points.push({
			id: pointId,
			object,
			createdAt,
			sessionId: run.sessionId,
			mode,
			consistency: 'crash',
			root: { kind: object.kind, hash: hashText(root) },
			sourceBytes: counters.doneBytes,
			itemCount: counters.doneItems,
			storedBytes: counters.storedBytes,
			warningCount: counters.warningCount,
			...(stamp !== null && { sourceStamp: stamp }),
		});
		outcomes.push({ object, pointId, mode, counters, bottleneck: pipe.bottleneck(counters) });
	}
	signal.throwIfAborted();
	for (const observer of observers) observer.activity('committing');
	const progress = new StepMeter((step) => observers[0]?.step?.(step));
	await chainRun.commit(points, { signal, progress });
	return outcomes;
}

function checkSource(path: string): void {
	if (fs.existsSync(bytesFromText(path))) return;
	throw new EngineError('source.missing' satisfies ErrorCode, `${path} does not exist.`, { hint: 'Connect or mount it, or take it out of the job.' });
}

async function previousBlockSize(point: PointManifest | null, base: ChainReader | null): Promise<number | null> {
	if (point?.root.kind !== 'disk' || !base) return null;
	try {
		return parseDiskMap(await base.readChunk(Buffer.from(point.root.hash, 'hex')), `the disk map of ${point.id}`).blockSizeBytes;
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return null; // then it is cut as the job says, which is the same unless that was changed
		throw error;
	}
}

/** Whether anything of the disk's map, or a block that it names, cannot be had any more. */
async function isDiskHurt({ id, root }: PointManifest, base: ChainReader, distrust: Distrust): Promise<boolean> {
	try {
		const hash = Buffer.from(root.hash, 'hex');
		if (distrust.isLost(hash)) return true;
		for (const segment of parseDiskMap(await base.readChunk(hash), `the disk map of ${id}`).segments) {
			if (isZeroHash(segment)) continue;
			if (distrust.isLost(segment)) return true;
			const blocks = await base.readChunk(segment);
			for (let at = 0; at + hashBytes <= blocks.byteLength; at += hashBytes) {
				const block = blocks.subarray(at, at + hashBytes);
				if (!isZeroHash(block) && distrust.isLost(block)) return true;
			}
		}
		return false;
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return true;
		throw error;
	}
}
