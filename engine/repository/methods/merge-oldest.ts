import { assert, EngineError } from '../../base/index.ts';
import { BackupFileWriter } from '../backup-file.ts';
import { LiveMap, markLive } from '../liveness.ts';
import type { OpenChain, PreparedFiles, StoredFile } from '../open-chain.ts';
import { copyChunks } from '../record-copier.ts';
import { type StepOptions, usualCommitBytes } from '../step-options.ts';
import { tidyFull } from './tidy.ts';

/**
 * Forever forward incremental: moves what the points still need from the oldest increment into the full, which then is that increment's point.
 * The full commits, the metadata follows, the increment is deleted: interrupted anywhere, every retained point restores, and the step can be
 * repeated. What only the full's old point needed becomes free room.
 * @throws `repository.damaged` when a chunk cannot be trusted: the chain is then as before
 */
export async function mergeOldestIncrement(chain: OpenChain, options: StepOptions): Promise<void> {
	const { signal, progress, announcedBytes = 0, commitEveryBytes = usualCommitBytes } = options;
	progress?.begins('merge');
	const { full } = chain;
	const oldest = chain.files.find((file) => file.dependsOn === full.id);
	if (oldest?.kind !== 'increment') throw new EngineError('usage.conflict', 'The chain has no increment to merge.');
	const rest = chain.files.filter((file) => file !== full);
	await using writer = await BackupFileWriter.update(chain.storage, chain.pathOf(full), chain.stored.seal);
	const { committed } = writer;
	assert(committed, 'an updated file is committed');
	const files = [full, ...rest];
	const indexes = [committed.index, ...(await chain.indexes(rest))];
	const live = new LiveMap(indexes);
	await using reader = chain.reader(files, indexes);
	await markLive(reader, chain.points(rest), live, { signal });

	const [oldestIndex] = indexes.slice(files.indexOf(oldest));
	assert(oldestIndex, 'the increment has an index');
	await using source = await chain.storage.open(chain.pathOf(oldest), 'read');
	progress?.expects(-announcedBytes);
	for (;;) {
		const isWanted = (hash: Uint8Array): boolean => live.has(hash) && !writer.committed?.index.has(hash);
		const { isComplete } = await copyChunks({ file: source, index: oldestIndex }, writer, isWanted, { signal, progress, maxBytes: commitEveryBytes });
		if (isComplete) break;
		await writer.commit({ fileId: full.id, chain: committed.root.chain, dependsOn: null, points: committed.root.points });
	}
	const broughtBytes = writer.appendedBytes;
	await using stack = new AsyncDisposableStack();
	let listed: PreparedFiles | undefined;
	await writer.commit(
		{ fileId: oldest.id, chain: chain.stored.metadata.chain, dependsOn: null, points: oldest.points },
		(hash) => live.has(hash),
		async (sizeBytes) => {
			const merged: StoredFile = { ...full, id: oldest.id, sizeBytes, createdAt: oldest.createdAt, points: oldest.points };
			listed = stack.use(await chain.prepareFiles([merged, ...rest.filter((file) => file !== oldest)]));
		},
	);
	await listed?.apply();
	await chain.storage.remove(chain.pathOf(oldest));
	await tidyFull(chain, writer, broughtBytes, { signal, progress });
}
