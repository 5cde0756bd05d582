/**
 * Snapshots of data sets of ZFS: those of one pool are made by one command, and show one instant. Files are read where ZFS shows a snapshot by itself, in `.zfs`;
 * a volume is read from a clone. A hold keeps whoever tidies up snapshots from removing one that is being read.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../../base/index.ts';
import { mustRun, type RunCommand, runCommand } from '../../command.ts';
import { isLeaseId, safeLeaseId } from '../../lease-id.ts';
import type { BlockAccess, Lease, Protectable, Snapshot, SnapshotProvider, VolumeRequest } from '../../provider.ts';
import type { Volume } from '../../volume.ts';
import { dataSetFields, isDataSetName, parseDataSet, parseNames, parseRows, poolOf } from './listing.ts';

export type ZfsParts = {
	/** Tells the snapshots of one engine from those of others on this machine: letters and digits. */
	readonly owner: string;
	readonly run?: RunCommand;
	/** For tests: whether there is such a path. */
	readonly isThere?: (path: string) => Promise<boolean>;
};

const prefix = 'holdfast-';
/** User properties have a colon in their name (zfsprops(7)). */
const ownerProperty = 'io.holdfast:owner';
const holdTag = 'holdfast';
const devices = '/dev/zvol/';
/** udev makes the device of a clone a moment after it is there. */
const devicePollMs = 20;
const deviceWaitMs = 5000;

const no = (reason: string): Protectable => ({ can: false, reason });
type Planned = { readonly lease: Lease; readonly dataSet: string };

export class ZfsProvider implements SnapshotProvider {
	readonly name = 'zfs';
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
	readonly #owner: string;
	readonly #run: RunCommand;
	readonly #isThere: (path: string) => Promise<boolean>;

	constructor({ owner, run = runCommand, isThere = isPath }: ZfsParts) {
		this.#owner = owner;
		this.#run = run;
		this.#isThere = isThere;
	}

	async canProtect(volume: Volume, options: { readonly signal: AbortSignal }): Promise<Protectable> {
		const name = dataSetOf(volume);
		if (name === null) return no('it is no data set of ZFS.');
		if (volume.mountPoint !== null && volume.root !== '/') return no('a folder of it is mounted here, not a whole data set.');
		try {
			const { type, keyStatus, availableBytes } = parseDataSet(await this.#zfs(['list', '-H', '-p', '-o', dataSetFields, name], options.signal));
			if ((type === 'volume') !== (volume.kind === 'block-device')) return no(`${name} is a ${type}.`);
			if (keyStatus === 'unavailable') return no(`the key of ${name} is not loaded.`);
			if (availableBytes === 0) return no(`its pool ${poolOf(name)} is full: what changes while the snapshot is held would find no room.`);
			return { can: true };
		} catch (error) {
			return no(error instanceof Error ? error.message : String(error));
		}
	}

	isOneInstant(volumes: readonly Volume[]): boolean {
		return new Set(volumes.map((volume) => poolOf(dataSetOf(volume) ?? ''))).size === 1;
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		const planned = requests.map(({ lease }): Planned => {
			const dataSet = dataSetOf(lease.volume);
			if (dataSet === null) throw new EngineError('snapshot.failed', `${lease.volume.id} is no data set of ZFS.`);
			return { lease, dataSet };
		});
		const createdAt = Date.now();
		for (const group of Map.groupBy(planned, ({ dataSet }) => poolOf(dataSet)).values())
			await this.#zfs(['snapshot', '-o', `${ownerProperty}=${this.#owner}`, ...group.map(nameOf)], signal);
		for (const each of planned) await this.#zfs(['hold', holdTag, nameOf(each)], signal);
		return Promise.all(
			planned.map(async (each) => ({
				leaseId: each.lease.id,
				createdAt,
				...(await this.#access(each, signal)),
				details: { snapshot: nameOf(each) },
				notes: [],
			})),
		);
	}

	async release(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
		const dataSet = dataSetOf(lease.volume);
		if (dataSet === null) return;
		await this.#mustBeImported(poolOf(dataSet), signal);
		const clone = cloneOf({ lease, dataSet });
		if (await this.#exists(clone, signal)) await this.#zfs(['destroy', clone], signal);
		const snapshot = nameOf({ lease, dataSet });
		if (!(await this.#exists(snapshot, signal))) return;
		const holds = parseRows(await this.#zfs(['holds', '-H', snapshot], signal));
		if (holds.some(([, tag]) => tag === holdTag)) await this.#zfs(['release', holdTag, snapshot], signal);
		await this.#zfs(['destroy', snapshot], signal);
	}

	async leases({ signal }: { readonly signal: AbortSignal }): Promise<readonly Lease[]> {
		const listed = parseRows(await this.#zfs(['list', '-H', '-p', '-t', 'snapshot', '-o', `name,${ownerProperty}`], signal));
		return listed.flatMap(([name = '', owner]): Lease[] => {
			const [dataSet = '', label = ''] = name.split('@');
			const id = label.slice(prefix.length);
			if (owner !== this.#owner || !label.startsWith(prefix) || !isLeaseId(id) || !isDataSetName(dataSet)) return [];
			const volume: Volume = { id: dataSet, kind: 'file-system', mountPoint: null, fileSystem: 'zfs', device: dataSet, root: '/', isReadOnly: false };
			return [{ id, sessionId: '', provider: this.name, volume, takenAt: 0, details: null }];
		});
	}

	#zfs(given: readonly string[], signal: AbortSignal): Promise<string> {
		return mustRun(this.#run, 'zfs', given, { signal });
	}

	async #access(each: Planned, signal: AbortSignal): Promise<{ views: Snapshot['views']; device: BlockAccess | null }> {
		const { volume, id } = each.lease;
		if (volume.mountPoint !== null)
			return { views: [{ path: volume.mountPoint, at: join(volume.mountPoint, '.zfs', 'snapshot', `${prefix}${id}`) }], device: null };
		const clone = cloneOf(each);
		await this.#zfs(['clone', '-o', 'readonly=on', '-o', `${ownerProperty}=${this.#owner}`, nameOf(each), clone], signal);
		const path = `${devices}${clone}`;
		const until = Date.now() + deviceWaitMs;
		while (!(await this.#isThere(path))) {
			if (Date.now() > until) throw new EngineError('snapshot.failed', `The device ${path} of a clone does not appear.`, { hint: 'See whether udev runs.' });
			await sleep(devicePollMs, undefined, { signal });
		}
		return { views: [], device: { kind: 'path', path } };
	}

	/** Exit code 1 is all that zfs says of what is not there; a pool that is away would look the same. */
	async #exists(name: string, signal: AbortSignal): Promise<boolean> {
		const { code, stderr } = await this.#run('zfs', ['list', '-H', '-o', 'name', '-t', 'all', name], { signal });
		if (code === 0) return true;
		if (/does not exist|no such/.test(stderr)) return false;
		throw new EngineError('snapshot.failed', `zfs list failed (${code}): ${stderr.trim().slice(0, 500)}`);
	}

	async #mustBeImported(pool: string, signal: AbortSignal): Promise<void> {
		const pools = parseNames(await mustRun(this.#run, 'zpool', ['list', '-H', '-o', 'name'], { signal }));
		if (pools.includes(pool)) return;
		throw new EngineError('snapshot.failed', `The pool ${pool} is not imported: the snapshot on it cannot be removed.`, {
			hint: `Import it: zpool import ${pool}`,
		});
	}
}

const nameOf = ({ lease, dataSet }: Planned): string => `${dataSet}@${prefix}${safeLeaseId(lease.id)}`;
/** Beside its pool's data sets, not below the volume: a volume has none below. */
const cloneOf = ({ lease, dataSet }: Planned): string => `${poolOf(dataSet)}/${prefix}${safeLeaseId(lease.id)}`;

/** Null: not of ZFS, or with a name that zfs would read as something else. */
function dataSetOf({ kind, device, fileSystem }: Volume): string | null {
	if (device === null) return null;
	const name = kind === 'block-device' ? (device.startsWith(devices) ? device.slice(devices.length) : '') : fileSystem === 'zfs' ? device : '';
	return isDataSetName(name) ? name : null;
}

const isPath = (path: string): Promise<boolean> =>
	access(path).then(
		() => true,
		() => false,
	);
