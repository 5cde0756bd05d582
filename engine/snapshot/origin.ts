/** Copies that stand for their originals say which those are, so that a backup recognises at its next run what has not changed. */

/** Extended attribute: kept from ordinary users, possible on links too. */
export const originAttribute = 'trusted.holdfast.origin';
const originBytes = 24;

/** As in `fs.BigIntStats`. */
export type Origin = { readonly dev: bigint; readonly ino: bigint; readonly ctimeNs: bigint };

export function encodeOrigin({ dev, ino, ctimeNs }: Origin): Buffer {
	const bytes = Buffer.alloc(originBytes);
	bytes.writeBigUInt64LE(dev, 0);
	bytes.writeBigUInt64LE(ino, 8);
	bytes.writeBigInt64LE(ctimeNs, 16);
	return bytes;
}

/** Null: not written by `encodeOrigin`. */
export const parseOrigin = (bytes: Buffer): Origin | null =>
	bytes.length === originBytes ? { dev: bytes.readBigUInt64LE(0), ino: bytes.readBigUInt64LE(8), ctimeNs: bytes.readBigInt64LE(16) } : null;
