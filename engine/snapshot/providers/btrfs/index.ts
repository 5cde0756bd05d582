/**
 * Read-only snapshots of btrfs subvolumes, in a hidden folder at the root of the mount: at once, whatever the size, and they hold room only for what
 * changes meanwhile. Subvolumes below what is selected get a snapshot each: btrfs has one instant per subvolume.
 */
import { lstat, mkdir, readdir, statfs } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { EngineError, systemErrorCode } from '../../../base/index.ts';
import { mustRun, type RunCommand, runCommand } from '../../command.ts';
import { hiddenFolderName, removeIfEmpty } from '../../hidden-folder.ts';
import { safeLeaseId } from '../../lease-id.ts';
import type { Lease, Protectable, Snapshot, SnapshotProvider, VolumeRequest } from '../../provider.ts';
import { isWithin, type Volume } from '../../volume.ts';
import { parseSubvolumes } from './subvolumes.ts';

/** BTRFS_FIRST_FREE_OBJECTID: the root directory of a subvolume has this inode, and no other directory has. */
const subvolumeInode = 256;

/** BTRFS_SUPER_MAGIC, as statfs(2) gives it. */
const btrfsMagic = 0x9123683e;

const no = (reason: string): Protectable => ({ can: false, reason });

export class BtrfsProvider implements SnapshotProvider {
	readonly name = 'btrfs';
	readonly capabilities = {
		method: 'copy-on-write',
		isHardware: false,
		isTransportable: false,
		isReadOnly: true,
		survivesSourceLoss: false,
		maxSnapshotsPerVolume: 64,
		isSerialised: false,
		instant: 'volume',
	} as const;
	readonly #run: RunCommand;

	constructor(run: RunCommand = runCommand) {
		this.#run = run;
	}

	async canProtect({ fileSystem, mountPoint, isReadOnly }: Volume, options: { readonly signal: AbortSignal }): Promise<Protectable> {
		if (fileSystem !== 'btrfs' || mountPoint === null) return no('it is not a btrfs file system.');
		if (isReadOnly) return no('it is mounted read-only: its snapshot would have to be made on it.');
		if (process.getuid?.() !== 0) return no('only root may make and remove snapshots of btrfs.');
		try {
			if (!(await isSubvolume(mountPoint))) return no('a folder of it is mounted here, not a whole subvolume.');
			await mustRun(this.#run, 'btrfs', ['--version'], options);
			return { can: true };
		} catch (error) {
			return no(error instanceof Error ? error.message : String(error));
		}
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		const planned = await Promise.all(requests.map(async (request) => ({ request, ...(await this.#plan(request, signal)) })));
		const createdAt = Date.now();
		// one call after the other, with nothing in between: the instants of several subvolumes lie as close together as they can
		for (const { folder, views } of planned)
			for (const { path, at } of views) await mustRun(this.#run, 'btrfs', ['subvolume', 'snapshot', '-r', path, join(folder, at)], { signal });
		return planned.map(({ request: { lease }, folder, views }) => ({
			leaseId: lease.id,
			createdAt,
			views: views.map(({ path, at }) => ({ path, at: join(folder, at) })),
			device: null,
			details: null,
			notes: views.length > 1 ? [`${views.length} subvolumes of ${lease.volume.id} have a snapshot each, one shortly after the other.`] : [],
		}));
	}

	async release({ id, volume }: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
		if (volume.mountPoint === null) return;
		if ((await statfs(volume.mountPoint)).type !== btrfsMagic)
			throw new EngineError('snapshot.failed', `${volume.mountPoint} is not mounted: the snapshot on it cannot be removed.`, { hint: 'Mount it again.' });
		const hidden = join(volume.mountPoint, hiddenFolderName);
		const folder = join(hidden, safeLeaseId(id));
		for (const name of await listOrNone(folder)) {
			const path = join(folder, name);
			if (await isSubvolume(path)) await mustRun(this.#run, 'btrfs', ['subvolume', 'delete', path], { signal });
		}
		await removeIfEmpty(folder);
		await removeIfEmpty(hidden);
	}

	/** Makes the folder for the snapshots; `at` is the name in it. */
	async #plan({ lease, paths }: VolumeRequest, signal: AbortSignal): Promise<{ folder: string; views: { path: string; at: string }[] }> {
		const { volume } = lease;
		const mountPoint = volume.mountPoint ?? '/';
		const listing = await mustRun(this.#run, 'btrfs', ['subvolume', 'list', mountPoint], { signal });
		const inMount = parseSubvolumes(listing)
			.map((path) => `/${path}`)
			.filter((path) => path !== volume.root && isWithin(path, volume.root))
			.map((path) => join(mountPoint, relative(volume.root, path)));
		const nested = inMount.filter(
			(path) => !path.includes(`/${hiddenFolderName}/`) && paths.some((selected) => isWithin(path, selected) || isWithin(selected, path)),
		);
		const visible: string[] = [];
		// what is mounted over it, or was deleted meanwhile, is not seen under that path
		for (const path of nested) if (await isSubvolume(path)) visible.push(path);
		const hidden = join(mountPoint, hiddenFolderName);
		await mkdir(hidden, { recursive: true, mode: 0o700 });
		const folder = join(hidden, safeLeaseId(lease.id));
		await mkdir(folder);
		return { folder, views: [mountPoint, ...visible].map((path, i) => ({ path, at: String(i) })) };
	}
}

async function isSubvolume(path: string): Promise<boolean> {
	try {
		const stats = await lstat(path);
		return stats.isDirectory() && stats.ino === subvolumeInode;
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') return false;
		throw error;
	}
}

async function listOrNone(folder: string): Promise<readonly string[]> {
	try {
		return await readdir(folder);
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') return [];
		throw error;
	}
}
