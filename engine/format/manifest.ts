import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { EngineError, sealNonceBytes } from '../base/index.ts';
import { backupFileKind, chainMethod, machineRef, runMode, snapshotUse, sourceSpec } from '../contract/index.ts';
import { ChainCipher } from './chain-cipher.ts';
import { damaged } from './cursor.ts';
import { type ChainLock, chainKeys, encodeLock, type KeyRing, keyFor, lockBytes, type MasterKey, newChainLock, parseLock } from './lock.ts';

const hashHex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const id = z.string().min(1).max(16);

/** A restore point: what it holds, where its root lies, how it was made. */
export const pointManifest = z.object({
	id,
	object: sourceSpec,
	createdAt: z.number().int(),
	sessionId: z.string(),
	mode: runMode,
	consistency: z.enum(['application', 'file-system', 'crash']),
	/** folder: a tree page with the root directory as its one entry; disk: the root of a disk map. */
	root: z.object({ kind: z.enum(['folder', 'disk']), hash: hashHex }),
	sourceBytes: count,
	itemCount: count,
	storedBytes: count,
	warningCount: count,
	/** Of a disk that is a raw image file: device, inode, size and both times when it was read. The same stamp is the same content. */
	sourceStamp: z.string().max(200).optional(),
	/** What it was read from. Absent: live. */
	snapshot: snapshotUse.optional(),
});
export type PointManifest = z.infer<typeof pointManifest>;

/** What every file of a chain says of its chain, so that a lost `.hbm` can be rebuilt. */
export const chainHead = z.object({
	id,
	createdAt: z.number().int(),
	method: chainMethod,
	job: z.object({ id: z.string(), name: z.string() }),
	objects: z.array(sourceSpec).max(10_000),
	/** Managed machine that the objects lie on; absent: that of the backup server. */
	machine: machineRef.optional(),
	/** A full outside of the job's chains: no file builds on it, and it is kept until a time of its own; null: until it is removed by hand. */
	adHoc: z.object({ keepUntil: z.number().int().nullable() }).optional(),
});
export type ChainHead = z.infer<typeof chainHead>;

/** The root record of a backup file. */
export const fileRoot = z.object({
	chain: chainHead,
	/** Id of the file that this one builds on; null for a full. */
	dependsOn: id.nullable(),
	points: z.array(pointManifest).max(100_000),
	/** The index: its records one after the other (see file-index.ts). */
	index: z.array(z.object({ offset: count, bytes: count })).max(100_000),
});
export type FileRoot = z.infer<typeof fileRoot>;

export const chainMetadata = z.object({
	chain: chainHead,
	/** The full first, every file after the one that it builds on. Names are relative to the folder of the `.hbm`. */
	files: z
		.array(
			z.object({
				id,
				name: z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/),
				kind: backupFileKind,
				/** Id of the file that this one builds on; null for a full. */
				dependsOn: id.nullable(),
				sizeBytes: count,
				createdAt: z.number().int(),
				points: z.array(pointManifest).max(100_000),
			}),
		)
		.max(100_000),
});
export type ChainMetadata = z.infer<typeof chainMetadata>;

const parseJson = <T>(schema: z.ZodType<T>, bytes: Uint8Array, where: string): T => {
	let value: unknown;
	try {
		value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
	} catch {
		throw damaged(where, 0, 'it is not JSON');
	}
	const result = schema.safeParse(value);
	if (!result.success) throw damaged(where, 0, result.error.issues[0]?.message ?? 'it has not the expected fields');
	return result.data;
};

export const encodeFileRoot = (root: FileRoot): Uint8Array => Buffer.from(JSON.stringify(root));
/** @throws `repository.damaged` */
export const parseFileRoot = (bytes: Uint8Array, where: string): FileRoot => parseJson(fileRoot, bytes, where);

/** The lock of an encrypted chain, opened. Every file of the chain carries the lock; the cipher names and seals its bytes. */
export type ChainSeal = { readonly key: MasterKey; readonly lock: ChainLock; readonly cipher: ChainCipher };

/** What opens the other files of the same chain. */
export const ringOf = (seal: ChainSeal | null): KeyRing => (seal ? [seal.key] : []);

/** For a chain that begins. */
export function newChainSeal(key: MasterKey): ChainSeal {
	const lock = newChainLock(key);
	return { key, lock, cipher: new ChainCipher(chainKeys(key, lock.salt)) };
}

/** Opens a lock with the ring. The slots are from then on those of the ring: they may be newer. @throws `repository.locked` */
export function openSeal(lock: ChainLock | null, ring: KeyRing, where: string): ChainSeal | null {
	if (!lock) return null;
	const key = keyFor(ring, lock, where);
	return { key, lock: { ...lock, slots: key.slots }, cipher: new ChainCipher(chainKeys(key, lock.salt)) };
}

/**
 * A `.hbm` file: 32 bytes head, then JSON. In an encrypted chain: the lock (lock.ts), a nonce of 12 bytes, the JSON sealed in the context of
 * head (bytes 0–15) and lock, and the tag.
 *
 * ```
 *  0  magic "HOLDMETA"   12  flags, u32: 1 encrypted     20  crc32 of what follows the head
 *  8  format version     16  length of what follows      24  zero up to 32
 * ```
 */
const metadataMagic = Buffer.from('HOLDMETA', 'latin1');
const metadataHeadBytes = 32;
const metadataContextBytes = 16;
const metadataVersion = 1;
const metadataEncrypted = 1;
export const maxMetadataBytes = 256 * 1024 * 1024;

export function encodeChainMetadata(metadata: ChainMetadata, seal: ChainSeal | null): Uint8Array {
	const json = Buffer.from(JSON.stringify(metadata));
	const head = Buffer.alloc(metadataHeadBytes);
	metadataMagic.copy(head);
	head.writeUInt32LE(metadataVersion, 8);
	head.writeUInt32LE(seal ? metadataEncrypted : 0, 12);
	const body = seal ? sealJson(json, head, seal) : json;
	head.writeUInt32LE(body.byteLength, 16);
	head.writeUInt32LE(crc32(body), 20);
	return Buffer.concat([head, body]);
}

function sealJson(json: Uint8Array, head: Uint8Array, { lock, cipher }: ChainSeal): Uint8Array {
	const nonce = new Uint8Array(sealNonceBytes);
	ChainCipher.fillNonce(nonce);
	const lockPart = encodeLock(lock);
	const { sealed, tag } = cipher.seal(nonce, Buffer.concat([head.subarray(0, metadataContextBytes), lockPart]), json);
	return Buffer.concat([lockPart, nonce, sealed, tag]);
}

/** The lock of a `.hbm` from its first bytes; null when it is not encrypted. @throws `repository.damaged` */
export function lockIn(head: Uint8Array, where: string): ChainLock | null {
	const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
	const isEncrypted = bytes.byteLength >= metadataHeadBytes && bytes.subarray(0, 8).equals(metadataMagic) && bytes.readUInt32LE(12) === metadataEncrypted;
	return isEncrypted ? parseLock(bytes.subarray(metadataHeadBytes), where) : null;
}

/** @throws `repository.foreign`, `repository.newer-format`, `repository.damaged`, `repository.locked` */
export function parseChainMetadata(bytes: Uint8Array, where: string, ring: KeyRing): { metadata: ChainMetadata; seal: ChainSeal | null } {
	const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (all.byteLength < metadataHeadBytes || !all.subarray(0, 8).equals(metadataMagic))
		throw new EngineError('repository.foreign', `${where} is not chain metadata of Holdfast.`, { hint: 'Move it out of the repository folder.' });
	const [version, flags] = [all.readUInt32LE(8), all.readUInt32LE(12)];
	if (version === 0) throw damaged(where, 8, 'it has no version');
	if (version > metadataVersion || flags > metadataEncrypted)
		throw new EngineError('repository.newer-format', `${where} was written by a newer version of Holdfast.`, {
			hint: 'Update this installation, then try again.',
		});
	const body = all.subarray(metadataHeadBytes);
	if (body.byteLength !== all.readUInt32LE(16) || crc32(body) !== all.readUInt32LE(20)) throw damaged(where, 20, 'its checksum or length is wrong');
	if (flags === 0) return { metadata: parseJson(chainMetadata, body, where), seal: null };
	const lock = parseLock(body, where);
	const seal = openSeal(lock, ring, where) as ChainSeal;
	const nonceEnd = lockBytes + sealNonceBytes;
	const context = Buffer.concat([all.subarray(0, metadataContextBytes), body.subarray(0, lockBytes)]);
	const json = body.byteLength < nonceEnd ? null : seal.cipher.open(body.subarray(lockBytes, nonceEnd), context, body.subarray(nonceEnd));
	if (!json) throw damaged(where, metadataHeadBytes, 'it is not what was encrypted');
	return { metadata: parseJson(chainMetadata, json, where), seal };
}
