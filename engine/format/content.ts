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
