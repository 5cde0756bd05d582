import { EngineError, isEngineError } from '../../base/index.ts';
import { type ChainCipher, type FileIndex, firstRecordOffset, type IndexedRecord, recordHeaderBytes, ringOf } from '../../format/index.ts';
import { BackupFileWriter, type CommittedFile, readCommittedFile, readIndex } from '../backup-file.ts';
import { isBegunCompaction } from '../begun-part.ts';
import { partName } from '../chain-store.ts';
import { LiveMap, markLive } from '../liveness.ts';
import type { OpenChain, StoredFile } from '../open-chain.ts';
import { readRecords, readWindows } from '../read-ahead.ts';
import { copiedBytes, copyChunks, wantedRecords } from '../record-copier.ts';
import { type StepOptions, usualCommitBytes } from '../step-options.ts';
import type { StorageFile } from '../storage/storage.ts';

/** Less dead room than this share of a file does not pay for writing it anew. */
const leastGain = 0.01;
/** A record of which more than a quarter is dead is packed anew. */
const wholeFrom = 0.75;

/**
 * Writes the files of a chain anew without dead room (JOB-08), one after the other; those that hardly have any stay as they are. The old file stays
 * until the new one has been read back whole, record by record; then the new one takes its name, which is the commit. It needs as much free space as the live part of
 * the largest file. What is copied is committed now and then: a compaction that died is gone on with where it was; one that fails or is cancelled gives
 * its room back.
 */
export async function compactChain(chain: OpenChain, options: StepOptions): Promise<void> {
	const { signal, progress } = options;
	progress?.begins('compact');
	const files = [...chain.files];
	const indexes = await chain.indexes(files);
	const live = new LiveMap(indexes);
	{
		await using reader = chain.reader(files, indexes);
		await markLive(reader, chain.points(files), live, { signal });
	}
	// what is live does not depend on where it lies: marked once, it holds for all files
	for (const [i, { id }] of files.entries()) {
		const stored = chain.files.find((file) => file.id === id);
		if (stored) await compactFile(chain, stored, indexes[i] as FileIndex, (hash) => live.has(hash), options);
	}
}

async function compactFile(chain: OpenChain, stored: StoredFile, index: FileIndex, isLive: (hash: Uint8Array) => boolean, options: StepOptions): Promise<void> {
	const { signal, progress, commitEveryBytes = usualCommitBytes } = options;
	progress?.begins('compact');
	const { seal } = chain.stored;
	const path = chain.pathOf(stored);
	const part = partName(path, chain.stored.metadata.chain.job.id);
	try {
		const source = await chain.storage.open(path, 'read');
		using _closed = closedUnwaited(source);
		const committed = await readCommittedFile(source, ringOf(seal));
		progress?.expects(-stored.sizeBytes);
		if (!committed || gainOf(committed, index, isLive) < committed.superblock.committedEnd * leastGain) {
			await chain.storage.remove(part); // begun when there was more to gain
			return;
		}
		{
			await using writer = await openPart(chain, stored, part);
			await using readBack = await chain.storage.open(part, 'read');
			const claim = { fileId: stored.id, chain: chain.stored.metadata.chain, dependsOn: committed.root.dependsOn };
			const isWanted = (hash: Uint8Array): boolean => isLive(hash) && !writer.committed?.index.has(hash);
			try {
				await readBegun(writer, readBack, options);
				for (;;) {
					const { isComplete } = await copyChunks({ file: source, index }, writer, isWanted, {
						signal,
						progress,
						wholeFrom,
						readBack,
						maxBytes: commitEveryBytes,
					});
					if (isComplete) break;
					await writer.commit({ ...claim, points: [] });
				}
			} catch (error) {
				if (isEngineError(error, 'repository.damaged')) await findDamage(source, wantedRecords(index, isLive), writer.cipher, part);
				throw error;
			}
			await writer.commit({ ...claim, points: stored.points }, isLive);
		}
		const sizeBytes = await verifyIndex(chain, part);
		await using listed = await chain.prepareFiles(chain.files.map((file) => (file === stored ? { ...file, sizeBytes } : file)));
		await chain.storage.rename(part, path, { replace: true });
		await listed.apply();
	} catch (error) {
		await chain.storage.remove(part).catch(() => undefined); // what went wrong is the error to report; the next clean-up removes it
		throw error;
	}
}

/** With its last handle the system frees the room of a file that was replaced, and takes a third of a second for each gibibyte: nobody needs to wait for that. */
const closedUnwaited = (file: StorageFile): Disposable => ({ [Symbol.dispose]: () => void file[Symbol.asyncDispose]().then(undefined, () => undefined) });

/** With what a compaction that died has committed, if the file is still as it was then; otherwise empty. */
async function openPart({ storage, stored: { seal }, stored }: OpenChain, file: StoredFile, part: string): Promise<BackupFileWriter> {
	if (await isBegunCompaction({ storage, keys: ringOf(seal) }, stored, file, part)) {
		try {
			return await BackupFileWriter.update(storage, part, seal);
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error; // its index cannot be read: it is of no use
		}
	}
	await storage.remove(part);
	return BackupFileWriter.create(storage, { path: part, kind: file.kind, createdAt: file.createdAt, seal });
}

/** By how much a file is about to become shorter. */
function gainOf({ superblock, root }: CommittedFile, index: FileIndex, isLive: (hash: Uint8Array) => boolean): number {
	const metaBytes = firstRecordOffset + superblock.rootBytes + root.index.reduce((sum, { bytes }) => sum + bytes, 0);
	return superblock.committedEnd - metaBytes - copiedBytes(index, isLive, wholeFrom);
}

/**
 * Why a copy does not read back whole.
 * @throws `repository.damaged` naming the place in the file that was copied, or `repository.io` when that is whole
 */
async function findDamage(source: StorageFile, records: readonly IndexedRecord[], cipher: ChainCipher | null, part: string): Promise<never> {
	for await (const _ of readWindows(source, records, cipher)); // throws at the first that is damaged
	throw new EngineError('repository.io', `${part} does not read back as it was copied from ${source.path}.`, {
		hint: 'Check the disk that holds the repository and the memory of its machine. The file that was to be compacted is whole and stays as it is.',
	});
}

/** What a compaction that died has committed must be whole as well. @throws `repository.damaged` */
async function readBegun({ committed, cipher }: BackupFileWriter, file: StorageFile, { signal, progress }: StepOptions): Promise<void> {
	if (committed === null) return;
	progress?.begins('verify');
	const records = [...committed.index.records()];
	progress?.expects(records.reduce((sum, { storedBytes }) => sum + recordHeaderBytes + storedBytes, 0));
	for await (const { bytes } of readRecords(file, records, cipher)) {
		signal.throwIfAborted();
		progress?.moved(bytes.byteLength);
	}
	progress?.begins('compact');
}

/** Reads what was committed. @returns the size of the file @throws `repository.damaged` */
async function verifyIndex(chain: OpenChain, path: string): Promise<number> {
	await using file = await chain.storage.open(path, 'read');
	const committed = await readCommittedFile(file, ringOf(chain.stored.seal));
	if (!committed) throw new Error(`Defect: ${path} was not committed`);
	await readIndex(file, committed);
	return await file.sizeBytes();
}
