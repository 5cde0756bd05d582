/**
 * Snapshots of logical volumes: of thin ones in their pool, of others with room for changes from the free room of the group. The file system on it is
 * brought to rest by the kernel for the moment of creation, and mounted read-only in a private folder.
 */
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, systemErrorCode } from '../../../base/index.ts';
import type { MountPoint } from '../../../platform/index.ts';
import { mustRun, type RunCommand, runCommand } from '../../command.ts';
import { isLeaseId, safeLeaseId } from '../../lease-id.ts';
import type { Lease, Protectable, Snapshot, SnapshotProvider, VolumeRequest } from '../../provider.ts';
import type { Volume } from '../../volume.ts';
import { isInvalid, isThin, type LogicalVolume, parseReport, refuse, reportArguments } from './report.ts';

export type LvmParts = {
	/** Where snapshots are mounted, each in a folder of its own; private, and made here. */
	readonly folder: string;
	/** Tells the snapshots of one engine from those of others on this machine: letters and digits. */
	readonly owner: string;
	readonly mounts: () => readonly MountPoint[];
	readonly run?: RunCommand;
	/** For tests. */
	readonly isRoot?: boolean;
};

/** How file systems are mounted beside themselves, without writing: their journals were emptied when the kernel brought them to rest. */
const mountOptions: Readonly<Record<string, string>> = {
	ext2: '',
	ext3: ',noload',
	ext4: ',noload',
	xfs: ',nouuid,norecovery',
	vfat: '',
};
const usualOptions = 'ro,nosuid,nodev,noexec';

/** Room for what changes meanwhile, of the size of the volume, where the group has so much. */
const changesShare = 0.2;
const leastShare = 0.02;
const leastBytes = 64 * 1024 * 1024;

const namePrefix = 'holdfast_';
const tag = 'holdfast';

const no = (reason: string): Protectable => ({ can: false, reason });
type Found = { readonly volume: LogicalVolume; readonly all: readonly LogicalVolume[] };

export class LvmProvider implements SnapshotProvider {
	readonly name = 'lvm';
	readonly capabilities = {
		method: 'copy-on-write',
		isHardware: false,
		isTransportable: false,
		isReadOnly: true,
		survivesSourceLoss: false,
		maxSnapshotsPerVolume: 8,
		isSerialised: false,
		instant: 'volume',
	} as const;
	readonly #parts: LvmParts;
	readonly #run: RunCommand;

	constructor(parts: LvmParts) {
		this.#parts = parts;
		this.#run = parts.run ?? runCommand;
	}

	async canProtect(volume: Volume, options: { readonly signal: AbortSignal }): Promise<Protectable> {
		const { device, fileSystem, mountPoint } = volume;
		if (device === null || !/^\/dev\/(mapper\/|dm-|[^/]+\/)/.test(device)) return no('it lies on no logical volume.');
		if (!(this.#parts.isRoot ?? process.getuid?.() === 0)) return no('only root may make and mount snapshots of logical volumes.');
		if (mountPoint !== null && mountOptions[fileSystem ?? ''] === undefined) return no(`${fileSystem} cannot be mounted a second time beside itself.`);
		try {
			const found = await this.#find(device, options.signal);
			const reason = found === null ? 'it lies on no logical volume.' : refuse(found.volume, found.all, leastFor(found.volume));
			return reason === null ? { can: true } : no(reason);
		} catch (error) {
			return no(error instanceof Error ? error.message : String(error));
		}
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		const planned: { readonly lease: Lease; readonly origin: LogicalVolume; readonly arguments: readonly string[]; readonly roomBytes: number | null }[] = [];
		for (const { lease } of requests) planned.push({ lease, ...(await this.#plan(lease, signal)) });
		const createdAt = Date.now();
		for (const { arguments: given } of planned) await mustRun(this.#run, 'lvcreate', given, { signal });
		const snapshots: Snapshot[] = [];
		for (const { lease, origin, roomBytes } of planned) {
			const { volume } = lease;
			const path = `/dev/${origin.group}/${nameOf(lease)}`;
			const at = volume.mountPoint === null ? null : await this.#mount(lease, path, signal);
			snapshots.push({
				leaseId: lease.id,
				createdAt,
				views: at === null || volume.mountPoint === null ? [] : [{ path: volume.mountPoint, at: volume.root === '/' ? at : join(at, volume.root) }],
				device: volume.kind === 'block-device' ? { kind: 'path', path } : null,
				details: { group: origin.group, name: nameOf(lease) },
				notes:
					roomBytes === null ? [] : [`The snapshot of ${volume.id} has room for ${Math.floor(roomBytes / 1024 / 1024).toLocaleString('en')} MiB of changes.`],
			});
		}
		return snapshots;
	}

	/** A snapshot that ran full cannot be read any more: the kernel answers with errors. */
	async verify(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
		const own = (await this.#list(signal)).find((each) => isOf(lease, each));
		if (own !== undefined && !isInvalid(own)) return;
		throw new EngineError(
			'snapshot.failed',
			own === undefined
				? `The snapshot of ${lease.volume.id} was removed by somebody else.`
				: `The snapshot of ${lease.volume.id} ran full: more was changed meanwhile than it had room for.`,
			{ hint: 'Leave more free room in the volume group, use a thin volume, or run the job when less is written.' },
		);
	}

	async release(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
		const target = this.#targetOf(lease);
		if (this.#parts.mounts().some(({ mountPoint }) => mountPoint === target)) await mustRun(this.#run, 'umount', [target], { signal });
		await removeFolder(target);
		for (const { group, name } of (await this.#list(signal)).filter((each) => isOf(lease, each)))
			await mustRun(this.#run, 'lvremove', ['--yes', `${group}/${name}`], { signal });
	}

	async leases({ signal }: { readonly signal: AbortSignal }): Promise<readonly Lease[]> {
		const own = (await this.#list(signal)).filter(({ name, tags }) => tags.includes(this.#ownerTag) && name.startsWith(namePrefix));
		return own
			.map(({ name, group, origin }) => ({ id: name.slice(namePrefix.length), path: `/dev/${group}/${origin ?? name}` }))
			.filter(({ id }) => isLeaseId(id))
			.map(({ id, path }) => ({ id, sessionId: '', provider: this.name, volume: unmounted(path), takenAt: 0, details: null }));
	}

	get #ownerTag(): string {
		return `${tag}.owner.${this.#parts.owner}`;
	}

	#targetOf(lease: Lease): string {
		return join(this.#parts.folder, safeLeaseId(lease.id));
	}

	async #list(signal: AbortSignal): Promise<readonly LogicalVolume[]> {
		return parseReport(await mustRun(this.#run, 'lvs', reportArguments, { signal }));
	}

	async #find(device: string, signal: AbortSignal): Promise<Found | null> {
		const all = await this.#list(signal);
		const volume = all.find(({ path, mapperPath, minor }) => device === path || device === mapperPath || (minor !== null && device === `/dev/dm-${minor}`));
		return volume === undefined ? null : { volume, all };
	}

	async #plan(lease: Lease, signal: AbortSignal): Promise<{ origin: LogicalVolume; arguments: readonly string[]; roomBytes: number | null }> {
		const found = lease.volume.device === null ? null : await this.#find(lease.volume.device, signal);
		const reason = found === null ? 'it lies on no logical volume any more.' : refuse(found.volume, found.all, leastFor(found.volume));
		if (found === null || reason !== null) throw new EngineError('snapshot.failed', `There can be no snapshot of ${lease.volume.id}: ${reason}`);
		const { volume: origin } = found;
		const extents = isThin(origin)
			? null
			: Math.floor(Math.min(Math.max(origin.sizeBytes * changesShare, leastFor(origin)), origin.groupFreeBytes) / origin.extentBytes);
		const room = extents === null ? ['--setactivationskip', 'n'] : ['--extents', String(extents)];
		return {
			origin,
			arguments: [
				...['--snapshot', '--yes', '--permission', 'r', '--name', nameOf(lease), ...room],
				...['--addtag', tag, '--addtag', this.#ownerTag, `${origin.group}/${origin.name}`],
			],
			roomBytes: extents === null ? null : extents * origin.extentBytes,
		};
	}

	async #mount(lease: Lease, device: string, signal: AbortSignal): Promise<string> {
		const fileSystem = lease.volume.fileSystem ?? '';
		const target = this.#targetOf(lease);
		await mkdir(target, { recursive: true, mode: 0o700 });
		await mustRun(this.#run, 'mount', ['-t', fileSystem, '-o', `${usualOptions}${mountOptions[fileSystem] ?? ''}`, device, target], { signal });
		return target;
	}
}

const nameOf = ({ id }: Lease): string => `${namePrefix}${safeLeaseId(id)}`;
/** The tag, too: a volume that somebody gave such a name is not ours to remove. */
const isOf = (lease: Lease, { name, tags }: LogicalVolume): boolean => name === nameOf(lease) && tags.includes(tag);
const leastFor = ({ sizeBytes, extentBytes }: LogicalVolume): number => Math.max(leastBytes, Math.min(sizeBytes * leastShare, 16 * leastBytes), extentBytes);

const unmounted = (device: string): Volume => ({
	id: device,
	kind: 'block-device',
	mountPoint: null,
	fileSystem: null,
	device,
	root: '/',
	isReadOnly: false,
});

async function removeFolder(path: string): Promise<void> {
	try {
		await rmdir(path);
	} catch (error) {
		if (systemErrorCode(error) !== 'ENOENT') throw error;
	}
}
