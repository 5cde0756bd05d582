/** Something that can be frozen at one instant: a mounted file system, a block device, a virtual machine with its disks. */
export type Volume = {
	/** As an administrator names it: the mount point, the device's path, `HOST/NAME` of a machine. Unique among those known to one engine. */
	readonly id: string;
	readonly kind: 'file-system' | 'block-device' | 'virtual-machine';
	/** Null: not mounted here. */
	readonly mountPoint: string | null;
	/** As mount(8) names it; null: none, or not known. */
	readonly fileSystem: string | null;
	/** Path of the block device, name of the data set, id of the machine; null where there is none. */
	readonly device: string | null;
	/** Which directory of the file system is mounted: `/`, or that of a subvolume or a bind mount. */
	readonly root: string;
	readonly isReadOnly: boolean;
};

/** Whether `path` is `folder` or lies below it. Both absolute, without a slash at the end. */
export const isWithin = (path: string, folder: string): boolean =>
	path === folder || path.startsWith(folder.endsWith('/') || folder.endsWith('\\') ? folder : `${folder}${folder.includes('\\') ? '\\' : '/'}`);

/** What stands at `path` for applications is read at `at`; null: it is left out. The longest path that fits decides. */
export type View = {
	readonly path: string;
	readonly at: string | null;
	/** Entries below `at` are copies that say in an attribute what they are copies of (origin.ts). Absent: device aside, they are the originals. */
	readonly hasOrigins?: boolean;
};
