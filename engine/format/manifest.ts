import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { EngineError } from '../base/index.ts';
import { backupFileKind, chainMethod, runMode, sourceSpec } from '../contract/index.ts';
import { damaged } from './cursor.ts';

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
});
export type PointManifest = z.infer<typeof pointManifest>;

/** What every file of a chain says of its chain, so that a lost `.hbm` can be rebuilt. */
export const chainHead = z.object({
	id,
	createdAt: z.number().int(),
	method: chainMethod,
	job: z.object({ id: z.string(), name: z.string() }),
	objects: z.array(sourceSpec).max(10_000),
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

/**
 * A `.hbm` file: 32 bytes head, then JSON.
 *
 * ```
 *  0  magic "HOLDMETA"   12  flags, u32 (zero)     20  crc32 of the JSON
 *  8  format version     16  length of the JSON    24  zero up to 32
 * ```
 */
const metadataMagic = Buffer.from('HOLDMETA', 'latin1');
const metadataHeadBytes = 32;
const metadataVersion = 1;
export const maxMetadataBytes = 256 * 1024 * 1024;

export function encodeChainMetadata(metadata: ChainMetadata): Uint8Array {
	const json = Buffer.from(JSON.stringify(metadata));
	const head = Buffer.alloc(metadataHeadBytes);
	metadataMagic.copy(head);
	head.writeUInt32LE(metadataVersion, 8);
	head.writeUInt32LE(json.byteLength, 16);
	head.writeUInt32LE(crc32(json), 20);
	return Buffer.concat([head, json]);
}

/** @throws `repository.foreign`, `repository.newer-format`, `repository.damaged` */
export function parseChainMetadata(bytes: Uint8Array, where: string): ChainMetadata {
	const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (all.byteLength < metadataHeadBytes || !all.subarray(0, 8).equals(metadataMagic))
		throw new EngineError('repository.foreign', `${where} is not chain metadata of Holdfast.`, { hint: 'Move it out of the repository folder.' });
	if (all.readUInt32LE(8) > metadataVersion || all.readUInt32LE(12) !== 0)
		throw new EngineError('repository.newer-format', `${where} was written by a newer version of Holdfast.`, {
			hint: 'Update this installation, then try again.',
		});
	const json = all.subarray(metadataHeadBytes);
	if (json.byteLength !== all.readUInt32LE(16) || crc32(json) !== all.readUInt32LE(20)) throw damaged(where, 20, 'its checksum or length is wrong');
	return parseJson(chainMetadata, json, where);
}
