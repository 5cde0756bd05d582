import { hashBytes, maxChunkBytes } from './chunk.ts';
import { ByteReader, ByteWriter } from './cursor.ts';

/**
 * The content of a file is a list of extents. Each begins with the varint `length * 4 + kind`:
 *
 * | kind | meaning | follows |
 * |---|---|---|
 * | 0 | data: one chunk | hash |
 * | 1 | hole: the file system had nothing there | nothing |
 * | 2 | zeros that the file system had stored | nothing |
 * | 3 | list: a chunk that holds further extents, `length` bytes of the file in all | hash |
 *
 * A list longer than `inlineLimitBytes` goes into chunks of its own, so that a directory page stays small whatever the files measure.
 */
export type Extent =
	| { readonly kind: 'data' | 'list'; readonly lengthBytes: number; readonly hash: Uint8Array }
	| { readonly kind: 'hole' | 'zero'; readonly lengthBytes: number };

const kinds = ['data', 'hole', 'zero', 'list'] as const;
export const inlineLimitBytes = 8192;
const listBytes = 65_536;
/** Lists in lists in lists: enough for 2^53 bytes. */
export const maxListDepth = 6;

export function writeExtent(target: ByteWriter, extent: Extent): void {
	target.varint(extent.lengthBytes * 4 + kinds.indexOf(extent.kind));
	if ('hash' in extent) target.bytes(extent.hash);
}

/** @throws `repository.damaged` */
export function* parseExtents(bytes: Uint8Array, where: string): Generator<Extent> {
	const reader = new ByteReader(bytes, where);
	while (reader.remaining > 0) {
		const head = reader.varint();
		const kind = kinds[head % 4] as (typeof kinds)[number];
		const lengthBytes = Math.floor(head / 4);
		if (lengthBytes === 0) reader.fail('an extent has no length');
		if (kind === 'data' && lengthBytes > maxChunkBytes) reader.fail('a chunk is larger than allowed');
		yield kind === 'data' || kind === 'list' ? { kind, lengthBytes, hash: reader.take(hashBytes) } : { kind, lengthBytes };
	}
}

/** Hears of the chunks that something refers to. The hashes are views. */
export type ReferenceVisitor = {
	/** Content: a chunk that refers to nothing. */
	readonly data: (hash: Uint8Array) => void;
	/** A chunk of further extents. */
	readonly list: (hash: Uint8Array) => void;
};

/** What extents refer to, with nothing else made of them: for walks over whole trees. @throws `repository.damaged` */
export function visitExtents(extents: Uint8Array, where: string, visitor: ReferenceVisitor): void {
	const reader = new ByteReader(extents, where);
	visitExtentsUntil(reader, extents.byteLength, visitor);
}

/** The extents that `reader` stands at and that end at `end`. */
export function visitExtentsUntil(reader: ByteReader, end: number, visitor: ReferenceVisitor): void {
	while (reader.offset < end) {
		const kind = kinds[reader.varint() % 4] as (typeof kinds)[number];
		if (kind === 'data' || kind === 'list') visitor[kind](reader.take(hashBytes));
	}
	if (reader.offset > end) reader.fail('the last extent is cut short');
}

/**
 * Shortens a long list of extents by putting it into chunks, until it fits beside the name of its file.
 * @param store keeps a chunk and names it
 */
export function packExtents(extents: Uint8Array, where: string, store: (chunk: Uint8Array) => Uint8Array): Uint8Array {
	let packed = extents;
	while (packed.byteLength > inlineLimitBytes) {
		const outer = new ByteWriter();
		const list = new ByteWriter(listBytes);
		let lengthBytes = 0;
		const close = (): void => {
			if (list.length === 0) return;
			writeExtent(outer, { kind: 'list', lengthBytes, hash: store(list.view()) });
			list.reset();
			lengthBytes = 0;
		};
		for (const extent of parseExtents(packed, where)) {
			writeExtent(list, extent);
			lengthBytes += extent.lengthBytes;
			if (list.length >= listBytes - 64) close();
		}
		close();
		packed = outer.copy();
	}
	return packed.slice();
}
