import { EngineError } from '../base/index.ts';
import { openDiskTarget } from '../block/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import { blockCount, blocksPerSegment, type DiskMapRoot, hashBytes, isZeroHash, parseDiskMap } from '../format/index.ts';
import type { TaskObserver, TaskShares } from '../mover/index.ts';
import { ChainReader, findPoint, loadChain } from '../repository/index.ts';
import { PointView } from './point-view.ts';
import { RestoreProgress } from './progress.ts';
import { type RestorePlace, reach, type TaskSignal } from './reached.ts';
import { RestorePool } from './restore-pool.ts';

export type RestoreDiskTask = {
	readonly repositoryPath: RestorePlace;
	readonly pointId: string;
	readonly to: string;
	readonly overwrite: boolean;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
};

const requestBytes = 4 * 1024 * 1024;

export async function readDiskMap(view: PointView): Promise<DiskMapRoot> {
	if (view.manifest.root.kind !== 'disk')
		throw new EngineError('usage.invalid', `${view.manifest.object.path} is a folder, not a disk.`, { hint: 'Restore it with "holdfast restore files".' });
	return parseDiskMap(await view.reader.readChunk(view.rootHash), `the disk map of ${view.manifest.id}`);
}

/** Block hashes, segment by segment, with the number of the first block. @throws `repository.damaged` */
export async function* readSegments(view: PointView, map: DiskMapRoot): AsyncGenerator<{ firstBlock: number; hashes: Uint8Array }> {
	const blocks = blockCount(map);
	for (const [i, segment] of map.segments.entries()) {
		const firstBlock = i * blocksPerSegment;
		const length = Math.min(blocksPerSegment, blocks - firstBlock) * hashBytes;
		const hashes = isZeroHash(segment) ? new Uint8Array(length) : await view.reader.readChunk(segment);
		if (hashes.byteLength !== length) throw new EngineError('repository.damaged', `A segment of the disk map of ${view.manifest.id} has the wrong length.`);
		yield { firstBlock, hashes };
	}
}

const failureOf = (shape: ErrorShape): EngineError =>
	shape.code === 'repository.damaged'
		? new EngineError(shape.code, shape.message, { hint: 'Restore from another point; run a check of the chain.', data: shape.data })
		: EngineError.from(shape);

/**
 * Writes a disk to a raw file (sparse) or a device.
 * @throws `exists.target`, `restore.target`, `repository.damaged`; a file that was created here is removed again
 */
export async function restoreDisk(task: RestoreDiskTask, [observer]: readonly TaskObserver[], options: TaskSignal): Promise<void> {
	await using repository = await reach(task.repositoryPath, options);
	const { vault, signal } = repository;
	const { point, files } = await findPoint(vault, task.pointId);
	const chain = await loadChain(vault, files);
	await using view = new PointView(point, new ChainReader(chain, vault.storage));
	const map = await readDiskMap(view);
	const progress = new RestoreProgress(observer as TaskObserver);
	const { counters } = progress;
	counters.totalBytes = map.sizeBytes;
	counters.totalItems = 1;
	progress.report();

	using target = openDiskTarget(task.to, map.sizeBytes, { overwrite: task.overwrite });
	try {
		const bytesOf = (block: number): number => Math.min(map.blockSizeBytes, map.sizeBytes - block * map.blockSizeBytes);
		await using pool = new RestorePool(chain, repository, task.shares, (reply) => {
			if (reply.type !== 'blocks') return;
			if (reply.failure) throw failureOf(reply.failure);
			counters.doneBytes += reply.writtenBytes;
			counters.storedBytes += reply.writtenBytes;
			counters.transferredBytes += reply.writtenBytes;
			counters.readBytes += reply.readBytes;
			progress.report();
		});
		using _telling = progress.tellRegularly(pool);
		const perRequest = Math.max(1, Math.floor(requestBytes / map.blockSizeBytes));
		let blocks: number[] = [];
		let hashes: Uint8Array[] = [];
		const give = async (): Promise<void> => {
			if (blocks.length === 0) return;
			const request = { target: target.handle, blockSizeBytes: map.blockSizeBytes, numbers: Float64Array.from(blocks), hashes: Buffer.concat(hashes) };
			await pool.give({ type: 'blocks', ...request }, signal);
			blocks = [];
			hashes = [];
		};
		for await (const segment of readSegments(view, map)) {
			for (let i = 0; i < segment.hashes.byteLength / hashBytes; i++) {
				const block = segment.firstBlock + i;
				const hash = segment.hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
				if (isZeroHash(hash)) {
					target.writeZeros(block * map.blockSizeBytes, bytesOf(block));
					counters.doneBytes += bytesOf(block);
					continue;
				}
				blocks.push(block);
				hashes.push(hash);
				if (blocks.length === perRequest) await give();
			}
			progress.report();
		}
		await give();
		await pool.drain(signal);
		progress.observer.activity('syncing');
		target.sync();
		progress.bottleneck(pool);
		counters.doneItems = 1;
		progress.report();
	} catch (error) {
		target.discard();
		throw error;
	}
}
