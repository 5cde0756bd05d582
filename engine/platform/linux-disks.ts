import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesFromText, textFromBytes } from '../base/index.ts';
import type { BlockDevice, Medium, MountPoint, Volume, VolumePort } from './port.ts';

/** File systems without a device of their own that keep what is written to them. Everything else without one is the kernel's furniture. */
const lastingWithoutDevice = new Set(
	(
		'9p afs bcachefs beegfs btrfs ceph cifs fuse.ceph fuse.ceph-fuse fuse.glusterfs fuse.mergerfs fuse.rclone fuse.s3fs fuse.sshfs fuse.unionfs fuse.zfs ' +
		'gpfs lustre nfs nfs4 ocfs2 overlay smb3 virtiofs zfs'
	).split(' '),
);
/** Images that can never be written, however they are mounted: packages, installation media. */
const images = new Set(['cramfs', 'erofs', 'iso9660', 'romfs', 'squashfs', 'udf']);

export type Mount = {
	/** `major:minor` of the file system: the same for all mounts of it. */
	readonly deviceId: string;
	/** Which directory of the file system is mounted. */
	readonly root: Buffer;
	readonly mountPoint: Buffer;
	readonly fileSystem: string;
	readonly device: string;
	readonly readOnly: boolean;
};

/** proc_pid_mountinfo(5). Lines that do not look like it are left out. */
export function parseMountInfo(content: Buffer): readonly Mount[] {
	const mounts: Mount[] = [];
	for (const line of content.toString('latin1').split('\n')) {
		const [place, origin] = line.split(' - ');
		const [, , deviceId, root, mountPoint, mountOptions] = place?.split(' ') ?? [];
		const [fileSystem, device, superOptions] = origin?.split(' ') ?? [];
		if (deviceId === undefined || root === undefined || mountPoint === undefined || fileSystem === undefined || device === undefined) continue;
		const isReadOnly = (options: string | undefined): boolean => options?.split(',').includes('ro') === true;
		mounts.push({
			deviceId,
			root: fromOctal(root),
			mountPoint: fromOctal(mountPoint),
			fileSystem,
			device: textFromBytes(fromOctal(device)),
			readOnly: isReadOnly(mountOptions) || isReadOnly(superOptions),
		});
	}
	return mounts;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
const fromOctal = (field: string): Buffer =>
	Buffer.from(
		field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
		'latin1',
	);

/** The mounts that can hold backup files, one per file system: the one that shows most of it, writable before read-only. */
export function selectVolumes(mounts: readonly Mount[]): readonly Mount[] {
	const chosen = new Map<string, Mount>();
	for (const mount of visibleOf(mounts)) {
		if (images.has(mount.fileSystem) || !isLasting(mount)) continue;
		const rival = chosen.get(mount.deviceId);
		if (rival === undefined || rank(mount) < rank(rival)) chosen.set(mount.deviceId, mount);
	}
	return [...chosen.values()];
}

/** A later mount hides an earlier one at the same place. */
const visibleOf = (mounts: readonly Mount[]): Iterable<Mount> => new Map(mounts.map((mount) => [mount.mountPoint.toString('latin1'), mount])).values();

const isLasting = ({ device, fileSystem }: Mount): boolean => (device.startsWith('/dev/') && device !== '/dev/fuse') || lastingWithoutDevice.has(fileSystem);

const rank = (mount: Mount): number => (mount.readOnly ? 1_000_000 : 0) + mount.root.length * 5000 + mount.mountPoint.length;

/** Behind a network or another process: they may take for ever to answer when that is gone. */
const isRemote = ({ fileSystem, device }: Pick<Mount, 'device' | 'fileSystem'>): boolean =>
	!device.startsWith('/dev/') && !['bcachefs', 'btrfs', 'fuse.mergerfs', 'fuse.unionfs', 'fuse.zfs', 'overlay', 'zfs'].includes(fileSystem);

async function describeVolume(mount: Mount): Promise<Volume | null> {
	try {
		if (!(await stat(mount.mountPoint)).isDirectory()) return null; // containers mount single files
		const { bsize, blocks, bavail } = await statfs(mount.mountPoint);
		if (blocks === 0) return null;
		const { fileSystem, device, readOnly } = mount;
		return { mountPoint: textFromBytes(mount.mountPoint), fileSystem, device, sizeBytes: bsize * blocks, freeBytes: bsize * bavail, readOnly };
	} catch {
		return null; // unmounted meanwhile, or not ours to see: no place for backups either way
	}
}

/**
 * By what the kernel says of the device. Disks of hypervisors and images of other disks are none of which it knows anything: it calls most of them rotating.
 * @param readRotational of a device by its name below /dev: `1`, `0`, or null where the kernel does not say
 */
function mediumOf(mount: Pick<Mount, 'device' | 'fileSystem'>, readRotational: (name: string) => string | null): Medium {
	if (isRemote(mount)) return 'network';
	const name = /^\/dev\/(.+)$/.exec(mount.device)?.[1];
	if (name === undefined || /^(vd|xvd|loop|nbd)/.test(name)) return 'unknown';
	const rotational = readRotational(name);
	return rotational === '1' ? 'rotating' : rotational === '0' ? 'flash' : 'unknown';
}

/** A partition has no queue of its own: the folder that its link leads to lies in that of its disk. Links below /dev/mapper lead to their device. */
function readRotational(name: string): string | null {
	try {
		const node = realpathSync(`/dev/${name}`).slice('/dev/'.length).replaceAll('/', '!');
		const folder = realpathSync(`/sys/class/block/${node}`);
		return readOrNull(`${folder}/queue/rotational`) ?? readOrNull(`${dirname(folder)}/queue/rotational`);
	} catch {
		return null; // not a device of this machine, or one without an entry in sysfs
	}
}

const slash = 0x2f;
const patienceMs = 2000;

/**
 * Volumes that answer at once are asked at once, remote ones one after the other: a call into one that is gone never returns and keeps a thread of
 * the pool, so there is one such call at most, and until it returns no other remote volume is asked.
 */
export class LinuxDisks implements VolumePort {
	readonly #readMounts: () => readonly Mount[];
	readonly #describe: (mount: Mount) => Promise<Volume | null>;
	readonly #patienceMs: number;
	readonly #readRotational: (name: string) => string | null;
	#remote: Promise<unknown> | null = null;

	/** The parameters are for tests. */
	constructor(
		readMounts = (): readonly Mount[] => parseMountInfo(readFileSync('/proc/self/mountinfo')),
		describe: (mount: Mount) => Promise<Volume | null> = describeVolume,
		patience = patienceMs,
		rotational: (name: string) => string | null = readRotational,
	) {
		this.#readMounts = readMounts;
		this.#describe = describe;
		this.#patienceMs = patience;
		this.#readRotational = rotational;
	}

	async volumes(): Promise<readonly Volume[]> {
		const mounts = selectVolumes(this.#readMounts());
		const found = await Promise.all(mounts.filter((mount) => !isRemote(mount)).map(this.#describe));
		const deadline = Promise.withResolvers<null>();
		const timer = setTimeout(() => deadline.resolve(null), this.#patienceMs);
		try {
			await Promise.race([this.#remote, deadline.promise]); // asked by somebody else
			for (const mount of mounts.filter(isRemote)) {
				if (this.#remote) break;
				const answer = this.#describe(mount);
				const asked = answer.then(() => {
					if (this.#remote === asked) this.#remote = null;
				});
				this.#remote = asked;
				found.push(await Promise.race([answer, deadline.promise]));
				await Promise.race([asked, deadline.promise]);
			}
		} finally {
			clearTimeout(timer);
		}
		return found.filter((volume) => volume !== null);
	}

	mounts(): readonly MountPoint[] {
		return [...visibleOf(this.#readMounts())].map((mount) => ({
			mountPoint: textFromBytes(mount.mountPoint),
			root: textFromBytes(mount.root),
			fileSystem: mount.fileSystem,
			device: mount.device,
			readOnly: mount.readOnly,
			isLasting: isLasting(mount),
		}));
	}

	mediumOf(folder: string): Medium {
		const path = bytesFromText(folder);
		const holds = ({ mountPoint }: Mount): boolean => {
			const prefix = mountPoint.at(-1) === slash ? mountPoint : Buffer.concat([mountPoint, Buffer.of(slash)]);
			return path.equals(mountPoint) || path.subarray(0, prefix.byteLength).equals(prefix);
		};
		const [mount] = [...visibleOf(this.#readMounts())].filter(holds).sort((a, b) => b.mountPoint.byteLength - a.mountPoint.byteLength);
		return mount === undefined ? 'unknown' : mediumOf(mount, this.#readRotational);
	}

	blockDevices(): readonly BlockDevice[] {
		return listOrNone('/sys/block').flatMap((name) => {
			const folder = `/sys/block/${name}`;
			const disk = deviceAt(folder, name, null);
			if (disk === null) return [];
			const partitions = listOrNone(folder).filter((child) => readOrNull(`${folder}/${child}/partition`) !== null);
			return [disk, ...partitions.flatMap((child) => deviceAt(`${folder}/${child}`, child, disk.path) ?? [])];
		});
	}
}

function deviceAt(folder: string, name: string, parentPath: string | null): BlockDevice | null {
	if (/^(ram|zram)\d/.test(name)) return null; // gone at power-off
	const sizeBytes = Number(readOrNull(`${folder}/size`) ?? 0) * 512; // in sectors of 512 whatever the device's own are
	if (!(sizeBytes > 0)) return null; // loop devices and drives with nothing in them
	const model = readOrNull(`${folder}/device/model`) || null;
	// sysfs writes the slash of names such as cciss/c0d0 as an exclamation mark
	return { path: `/dev/${name.replaceAll('!', '/')}`, sizeBytes, model, readOnly: readOrNull(`${folder}/ro`) === '1', parentPath };
}

function listOrNone(folder: string): readonly string[] {
	try {
		return readdirSync(folder).sort();
	} catch {
		return []; // a container without sysfs, or a device that was just pulled
	}
}

function readOrNull(path: string): string | null {
	try {
		return readFileSync(path, 'utf8').trim();
	} catch {
		return null; // attributes come and go with the device's driver
	}
}
