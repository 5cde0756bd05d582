/** For tests only: seeded values of everything that the codecs know. */
import type { SourceSpec } from '../contract/index.ts';
import {
	ByteWriter,
	type ChainMetadata,
	type Extent,
	entryTypes,
	hashBytes,
	noContent,
	type PointManifest,
	type Superblock,
	type TreeEntry,
	writeExtent,
} from './index.ts';

export type Random = (below: number) => number;

/** mulberry32: whole numbers in [0, below). */
export function seededRandom(seed: number): Random {
	let state = seed >>> 0;
	return (below) => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
	};
}

export const randomBytes = (random: Random, length: number): Buffer => Buffer.from(Uint8Array.from({ length }, () => random(256)));

export const superblockOf = (more: Partial<Superblock>): Superblock => ({
	kind: 'full',
	alignmentLog2: 0,
	fileId: 'file000000000001',
	chainId: 'chain00000000001',
	generation: 1,
	rootOffset: 123_456,
	rootBytes: 789,
	rootCrc: 0xdeadbeef,
	committedEnd: 2 ** 40 + 5,
	createdAt: 1_700_000_000_000,
	lock: null,
	...more,
});

const random64 = (random: Random): bigint => (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));

export const randomExtents = (random: Random, count: number): Extent[] =>
	Array.from({ length: count }, () => {
		const kind = (['data', 'hole', 'zero', 'list'] as const)[random(4)] as Extent['kind'];
		const lengthBytes = 1 + random(2 ** 20);
		return kind === 'data' || kind === 'list' ? { kind, lengthBytes, hash: randomBytes(random, hashBytes) } : { kind, lengthBytes };
	});

export function encodeExtents(extents: readonly Extent[]): Uint8Array {
	const writer = new ByteWriter();
	for (const extent of extents) writeExtent(writer, extent);
	return writer.copy();
}

/** Sorted entries of every type, names among them that are no text. */
export function randomEntries(random: Random, count: number): TreeEntry[] {
	const names = new Map<string, Buffer>();
	while (names.size < count) {
		const name = Buffer.from(Uint8Array.from({ length: 1 + random(12) }, () => 1 + random(255)).map((byte) => (byte === 0x2f ? 0x30 : byte)));
		if (!['.', '..'].includes(name.toString('latin1'))) names.set(name.toString('latin1'), name);
	}
	return [...names.values()].sort(Buffer.compare).map((name): TreeEntry => {
		const type = entryTypes[random(entryTypes.length)] as TreeEntry['type'];
		const isDirectory = type === 'directory';
		return {
			...noContent,
			name,
			type,
			mode: random(0o10000),
			uid: random(2 ** 32),
			gid: random(2 ** 32),
			mtimeNs: BigInt.asIntN(64, random64(random)),
			ctimeNs: BigInt.asIntN(64, random64(random)),
			inode: random64(random),
			linkDevice: random(5) === 0 ? random64(random) : null,
			xattrs: Array.from({ length: random(10) === 0 ? 1 + random(4) : 0 }, () => ({
				name: randomBytes(random, 1 + random(20)),
				value: randomBytes(random, random(100)),
			})),
			sizeBytes: type === 'file' ? random(2 ** 32) * 1000 : 0,
			extents: type === 'file' ? encodeExtents(randomExtents(random, random(4))) : noContent.extents,
			pages: isDirectory ? Array.from({ length: random(3) }, () => ({ hash: randomBytes(random, hashBytes), entryCount: random(1000) })) : [],
			totals: isDirectory ? { items: 1 + random(1000), bytes: random(2 ** 40) } : noContent.totals,
			target: type === 'link' ? randomBytes(random, 1 + random(80)) : noContent.target,
			rdev: type.endsWith('device') ? random64(random) : 0n,
		};
	});
}

const objects: readonly SourceSpec[] = [
	{ kind: 'folder', path: '/etc' },
	{ kind: 'folder', path: '/home/\udcff\udc80 no text' },
	{ kind: 'disk', path: '/vm/äöü "quoted"\n.qcow2' },
];

const pointOf = (i: number): PointManifest => ({
	id: `point${i}`,
	object: objects[i % objects.length] as SourceSpec,
	createdAt: 1_700_000_000_000 + i,
	sessionId: `session${i}`,
	mode: { requested: 'increment', actual: i === 0 ? 'full' : 'increment', reason: '' },
	consistency: 'crash',
	root: { kind: i % 3 === 2 ? 'disk' : 'folder', hash: (i + 1).toString(16).padStart(64, '0') },
	sourceBytes: 2 ** 40 + i,
	itemCount: i,
	storedBytes: i * 1000,
	warningCount: 0,
});

export const metadataOf = (fileCount: number): ChainMetadata => ({
	chain: { id: 'chain00000000001', createdAt: 1_700_000_000_000, method: 'forward', job: { id: 'job1', name: 'Jöb' }, objects: [...objects] },
	files: Array.from({ length: fileCount }, (_, i) => ({
		id: `file${i}`,
		name: `etc_${i}${i === 0 ? '.hbk' : '.hib'}`,
		kind: i === 0 ? ('full' as const) : ('increment' as const),
		dependsOn: i === 0 ? null : `file${i - 1}`,
		sizeBytes: 10_000 + i,
		createdAt: 1_700_000_000_000 + i,
		points: [pointOf(i)],
	})),
});
