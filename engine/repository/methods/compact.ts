import { type FileIndex, recordHeaderBytes, ringOf } from '../../format/index.ts';
import { BackupFileWriter, readCommittedFile, readIndex } from '../backup-file.ts';
import { partName } from '../chain-store.ts';
import { LiveMap, markLive } from '../liveness.ts';
import type { OpenChain, StoredFile } from '../open-chain.ts';
import { readRecord } from '../read-record.ts';
import { copyChunks } from '../record-copier.ts';
import type { StepOptions } from './merge-oldest.ts';

/**
 * Writes a file of a chain anew without dead room (JOB-08). The old file stays until the new one has been read back whole; then the new one takes
 * its name, which is the commit. It needs as much free space as the live part of the file.
 */
export async function compactFile(chain: OpenChain, stored: StoredFile, { signal, onCopied }: StepOptions): Promise<{ savedBytes: number }> {
	const files = chain.files;
	const indexes = await chain.indexes(files);
	const live = new LiveMap(indexes);
	await using reader = chain.reader(files, indexes);
	await markLive(reader, chain.points(files), live, { signal });
	const path = chain.pathOf(stored);
	const part = partName(path, chain.stored.metadata.chain.job.id);
	await chain.storage.remove(part);
	try {
		await using source = await chain.storage.open(path, 'read');
		const { seal } = chain.stored;
		const committed = await readCommittedFile(source, ringOf(seal));
		const index = indexes[files.indexOf(stored)] as FileIndex;
		{
			await using writer = await BackupFileWriter.create(chain.storage, { path: part, kind: stored.kind, createdAt: stored.createdAt, seal });
			await copyChunks({ file: source, index }, writer, (hash) => live.has(hash), { signal, onCopied });
			const dependsOn = committed?.root.dependsOn ?? stored.dependsOn;
			await writer.commit({ fileId: stored.id, chain: chain.stored.metadata.chain, dependsOn, points: stored.points });
		}
		const sizeBytes = await verifyFile(chain, part, signal);
		await using listed = await chain.prepareFiles(files.map((file) => (file === stored ? { ...file, sizeBytes } : file)));
		await chain.storage.rename(part, path, { replace: true });
		await listed.apply();
		return { savedBytes: stored.sizeBytes - sizeBytes };
	} catch (error) {
		await chain.storage.remove(part).catch(() => undefined); // what went wrong is the error to report; the next clean-up removes it
		throw error;
	}
}

/** Reads every record of a file. @returns its size @throws `repository.damaged` */
async function verifyFile(chain: OpenChain, path: string, signal: AbortSignal): Promise<number> {
	await using file = await chain.storage.open(path, 'read');
	const committed = await readCommittedFile(file, ringOf(chain.stored.seal));
	if (!committed) throw new Error(`Defect: ${path} was not committed`);
	for (const record of (await readIndex(file, committed)).records()) {
		signal.throwIfAborted();
		await readRecord(file, { offset: record.offset, bytes: recordHeaderBytes + record.storedBytes }, committed.seal?.cipher ?? null);
	}
	return await file.sizeBytes();
}
