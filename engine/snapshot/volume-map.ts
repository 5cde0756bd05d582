/** Which volumes there are, and which of them what is selected lies on (SNAP-02). */
import type { Volume as MountedVolume, MountPoint } from '../platform/index.ts';
import { isWithin, type Volume } from './volume.ts';

export type PlacedSource = {
	/** What of the selection lies on the volume: the selected path itself, or the mount point of what is mounted below it. */
	readonly path: string;
	readonly volume: Volume;
	/** It can keep data; else it is the kernel's furniture, or memory, and never has a snapshot. */
	readonly isLasting: boolean;
};

export const volumeAt = (mount: MountPoint): Volume => ({
	id: mount.mountPoint,
	kind: 'file-system',
	mountPoint: mount.mountPoint,
	fileSystem: mount.fileSystem || null,
	device: mount.device || null,
	root: mount.root,
	isReadOnly: mount.readOnly,
});

/** A file system is asked for its room once, however often it is mounted. Null: it did not answer in time. */
export function roomOf(
	{ mountPoint, device }: MountPoint,
	volumes: readonly MountedVolume[],
): { readonly sizeBytes: number | null; readonly freeBytes: number | null } {
	const same = volumes.find((each) => each.mountPoint === mountPoint) ?? volumes.find((each) => device.startsWith('/dev/') && each.device === device);
	return { sizeBytes: same?.sizeBytes ?? null, freeBytes: same?.freeBytes ?? null };
}

/** A disk that is selected by itself. @param named the path that was selected, which for a volume of ZFS says more than where it leads */
export const blockVolume = (path: string, named = path): Volume => ({
	id: path,
	kind: 'block-device',
	mountPoint: null,
	fileSystem: null,
	device: named.startsWith('/dev/zvol/') ? named : path,
	root: '/',
	isReadOnly: false,
});

/**
 * Where a path without links lies: on the volume that holds it, and on all that are mounted below it. Empty where the system does not
 * tell what is mounted.
 */
export function placePath(mounts: readonly MountPoint[], path: string): readonly PlacedSource[] {
	const holding = mounts
		.filter(({ mountPoint }) => isWithin(path, mountPoint))
		.reduce<MountPoint | null>((a, b) => (a === null || b.mountPoint.length >= a.mountPoint.length ? b : a), null);
	if (holding === null) return [];
	const below = mounts.filter(({ mountPoint }) => mountPoint !== path && isWithin(mountPoint, path));
	return [
		{ path, volume: volumeAt(holding), isLasting: holding.isLasting },
		...below.map((mount) => ({ path: mount.mountPoint, volume: volumeAt(mount), isLasting: mount.isLasting })),
	];
}
