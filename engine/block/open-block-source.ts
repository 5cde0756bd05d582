import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { bytesFromText, textFromBytes } from '../base/index.ts';
import { openPlatform, type Platform } from '../platform/index.ts';
import type { BlockSource } from './block-source.ts';
import { isNbdUri, openNbdSource, parseNbdUri } from './nbd/index.ts';
import { parseQcow2Header, qcow2Magic } from './qcow2-header.ts';
import { Qcow2Source } from './qcow2-source.ts';
import { RawSource } from './raw-source.ts';
import { openError, unsupportedImage } from './source-error.ts';

/** `auto` looks at the content of files; a device is always taken byte for byte. */
export type SourceFormat = 'auto' | 'raw' | 'qcow2';

export type OpenBlockSourceOptions = {
	/**
	 * A guest that owns a raw image can write a qcow2 header into it, and so make `auto` read any file of this machine as its "backing
	 * file". Name the format where guests are not trusted.
	 */
	readonly format?: SourceFormat;
	readonly platform?: Platform;
};

const maxChainLength = 64;
const headBytes = 2 * 1024 * 1024; // the largest cluster: header, extensions and name lie in the first one
const convertHint = 'Convert it to raw or qcow2 with "qemu-img convert".';

/**
 * Opens a disk for reading: a raw image, a qcow2 image with its backing files, a block device, or what an NBD server exports (`path` is a URI then). Reads what
 * it holds now; that nothing writes to it meanwhile is up to the caller (a snapshot).
 * Fails with `source.missing`, `source.unreadable` (also: damaged) or `source.unsupported`.
 */
export function openBlockSource(path: string, { format = 'auto', platform = openPlatform() }: OpenBlockSourceOptions = {}): BlockSource {
	if (isNbdUri(path)) return openNbdSource(parseNbdUri(path), { platform });
	return openLink({ path, format, platform, chain: [] });
}

type Link = {
	readonly path: string;
	readonly format: SourceFormat;
	readonly platform: Platform;
	/** Device and inode of the images above this one. */
	readonly chain: readonly string[];
};

function openLink(link: Link): BlockSource {
	const { path, platform } = link;
	let fd: number;
	try {
		// Never waits: a fifo at this path would, and is refused below
		fd = openSync(bytesFromText(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
	} catch (error) {
		throw openError(path, error);
	}
	// From here on either a source owns the descriptor, or it is closed again
	let isOwned = false;
	try {
		const { dev, ino, size, ...stats } = fstatSync(fd, { bigint: true });
		const isKind = (kind: number): boolean => (Number(stats.mode) & constants.S_IFMT) === kind;
		if (isKind(constants.S_IFBLK)) {
			const sizeBytes = platform.files.blockDeviceSize(fd);
			isOwned = true;
			return new RawSource({ path, fd, format: 'device', sizeBytes, platform });
		}
		if (isKind(constants.S_IFDIR)) throw unsupportedImage(path, 'it is a folder', 'Protect it as a folder, or name the image file in it.');
		if (!isKind(constants.S_IFREG)) throw unsupportedImage(path, 'it is neither a file nor a block device', 'Name an image file or a block device.');
		const identity = `${dev}:${ino}`;
		if (link.chain.includes(identity)) throw unsupportedImage(path, 'it is its own backing file', 'Check the chain with "qemu-img info --backing-chain".');
		if (link.chain.length >= maxChainLength)
			throw unsupportedImage(path, `it lies below ${maxChainLength} images`, 'Shorten the chain with "qemu-img rebase" or "virsh blockcommit".');

		const head = readHead(fd, Math.min(headBytes, Number(size)));
		const isQcow2 = head.length >= 8 && head.readUInt32BE(0) === qcow2Magic;
		if (link.format === 'qcow2' && !isQcow2) throw unsupportedImage(path, 'it is not a qcow2 image', 'Check the format with "qemu-img info".');
		if (link.format === 'raw' || !isQcow2) {
			if (link.format === 'auto') refuseForeignFormats(path, head);
			isOwned = true;
			return new RawSource({ path, fd, format: 'raw', sizeBytes: Number(size), platform });
		}
		const header = parseQcow2Header(path, head);
		const backing = header.backing === null ? null : openBacking(link, header.backing, identity);
		isOwned = true;
		return new Qcow2Source({ path, fd, header, backing });
	} catch (error) {
		throw openError(path, error);
	} finally {
		if (!isOwned) closeSync(fd);
	}
}

function openBacking(link: Link, backing: { readonly name: Buffer; readonly format: string | null }, identity: string): BlockSource {
	const name = textFromBytes(backing.name).replace(/^file:/, '');
	if (name.includes('\0')) throw unsupportedImage(link.path, 'the name of its backing file is not a path', convertHint);
	// "nbd://…", "json:{…}": QEMU takes what stands before the first colon as a protocol unless a slash comes earlier
	if (/^[^/]*:/.test(name) && process.platform !== 'win32')
		throw unsupportedImage(link.path, `its backing file is not a local file (${name.slice(0, 80)})`, convertHint);
	const { format } = backing;
	if (format !== null && format !== 'raw' && format !== 'qcow2' && format !== 'host_device' && format !== 'file')
		throw unsupportedImage(link.path, `its backing file has the format "${format.slice(0, 40)}"`, convertHint);
	return openLink({
		path: isAbsolute(name) ? name : join(dirname(link.path), name),
		format: format === null ? 'auto' : format === 'qcow2' ? 'qcow2' : 'raw',
		platform: link.platform,
		chain: [...link.chain, identity],
	});
}

function readHead(fd: number, length: number): Buffer {
	const first = Buffer.alloc(Math.min(length, 512));
	const read = readSync(fd, first, 0, first.length, 0);
	// Only an image has more to say at its beginning
	if (read < 8 || first.readUInt32BE(0) !== qcow2Magic) return first.subarray(0, read);
	const head = Buffer.alloc(length);
	return head.subarray(0, readSync(fd, head, 0, length, 0));
}

/** Formats that would otherwise be taken as raw, and be restored as something no hypervisor expects. */
const foreignFormats: readonly { readonly name: string; readonly at: number; readonly magic: Buffer }[] = [
	{ name: 'VMDK', at: 0, magic: Buffer.from('KDMV') },
	{ name: 'VMDK', at: 0, magic: Buffer.from('# Disk DescriptorFile') },
	{ name: 'VHDX', at: 0, magic: Buffer.from('vhdxfile') },
	{ name: 'VHD', at: 0, magic: Buffer.from('conectix') }, // the dynamic kind; a fixed one is raw with a footer
	{ name: 'VDI', at: 64, magic: Buffer.from('7f10dabe', 'hex') },
	{ name: 'QED', at: 0, magic: Buffer.from('QED\0') },
];

function refuseForeignFormats(path: string, head: Buffer): void {
	const found = foreignFormats.find(({ at, magic }) => head.subarray(at, at + magic.length).equals(magic));
	if (found !== undefined) throw unsupportedImage(path, `it is an image of the ${found.name} format`, convertHint);
}
