import type { FileIndex, PointManifest } from '../../format/index.ts';
import type { BackupFileWriter } from '../backup-file.ts';
import { LiveMap, markLive } from '../liveness.ts';
import type { OpenChain } from '../open-chain.ts';
import { copyChunks } from '../record-copier.ts';
import type { StepOptions } from '../step-options.ts';

/**
 * Synthetic full: copies into a new full what its points need and the run did not write itself, from the files of the chain before,
 * without decompressing. All appends to the writer must have resolved.
 */
export async function copyFromChain(
	chain: OpenChain,
	writer: BackupFileWriter,
	points: readonly PointManifest[],
	{ signal, progress }: StepOptions,
): Promise<void> {
	progress?.begins('synthetic');
	const indexes = await chain.indexes(chain.files);
	const written = writer.pendingIndex();
	const live = new LiveMap([written, ...indexes]);
	await using reader = chain.readerOf([
		...chain.files.map((file, i) => ({ path: chain.pathOf(file), index: (indexes[i] as FileIndex).buffer })),
		{ path: writer.path, index: written.buffer },
	]);
	await markLive(reader, points, live, { signal });
	const done: FileIndex[] = [written];
	for (const [i, file] of [...chain.files.entries()].reverse()) {
		const index = indexes[i] as FileIndex;
		await using source = await chain.storage.open(chain.pathOf(file), 'read');
		await copyChunks({ file: source, index }, writer, (hash) => live.has(hash) && !done.some((other) => other.has(hash)), { signal, progress });
		done.push(index);
	}
}
