import { isEngineError } from '../../base/index.ts';
import {
	type ChainCipher,
	damaged,
	type FileIndex,
	firstRecordOffset,
	IndexBuilder,
	nameChunk,
	parseDirectory,
	parseRecordHeader,
	type RecordHeader,
	recordHeaderBytes,
	sameHash,
} from '../../format/index.ts';
import { readRecord } from '../read-record.ts';
import type { StorageFile } from '../storage/storage.ts';

const windowBytes = 8 * 1024 * 1024;
const magic = Buffer.from('HREC', 'latin1');

/**
 * The index of a file whose own is lost: every record is found by its header and names its chunks itself. A record that cannot be believed is left
 * out. Records that no commit referred to any more may be among those that are found: their chunks are what their names say, too.
 * @throws `repository.io`: then nothing is known, and the file is to be left alone; the signal's reason
 */
export async function rebuildIndex(
	file: StorageFile,
	cipher: ChainCipher | null,
	{ signal, onRead }: { readonly signal: AbortSignal; readonly onRead?: (bytes: number) => void },
): Promise<FileIndex> {
	const builder = new IndexBuilder();
	const end = await file.sizeBytes();
	const scan = new Scan(file);
	let offset = firstRecordOffset;
	while (offset + recordHeaderBytes <= end) {
		signal.throwIfAborted();
		// an encrypted header shows no magic: then every byte may be the first of a record
		const at = cipher ? offset : await scan.nextMagic(offset, end);
		if (at === null) break;
		const header = await headerAt(scan, at, end, cipher);
		const isTaken = header !== null && (await take(file, at, header, builder, cipher));
		onRead?.(at - offset);
		offset = at + (isTaken ? recordHeaderBytes + (header?.storedBytes ?? 0) : 1);
	}
	return builder.build();
}

async function headerAt(scan: Scan, at: number, end: number, cipher: ChainCipher | null): Promise<RecordHeader | null> {
	try {
		const header = parseRecordHeader(await scan.bytes(at, recordHeaderBytes), '', at, cipher);
		return at + recordHeaderBytes + header.storedBytes <= end ? header : null;
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return null;
		throw error;
	}
}

/** @returns whether a whole record lies there; only those that hold chunks go into the index */
async function take(file: StorageFile, offset: number, header: RecordHeader, builder: IndexBuilder, cipher: ChainCipher | null): Promise<boolean> {
	try {
		const { raw } = await readRecord(file, { offset, bytes: recordHeaderBytes + header.storedBytes }, cipher);
		if (header.type !== 'chunks') return true;
		const chunks = parseDirectory(raw, file.path, offset);
		for (const { hash, rawOffset, rawBytes } of chunks)
			if (!sameHash(nameChunk(raw.subarray(rawOffset, rawOffset + rawBytes), cipher), hash))
				throw damaged(file.path, offset, 'a chunk is not what its name says');
		const { storedBytes, rawBytes, payloadCrc, codec } = header;
		builder.add({ offset, storedBytes, rawBytes, payloadCrc, codec }, chunks);
		return true;
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return false;
		throw error;
	}
}

/** Reads a file from its beginning through a window. */
class Scan {
	readonly #file: StorageFile;
	readonly #window = Buffer.allocUnsafeSlow(windowBytes);
	#from = 0;
	#length = 0;

	constructor(file: StorageFile) {
		this.#file = file;
	}

	async bytes(offset: number, length: number): Promise<Buffer> {
		if (offset < this.#from || offset + length > this.#from + this.#length) {
			this.#from = offset;
			this.#length = await this.#file.read(this.#window, offset);
		}
		return this.#window.subarray(offset - this.#from, Math.min(this.#length, offset - this.#from + length));
	}

	/** Where the next record may begin; null: nowhere. */
	async nextMagic(offset: number, end: number): Promise<number | null> {
		for (let at = offset; at + recordHeaderBytes <= end; ) {
			const bytes = await this.bytes(at, Math.min(magic.byteLength, end - at));
			if (bytes.byteLength < magic.byteLength) return null; // it became shorter
			const found = this.#window.subarray(0, this.#length).indexOf(magic, at - this.#from);
			if (found >= 0) return this.#from + found;
			at = this.#from + this.#length - magic.byteLength + 1;
		}
		return null;
	}
}
