import { EngineError, isEngineError } from '../../base/index.ts';
import type { DamagedStructure } from '../../contract/index.ts';
import { type FileIndex, firstRecordOffset, Packer, type PlacedChunk, ringOf, type Superblock, sealedBytes, sealRecord } from '../../format/index.ts';
import { BackupFileWriter, type Committed, type FileClaim, readCommittedFile, readIndex, renewSuperblocks } from '../backup-file.ts';
import type { ChainReader } from '../chain-reader.ts';
import { readChains } from '../chain-store.ts';
import { loadChain } from '../load-chain.ts';
import type { OpenChain, PreparedFiles, StoredFile } from '../open-chain.ts';
import type { StepOptions } from '../step-options.ts';
import { RecordVerifier, readHead } from './check-file.ts';
import { rebuildIndex } from './rebuild-index.ts';

/** A place that a check found broken. Only a hint: it is looked at again before anything is done. */
export type Suspect = {
	readonly file: string;
	readonly structure?: DamagedStructure | undefined;
	readonly offset?: number | undefined;
	/** Of a chunk that no index names. */
	readonly chunk?: string | undefined;
};

export type Mended = { readonly file: string; readonly what: string };
export type MendOutcome = {
	readonly mended: readonly Mended[];
	/** In words, what could not be mended and why. */
	readonly left: readonly Mended[];
};
export type MendOptions = Pick<StepOptions, 'signal' | 'progress'>;

const repackLevel = 3;

/**
 * Mends what can be mended from the repository itself: a superblock from the other one, root and index from the records and the chain metadata, a
 * record from other copies of its chunks, in this chain or another one of the same job. The caller has the chain alone.
 * What could not be read is left exactly as it is. Each file commits by the commit rule; what was done when something fails stays done.
 */
export async function mendChain(chain: OpenChain, suspects: readonly Suspect[], options: MendOptions): Promise<MendOutcome> {
	const mended: Mended[] = [];
	const left: Mended[] = [];
	for (const stored of chain.files) {
		const path = chain.pathOf(stored);
		const own = suspects.filter(({ file }) => file === path);
		if (own.length === 0) continue;
		options.signal.throwIfAborted();
		try {
			await mendFile(chain, stored, own, options, { mended, left });
		} catch (error) {
			if (!isEngineError(error) || options.signal.aborted) throw error;
			if (error.code === 'repository.full' || error.code === 'repository.not-writable' || error.code === 'repository.unreachable') throw error;
			left.push({ file: path, what: error.message });
		}
	}
	return { mended, left };
}

type Notes = { readonly mended: Mended[]; readonly left: Mended[] };

async function mendFile(chain: OpenChain, stored: StoredFile, suspects: readonly Suspect[], options: MendOptions, notes: Notes): Promise<void> {
	const path = chain.pathOf(stored);
	const note = (what: string): void => void notes.mended.push({ file: path, what });
	const state = await inspect(chain, path);
	if (state.isLost) {
		await rescueFile(chain, stored, state.superblock, options);
		note('Root and index were made anew from the records of the file.');
	} else if (state.hasBadSlot) {
		await renewSuperblocks(chain.storage, path, chain.stored.seal);
		note('The damaged superblock was written anew from the other one.');
	}
	const wanted = await damagedChunks(chain, path, suspects);
	if (wanted.length === 0) return;
	const { found, lost } = await copyFromElsewhere(chain, stored, wanted, options);
	if (found > 0) note(`${found} damaged ${found === 1 ? 'chunk was' : 'chunks were'} replaced by good copies.`);
	if (lost > 0) notes.left.push({ file: path, what: `${lost} damaged ${lost === 1 ? 'chunk has' : 'chunks have'} no other copy in the repository.` });
}

/** @throws when the file cannot be read: then nothing is done about it */
async function inspect(chain: OpenChain, path: string): Promise<{ isLost: boolean; hasBadSlot: boolean; superblock: Superblock | null }> {
	await using file = await chain.storage.open(path, 'read');
	const { superblocks, badSlots } = await readHead(file);
	const superblock = superblocks[0] ?? null;
	const state = { hasBadSlot: badSlots.length > 0, superblock };
	if (superblock === null) return { ...state, isLost: true };
	try {
		const committed = await readCommittedFile(file, ringOf(chain.stored.seal));
		if (committed?.superblock.generation !== superblock.generation) return { ...state, isLost: true };
		await readIndex(file, committed);
		return { ...state, isLost: false };
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return { ...state, isLost: true };
		throw error;
	}
}

/** Finds the records again and commits them with what the chain metadata says of the file. */
async function rescueFile(chain: OpenChain, stored: StoredFile, newest: Superblock | null, { signal, progress }: MendOptions): Promise<void> {
	const path = chain.pathOf(stored);
	let index: FileIndex;
	{
		await using file = await chain.storage.open(path, 'read');
		index = await rebuildIndex(file, chain.stored.seal?.cipher ?? null, { signal, onRead: (bytes) => progress?.moved(bytes) });
	}
	const head = chain.stored.metadata.chain;
	const claim: FileClaim = { fileId: stored.id, chain: head, dependsOn: stored.dependsOn, points: stored.points };
	if (newest !== null && newest.fileId !== stored.id)
		throw new EngineError('repository.damaged', `${path}: its root is lost, and the chain metadata is of another state of it, so that its points are unknown.`);
	const superblock: Superblock = newest ?? {
		kind: stored.kind,
		alignmentLog2: 0,
		fileId: stored.id,
		chainId: head.id,
		generation: 0,
		rootOffset: firstRecordOffset,
		rootBytes: 0,
		rootCrc: 0,
		committedEnd: firstRecordOffset,
		createdAt: stored.createdAt,
		lock: chain.stored.seal?.lock ?? null,
	};
	const found: Committed = { superblock, root: { chain: head, dependsOn: stored.dependsOn, points: [...stored.points], index: [] }, index };
	await using writer = await BackupFileWriter.rescue(chain.storage, path, found, chain.stored.seal);
	await commitInPlace(chain, stored, writer, claim);
}

/** The file with the same id and points, and the list of files with its new size. */
async function commitInPlace(chain: OpenChain, stored: StoredFile, writer: BackupFileWriter, claim: FileClaim): Promise<void> {
	await using stack = new AsyncDisposableStack();
	let listed: PreparedFiles | undefined;
	await writer.commit(claim, undefined, async (sizeBytes) => {
		listed = stack.use(await chain.prepareFiles(chain.files.map((file) => (file.id === stored.id ? { ...file, sizeBytes } : file))));
	});
	await listed?.apply();
}

/** Names of the chunks that the file should give and does not, as it is now. */
async function damagedChunks(chain: OpenChain, path: string, suspects: readonly Suspect[]): Promise<Uint8Array[]> {
	const offsets = new Set(suspects.map(({ offset }) => offset));
	await using file = await chain.storage.open(path, 'read');
	const committed = await readCommittedFile(file, ringOf(chain.stored.seal));
	if (!committed) return [];
	const index = await readIndex(file, committed);
	const verifier = new RecordVerifier(file, index, committed.seal?.cipher ?? null);
	const wanted = new Map<string, Uint8Array>();
	let number = 0;
	for (const record of index.records()) {
		const recordNumber = number++;
		if (!offsets.has(record.offset)) continue;
		const fault = await verifier.verify(record, recordNumber);
		if (fault && !fault.isUnreadable) for (const hash of fault.hashes) wanted.set(Buffer.from(hash).toString('hex'), Uint8Array.from(hash));
	}
	for (const { chunk } of suspects) if (chunk && !index.has(Buffer.from(chunk, 'hex'))) wanted.set(chunk, Buffer.from(chunk, 'hex'));
	return [...wanted.values()];
}

async function copyFromElsewhere(
	chain: OpenChain,
	stored: StoredFile,
	wanted: readonly Uint8Array[],
	{ signal, progress }: MendOptions,
): Promise<{ found: number; lost: number }> {
	const path = chain.pathOf(stored);
	await using donors = await openDonors(chain, path);
	await using writer = await BackupFileWriter.update(chain.storage, path, chain.stored.seal);
	const writes: Promise<void>[] = [];
	const packer = new Packer((raw: Uint8Array, chunks: readonly PlacedChunk[]) => {
		const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, repackLevel, writer.cipher);
		writes.push(writer.append(buffer.subarray(0, totalBytes), header, chunks));
		progress?.moved(totalBytes);
	}, writer.cipher);
	let found = 0;
	for (const hash of wanted) {
		signal.throwIfAborted();
		const chunk = await readGood(donors, hash);
		if (chunk === null) continue;
		packer.add(hash, chunk);
		found++;
		if (writes.length >= 4) await Promise.all(writes.splice(0));
	}
	packer.flush();
	await Promise.all(writes);
	const { committed } = writer;
	if (found > 0 && committed) {
		const { superblock, root } = committed;
		await commitInPlace(chain, stored, writer, { fileId: superblock.fileId, chain: root.chain, dependsOn: root.dependsOn, points: root.points });
	}
	return { found, lost: wanted.length - found };
}

async function readGood(donors: ChainReader, hash: Uint8Array): Promise<Uint8Array | null> {
	if (!donors.has(hash)) return null;
	try {
		return await donors.readChunk(hash);
	} catch (error) {
		if (isEngineError(error, 'repository.damaged') || isEngineError(error, 'repository.io')) return null;
		throw error;
	}
}

/** All other files of the job's chains that can be opened. */
async function openDonors(chain: OpenChain, path: string): Promise<ChainReader> {
	const { seal } = chain.stored;
	const { chains } = await readChains({ storage: chain.storage, keys: ringOf(seal) });
	// Chains under keys of their own name the same bytes differently: only this one's own files can help an encrypted one.
	const ofJob = chains.filter(({ metadata: { chain: other } }) =>
		seal ? other.id === chain.stored.metadata.chain.id : other.job.id === chain.stored.metadata.chain.job.id,
	);
	const paths = ofJob.flatMap(({ folder, metadata }) => metadata.files.map(({ name }) => `${folder}/${name}`)).filter((other) => other !== path);
	const files: { path: string; index: SharedArrayBuffer }[] = [];
	for (const other of paths) {
		try {
			files.push(...(await loadChain({ storage: chain.storage, keys: ringOf(seal) }, [other])).files);
		} catch (error) {
			if (!isEngineError(error) || !error.code.startsWith('repository.')) throw error; // what cannot be opened gives nothing
		}
	}
	return chain.readerOf(files);
}
