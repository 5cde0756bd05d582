import { crc32 } from 'node:zlib';
import { hashBytes } from './chunk.ts';
import { type ReferenceVisitor, visitExtentsUntil } from './content.ts';
import { ByteReader, ByteWriter } from './cursor.ts';

/**
 * A directory is one or more pages, each a chunk: entries sorted by the bytes of their names. Where a page ends depends on the names
 * alone, so that one new file in a directory of a million changes one page.
 */
export const entryTypes = ['file', 'directory', 'link', 'fifo', 'character-device', 'block-device'] as const;
export type EntryType = (typeof entryTypes)[number];

export type PageRef = { readonly hash: Uint8Array; readonly entryCount: number };
export type ExtendedAttribute = { readonly name: Uint8Array; readonly value: Uint8Array };

/** What a whole subtree adds up to, itself included. */
export type SubtreeTotals = { readonly items: number; readonly bytes: number };

export type TreeEntry = {
	/** Bytes as the file system had them: never empty, `.`, `..`, nor with `/` or NUL. */
	readonly name: Uint8Array;
	readonly type: EntryType;
	/** Permission bits with setuid, setgid and sticky. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly mtimeNs: bigint;
	/** Zero when the entry must be read again whatever it looks like next time. */
	readonly ctimeNs: bigint;
	readonly inode: bigint;
	/** Device number where the entry has more than one name (a hard link), otherwise null. */
	readonly linkDevice: bigint | null;
	readonly xattrs: readonly ExtendedAttribute[];
	/** File: length and extents (see content.ts). */
	readonly sizeBytes: number;
	readonly extents: Uint8Array;
	/** Directory: its pages and what it adds up to. */
	readonly pages: readonly PageRef[];
	readonly totals: SubtreeTotals;
	/** Link: where it points. */
	readonly target: Uint8Array;
	/** Device: its number as the kernel packs it. */
	readonly rdev: bigint;
};

const none = new Uint8Array(0);
/** The fields that only some types have, empty. */
export const noContent = { sizeBytes: 0, extents: none, pages: [], totals: { items: 1, bytes: 0 }, target: none, rdev: 0n } as const;

const flags = { hardLinked: 1, xattrs: 2 } as const;
const limits = { name: 4096, target: 65_536, extents: 65_536, xattrName: 1024, xattrValue: 1_048_576, xattrs: 4096, pages: 1_000_000 };

/** File systems know times that 64 bits of nanoseconds cannot say. */
export const nearestTime = (ns: bigint): bigint => (ns > maxTimeNs ? maxTimeNs : ns < -maxTimeNs ? -maxTimeNs : ns);
const maxTimeNs = 2n ** 63n - 1n;

export function writeEntry(to: ByteWriter, entry: TreeEntry): void {
	to.block(entry.name);
	to.u8(entryTypes.indexOf(entry.type));
	to.u8((entry.linkDevice !== null ? flags.hardLinked : 0) | (entry.xattrs.length > 0 ? flags.xattrs : 0));
	to.varint(entry.mode);
	to.varint(entry.uid);
	to.varint(entry.gid);
	to.i64(nearestTime(entry.mtimeNs));
	to.i64(nearestTime(entry.ctimeNs));
	to.u64(entry.inode);
	if (entry.linkDevice !== null) to.u64(entry.linkDevice);
	if (entry.xattrs.length > 0) {
		to.varint(entry.xattrs.length);
		for (const { name, value } of entry.xattrs) {
			to.block(name);
			to.block(value);
		}
	}
	switch (entry.type) {
		case 'file':
			to.varint(entry.sizeBytes);
			to.block(entry.extents);
			break;
		case 'directory':
			to.varint(entry.totals.items);
			to.varint(entry.totals.bytes);
			to.varint(entry.pages.length);
			for (const page of entry.pages) {
				to.bytes(page.hash);
				to.varint(page.entryCount);
			}
			break;
		case 'link':
			to.block(entry.target);
			break;
		case 'character-device':
		case 'block-device':
			to.u64(entry.rdev);
			break;
		case 'fifo':
			break;
	}
}

const isSafeName = (name: Uint8Array): boolean =>
	name.length > 0 && !name.includes(0x2f) && !name.includes(0) && !(name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e)));

function parseEntry(from: ByteReader): TreeEntry {
	const name = from.block(limits.name);
	if (!isSafeName(name)) from.fail('an entry has an impossible name');
	const type = entryTypes[from.u8()] ?? from.fail('an entry has an unknown type');
	const flag = from.u8();
	const head = { name, type, mode: from.varint(), uid: from.varint(), gid: from.varint(), mtimeNs: from.i64(), ctimeNs: from.i64(), inode: from.u64() };
	const linkDevice = flag & flags.hardLinked ? from.u64() : null;
	const xattrs: ExtendedAttribute[] = [];
	if (flag & flags.xattrs) {
		const count = from.varint();
		if (count > limits.xattrs) from.fail('an entry has too many attributes');
		for (let i = 0; i < count; i++) xattrs.push({ name: from.block(limits.xattrName), value: from.block(limits.xattrValue) });
	}
	const entry = { ...noContent, ...head, linkDevice, xattrs };
	switch (type) {
		case 'file':
			return { ...entry, sizeBytes: from.varint(), extents: from.block(limits.extents) };
		case 'directory': {
			const totals = { items: from.varint(), bytes: from.varint() };
			const count = from.varint();
			if (count > limits.pages || count * (hashBytes + 1) > from.remaining) from.fail('a directory has too many pages');
			const pages = Array.from({ length: count }, () => ({ hash: from.take(hashBytes), entryCount: from.varint() }));
			return { ...entry, totals, pages };
		}
		case 'link':
			return { ...entry, target: from.block(limits.target) };
		case 'character-device':
		case 'block-device':
			return { ...entry, rdev: from.u64() };
		case 'fifo':
			return entry;
	}
}

/** The entries of a page. Their byte fields are views into `page`. @throws `repository.damaged` */
export function parsePage(page: Uint8Array, where: string): TreeEntry[] {
	const from = new ByteReader(page, where);
	const entries: TreeEntry[] = [];
	while (from.remaining > 0) {
		const entry = parseEntry(from);
		const before = entries.at(-1);
		if (before && Buffer.compare(before.name, entry.name) >= 0) from.fail('the entries of a directory are not sorted');
		entries.push(entry);
	}
	return entries;
}

/** What a page refers to, with nothing else made of it: for walks over whole trees. @throws `repository.damaged` */
export function visitPage(page: Uint8Array, where: string, visitor: ReferenceVisitor & { readonly page: (hash: Uint8Array) => void }): void {
	const from = new ByteReader(page, where);
	while (from.remaining > 0) {
		from.skipBlock(limits.name);
		const type = entryTypes[from.u8()] ?? from.fail('an entry has an unknown type');
		const flag = from.u8();
		for (let field = 0; field < 3; field++) from.varint(); // mode, uid, gid
		from.skip(flag & flags.hardLinked ? 32 : 24); // mtime, ctime, inode, device of a hard link
		if (flag & flags.xattrs) {
			for (let left = from.varint(); left > 0; left--) {
				from.skipBlock(limits.xattrName);
				from.skipBlock(limits.xattrValue);
			}
		}
		switch (type) {
			case 'file':
				from.varint();
				visitExtentsUntil(from, from.blockEnd(limits.extents), visitor);
				break;
			case 'directory':
				from.varint();
				from.varint();
				for (let left = from.varint(); left > 0; left--) {
					visitor.page(from.take(hashBytes));
					from.varint();
				}
				break;
			case 'link':
				from.skipBlock(limits.target);
				break;
			case 'character-device':
			case 'block-device':
				from.skip(8);
				break;
			case 'fifo':
				break;
		}
	}
}

const pageLimitBytes = 512 * 1024;
const pageMinimumEntries = 64;
/** On average a page ends 1,024 names after its minimum. */
const pageEndMask = 0x3ff;

/** Writes sorted entries as pages. @param store keeps a chunk and names it */
export class PageWriter {
	readonly #store: (page: Uint8Array) => Uint8Array;
	readonly #writer = new ByteWriter();
	readonly #pages: PageRef[] = [];
	#entryCount = 0;
	#items = 1;
	#bytes = 0;

	constructor(store: (page: Uint8Array) => Uint8Array) {
		this.#store = store;
	}

	add(entry: TreeEntry): void {
		writeEntry(this.#writer, entry);
		this.#entryCount++;
		this.#items += entry.type === 'directory' ? entry.totals.items : 1;
		this.#bytes += entry.type === 'directory' ? entry.totals.bytes : entry.sizeBytes;
		const endsHere = this.#entryCount >= pageMinimumEntries && (crc32(entry.name) & pageEndMask) === 0;
		if (endsHere || this.#writer.length >= pageLimitBytes) this.#close();
	}

	#close(): void {
		if (this.#entryCount === 0) return;
		this.#pages.push({ hash: this.#store(this.#writer.view()), entryCount: this.#entryCount });
		this.#writer.reset();
		this.#entryCount = 0;
	}

	end(): { pages: readonly PageRef[]; totals: SubtreeTotals } {
		this.#close();
		return { pages: this.#pages, totals: { items: this.#items, bytes: this.#bytes } };
	}
}
