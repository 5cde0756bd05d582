/**
 * Block devices as algebra: a disk to be read, whatever stores or exports it, and a disk to be written.
 * Guarantees: images are hostile input and end in data or a coded error, with bounded memory; what is outside of the extents reads as zeros; a qcow2 file
 * that was not written to its end is no image.
 * Snapshots are those of devices that are written through here (`cow/`).
 * Does not: notice that somebody writes to a disk beside it; write to images that hold something.
 */
export type { BlockExtent, BlockSource } from './block-source.ts';
export { CowDevice, CowSnapshot } from './cow/index.ts';
export { diskName } from './disk-name.ts';
export { type DiskTarget, type OpenDiskTargetOptions, openDiskTarget } from './disk-target.ts';
export { attachDiskWriter, type DiskTargetHandle, type DiskWriter } from './disk-writer.ts';
export { type Blank, type BlankExtent, type BlankKind, findBlank } from './filesystems/index.ts';
export {
	formatNbdUri,
	isNbdUri,
	listenOnFree,
	maxSocketPathBytes,
	type NbdAddress,
	type NbdDevice,
	type NbdRelay,
	NbdServer,
	NbdSource,
	type NbdTransport,
	type OpenNbdSourceOptions,
	openNbdRelay,
	openNbdSource,
	parseNbdUri,
	probeNbd,
	type RelaySetup,
} from './nbd/index.ts';
export { type OpenBlockSourceOptions, openBlockSource, type SourceFormat } from './open-block-source.ts';
export { writeAt } from './write-at.ts';
