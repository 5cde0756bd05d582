import * as fs from 'node:fs';
import { bytesFromText, EngineError, isEngineError } from '../base/index.ts';
import { findBlank, isNbdUri, type NbdSource, openNbdSource, parseNbdUri } from '../block/index.ts';
import {
	type BlockNames,
	ByteWriter,
	blocksInSegment,
	type DiskShape,
	encodeDiskExtents,
	encodeDiskSegment,
	isZeroHash,
	noContent,
	PageWriter,
	packExtents,
	parseDiskSegment,
	parsePage,
	readDiskSegments,
	type SubtreeTotals,
	type TreeEntry,
	writeEntry,
	writeExtent,
	zeroBlocks,
} from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';
import { diskFile, leaveOut, type MachineDisk, type MachineSnapshot, memoryFile } from '../source/index.ts';
import type { Pipe } from './pipe.ts';
import { type BlocksBefore, readBlocks } from './read-blocks.ts';
import type { Doubts } from './target-run.ts';
import type { MutableCounters, TaskObserver } from './task.ts';
import { segmentsOf } from './tracked-blocks.ts';

/** Files that describe a machine are small: its definition, the variables of its firmware. */
const maxFileBytes = 64 * 1024 * 1024;
const pieceBytes = 256 * 1024;

export type MachineProtection = {
	readonly pipe: Pipe;
	/** `HOST/NAME`. */
	readonly title: string;
	readonly machine: MachineSnapshot;
	/** Epoch milliseconds of its instant. */
	readonly instantAt: number;
	readonly blockSizeBytes: number;
	readonly previous: { readonly root: Uint8Array; readonly stamp: string | null; readonly reader: ChunkReader } | null;
	readonly doubts: Doubts | null;
	readonly storeUnused: boolean;
	readonly counters: MutableCounters;
	readonly observer: TaskObserver;
};

type MachinePoint = { readonly root: Uint8Array; readonly totals: SubtreeTotals; readonly stamp: string | null; readonly reason: string };

/** What can be taken over of a disk, and what cannot. */
type Known = BlocksBefore & { readonly changed: readonly { readonly offsetBytes: number; readonly lengthBytes: number }[] };

/** Lists of extents have no place for fingerprints: a disk of a machine that must be read again is compared by the names of its blocks. */
const unfingerprinted = { isFingerprinted: false, compare: null } as const;

const stampOf = (checkpoint: string | null): string | null => (checkpoint === null ? null : `checkpoint:${checkpoint}`);

/**
 * Stores a virtual machine as a folder: the files that describe it, and its disks as files of the name `DISK.raw`. Of disks whose changes since the point
 * before are known only those are read.
 * @returns the hash of the root page, what the next run recognises this instant by, and why disks were read wholly (or nothing)
 * @throws `source.*`, `repository.*`
 */
export async function protectMachine(options: MachineProtection): Promise<MachinePoint> {
	const { pipe, machine, counters, observer } = options;
	const before = await entriesBefore(options);
	const entries: TreeEntry[] = [];
	const reasons = new Set<string>();
	counters.totalItems = machine.files.length + (machine.memory === undefined ? 0 : 1) + machine.disks.length + 1;
	for (const { name, at } of machine.files) {
		entries.push(storeFile(options, name, at));
		counters.doneItems++;
	}
	const memoryBytes =
		machine.memory === undefined ? 0 : isNbdUri(machine.memory) ? exportSize(machine.memory) : fs.statSync(bytesFromText(machine.memory)).size;
	const sizes = [...entries.map(({ sizeBytes }) => sizeBytes), ...machine.disks.map(({ uri }) => exportSize(uri))];
	counters.totalBytes = sizes.reduce((sum, size) => sum + size, memoryBytes);
	if (machine.memory !== undefined) {
		entries.push(await storeMemory(options, machine.memory, memoryBytes));
		counters.doneItems++;
	}
	for (const disk of machine.disks) {
		const { entry, reason } = await storeDisk(options, disk, before.get(diskFile(disk.name)) ?? null);
		if (reason !== '') reasons.add(reason);
		entries.push(entry);
		counters.doneItems++;
		observer.counters({ ...counters });
	}
	entries.sort((a, b) => Buffer.compare(a.name, b.name));
	const writer = new PageWriter((page) => pipe.store(page));
	for (const entry of entries) writer.add(entry);
	const { pages, totals } = writer.end();
	const rootPage = new ByteWriter();
	writeEntry(rootPage, { ...described(options, 'root'), type: 'directory', mode: 0o700, pages, totals });
	counters.doneItems++;
	return { root: pipe.store(rootPage.view()), totals, stamp: stampOf(machine.checkpoint), reason: [...reasons].join(' ') };
}

const blankEntry: TreeEntry = {
	...noContent,
	name: Buffer.from('?'),
	type: 'file',
	mode: 0o600,
	uid: 0,
	gid: 0,
	mtimeNs: 0n,
	ctimeNs: 0n,
	inode: 0n,
	linkDevice: null,
	xattrs: [],
};
const described = ({ instantAt }: MachineProtection, name: string): TreeEntry => ({
	...blankEntry,
	name: bytesFromText(name),
	mtimeNs: BigInt(Math.floor(instantAt)) * 1_000_000n,
});

function exportSize(uri: string): number {
	using source = openNbdSource(parseNbdUri(uri));
	return source.sizeBytes;
}

/** By name; empty where there is no point before that can be read. */
async function entriesBefore({ previous, observer, title }: MachineProtection): Promise<ReadonlyMap<string, TreeEntry>> {
	if (previous === null) return new Map();
	try {
		const [root] = parsePage(await previous.reader.readChunk(previous.root), 'the root of the point before');
		const entries = new Map<string, TreeEntry>();
		for (const { hash } of root?.pages ?? [])
			for (const entry of parsePage(await previous.reader.readChunk(hash), 'a folder of the point before'))
				entries.set(Buffer.from(entry.name).toString(), entry);
		return entries;
	} catch (error) {
		if (!isEngineError(error, 'repository.damaged')) throw error;
		observer.info(`${title}: the point before is damaged, everything is read again. ${error.message}`);
		return new Map();
	}
}

function storeFile(options: MachineProtection, name: string, at: string): TreeEntry {
	const { pipe, title, counters } = options;
	const bytes = isNbdUri(at) ? readExport(at) : fs.readFileSync(bytesFromText(at));
	if (bytes.byteLength > maxFileBytes)
		throw new EngineError('source.unsupported', `${name} of ${title} has ${bytes.byteLength} bytes: that is not what describes a machine.`);
	const extents = new ByteWriter(64);
	for (let from = 0; from < bytes.byteLength; from += pieceBytes) {
		const piece = bytes.subarray(from, from + pieceBytes);
		writeExtent(extents, { kind: 'data', lengthBytes: piece.byteLength, hash: pipe.store(piece) });
	}
	counters.readBytes += bytes.byteLength;
	counters.doneBytes += bytes.byteLength;
	return { ...described(options, name), sizeBytes: bytes.byteLength, extents: packExtents(extents.view(), name, (list) => pipe.store(list)) };
}

/** Read by all workers, like a disk: it may be as large. Nothing of it can be taken over from a point before. */
async function storeMemory(options: MachineProtection, at: string, sizeBytes: number): Promise<TreeEntry> {
	const { pipe, title, blockSizeBytes, counters, observer } = options;
	const shape = { sizeBytes, blockSizeBytes };
	const name = `${title}/${memoryFile}`;
	const segments = await readBlocks({
		...{ pipe, path: at, title: name, extents: [{ offsetBytes: 0, lengthBytes: sizeBytes }], blank: [], before: null, counters, observer, ...shape },
		...unfingerprinted,
		store: ({ hashes }, segment) => pipe.store(encodeDiskSegment(hashes, segment, shape)),
	});
	return { ...described(options, memoryFile), sizeBytes, extents: packExtents(encodeDiskExtents(segments, shape), name, (list) => pipe.store(list)) };
}

/** A small file that another machine shows. */
function readExport(uri: string): Buffer {
	using source = openNbdSource(parseNbdUri(uri));
	const bytes = Buffer.alloc(Math.min(source.sizeBytes, maxFileBytes + 1));
	source.readSync(bytes, 0);
	return bytes;
}

async function storeDisk(options: MachineProtection, disk: MachineDisk, before: TreeEntry | null): Promise<{ entry: TreeEntry; reason: string }> {
	const { pipe, title, blockSizeBytes, storeUnused, counters, observer } = options;
	const name = `${title}/${disk.name}`;
	using source = openNbdSource(parseNbdUri(disk.uri), disk.dirtyBitmap === null ? {} : { dirtyBitmap: disk.dirtyBitmap });
	const shape = { sizeBytes: source.sizeBytes, blockSizeBytes };
	const found = await findKnown(options, disk, source, shape, before);
	const known = typeof found === 'string' ? null : found;
	if (typeof found === 'string' && found !== '') observer.info(found);
	// What was left out once and is in use now need not have been written to in between: where only changes are read later on, nothing is left out
	const blank = storeUnused || options.machine.checkpoint !== null ? { extents: [], notes: [] } : findBlank(source);
	const { extents, deadBytes, swapBytes } = leaveOut(known?.changed ?? source.extents(), blank.extents);
	for (const note of blank.notes) observer.info(`${name}: ${note}`);
	if (deadBytes + swapBytes > 0) {
		counters.leftOut = { deadBytes: (counters.leftOut?.deadBytes ?? 0) + deadBytes, swapBytes: (counters.leftOut?.swapBytes ?? 0) + swapBytes };
	}
	if (known?.changed.length === 0) counters.unchangedItems++;
	const segments = await readBlocks({
		...{ pipe, path: disk.uri, title: name, extents, blank: blank.extents, before: known, counters, observer, ...shape },
		...unfingerprinted,
		store: ({ hashes }, segment) => pipe.store(encodeDiskSegment(hashes, segment, shape)),
	});
	const outer = encodeDiskExtents(segments, shape);
	const entry = { ...described(options, diskFile(disk.name)), sizeBytes: shape.sizeBytes, extents: packExtents(outer, name, (list) => pipe.store(list)) };
	return { entry, reason: typeof found === 'string' ? found : '' };
}

/** What of the disk can be taken over from the point before; a sentence why nothing can be, empty where there is no point before. */
async function findKnown(
	{ machine, previous, doubts, title }: MachineProtection,
	disk: MachineDisk,
	source: NbdSource,
	shape: DiskShape,
	before: TreeEntry | null,
): Promise<Known | string> {
	if (previous === null) return '';
	const all = `All of ${title}/${disk.name} was read`;
	if (before === null) return `${all}: the point before has no disk of this name.`;
	if (disk.dirtyBitmap === null || machine.since === null) return `${all}. ${disk.untracked || 'Its changes were not tracked at the point before.'}`;
	if (previous.stamp !== stampOf(machine.since)) return `${all}: the machine knows what has changed since another point than the one before.`;
	if (before.sizeBytes !== shape.sizeBytes) return `${all}: it has another size than before.`;
	if (doubts && (await doubts.isHurt(before.extents))) return `${all}, because what is stored of it is damaged.`;
	try {
		const read = (hash: Uint8Array): Promise<Uint8Array> => previous.reader.readChunk(hash);
		const segments = await readDiskSegments(before.extents, shape, read);
		if (segments === null) return `${all}: its blocks have another size than before.`;
		const changed = source.dirtyExtents();
		const blocks = new Map<number, BlockNames>();
		for (const segment of segmentsOf(changed, shape.blockSizeBytes)) {
			const names = await readSegment(segments[segment], segment, shape, read);
			if (names === null) return `${all}: its blocks have another size than before.`;
			blocks.set(segment, names);
		}
		return { segments, blocks, changed };
	} catch (error) {
		if (!isEngineError(error, 'repository.damaged')) throw error;
		return `${all}: what the point before says of it is damaged.`;
	}
}

async function readSegment(
	hash: Uint8Array | undefined,
	index: number,
	shape: DiskShape,
	read: (hash: Uint8Array) => Promise<Uint8Array>,
): Promise<BlockNames | null> {
	if (hash === undefined || isZeroHash(hash)) return zeroBlocks(blocksInSegment(shape, index), unfingerprinted);
	const hashes = parseDiskSegment(await read(hash), index, shape);
	return hashes && { hashes, fingerprints: null };
}
