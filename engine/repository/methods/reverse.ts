import { assert } from '../../base/index.ts';
import type { ChainHead, FileIndex, PointManifest } from '../../format/index.ts';
import { BackupFileWriter } from '../backup-file.ts';
import { partName } from '../chain-store.ts';
import { LiveMap, markLive } from '../liveness.ts';
import type { OpenChain, PreparedFiles, StoredFile } from '../open-chain.ts';
import { copyChunks } from '../record-copier.ts';
import type { StepOptions } from '../step-options.ts';
import { tidyFull } from './tidy.ts';

export type ReverseStep = {
	/** What the chain says of itself from now on. */
	readonly chain: ChainHead;
	/** Id of the full's new state. */
	readonly fileId: string;
	/** Name of the file that takes the older point. */
	readonly reverseName: string;
	readonly points: readonly PointManifest[];
	/** Chunks of the full that are damaged: those that the run did not store again stay where they are, so that they may be mended later. */
	readonly lost: FileIndex | null;
};

/**
 * Reverse incremental: the full becomes the newest point. What only older points need moves into a reverse increment, which is complete and has
 * its name before the full commits. Interrupted before that commit, the full still is the point before and the reverse increment is a
 * leftover; interrupted after it, both are found and listed at the next start.
 * @param writer the full, opened for change, with everything of the new points appended
 * @returns the size of the full
 */
export async function commitReverse(chain: OpenChain, writer: BackupFileWriter, step: ReverseStep, { signal, progress }: StepOptions): Promise<number> {
	progress?.begins('reverse');
	const { full } = chain;
	const { committed } = writer;
	assert(committed, 'an updated file is committed');
	await chain.refuseIfTakenOver();
	const isReplaced = (point: PointManifest): boolean =>
		step.points.some(({ object }) => object.kind === point.object.kind && object.path === point.object.path);
	const oldPoints = committed.root.points.filter(isReplaced);
	const newPoints = [...committed.root.points.filter((point) => !isReplaced(point)), ...step.points];

	const pending = writer.pendingIndex();
	const live = new LiveMap([pending]);
	await using reader = chain.readerOf([{ path: writer.path, index: pending.buffer }]);
	await markLive(reader, newPoints, live, { signal });

	const isLost = (hash: Uint8Array): boolean => Boolean(step.lost?.has(hash)) && pending.find(hash)?.recordOffset === committed.index.find(hash)?.recordOffset;
	const reverse = await writeReverse(chain, step, oldPoints, (hash) => !live.has(hash) && !isLost(hash), { signal, progress }, writer);
	const createdAt = step.points[0]?.createdAt ?? full.createdAt;
	await using stack = new AsyncDisposableStack();
	let listed: PreparedFiles | undefined;
	await writer.commit(
		{ fileId: step.fileId, chain: step.chain, dependsOn: null, points: newPoints },
		(hash) => live.has(hash) || isLost(hash),
		async (sizeBytes) => {
			const newFull: StoredFile = { ...full, id: step.fileId, sizeBytes, createdAt, points: newPoints };
			listed = stack.use(await chain.prepareFiles([newFull, ...reverse, ...chain.files.filter((file) => file !== full)], step.chain));
		},
	);
	await listed?.apply();
	await tidyFull(chain, writer, writer.appendedBytes, { signal, progress });
	return writer.sizeBytes;
}

/** The older point with what the full gives up. An object that is new has no older point, and then there is nothing to write. */
async function writeReverse(
	chain: OpenChain,
	{ fileId, reverseName }: ReverseStep,
	points: readonly PointManifest[],
	isMoved: (hash: Uint8Array) => boolean,
	options: StepOptions,
	full: BackupFileWriter,
): Promise<StoredFile[]> {
	const { committed } = full;
	assert(committed, 'an updated file is committed');
	const createdAt = points[0]?.createdAt ?? chain.full.createdAt;
	const part = `${chain.stored.folder}/${partName(reverseName, chain.stored.metadata.chain.job.id)}`;
	const path = `${chain.stored.folder}/${reverseName}`;
	const claim = { fileId: chain.full.id, chain: chain.stored.metadata.chain, dependsOn: fileId, points };
	let sizeBytes: number;
	try {
		await using writer = await BackupFileWriter.create(chain.storage, { path: part, kind: 'reverse', createdAt, seal: chain.stored.seal });
		await using source = await chain.storage.open(full.path, 'read');
		await copyChunks({ file: source, index: committed.index }, writer, isMoved, options);
		({ sizeBytes } = await writer.commit(claim));
	} catch (error) {
		await chain.storage.remove(part).catch(() => undefined); // what went wrong is the error to report; the next clean-up removes it
		throw error;
	}
	await chain.storage.rename(part, path);
	return [{ id: claim.fileId, name: reverseName, kind: 'reverse', dependsOn: fileId, sizeBytes, createdAt, points: [...points] }];
}
