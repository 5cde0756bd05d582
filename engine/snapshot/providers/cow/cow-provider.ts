import { EngineError } from '../../../base/index.ts';
import type { Lease, Protectable, ProviderCapabilities, Snapshot, SnapshotProvider, VolumeRequest } from '../../provider.ts';
import type { Volume } from '../../volume.ts';
import type { ServedDevices } from './served-devices.ts';

/** Snapshots of the devices that are written through Holdfast. They end with the process that serves them, so that a crash leaves none. */
export class CowProvider implements SnapshotProvider {
	readonly name = 'cow';
	readonly capabilities: ProviderCapabilities = {
		method: 'copy-on-write',
		isHardware: false,
		isTransportable: true,
		isReadOnly: true,
		survivesSourceLoss: false,
		maxSnapshotsPerVolume: 16,
		isSerialised: false,
		instant: 'set',
	};
	readonly #devices: ServedDevices;

	constructor(devices: ServedDevices) {
		this.#devices = devices;
	}

	async canProtect({ kind, device }: Volume): Promise<Protectable> {
		if (kind === 'block-device' && device !== null && this.#devices.find(device)) return { can: true };
		return { can: false, reason: 'It is not served by Holdfast: see "holdfast device add".' };
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		signal.throwIfAborted();
		const items = requests.map(({ lease }) => {
			const device = lease.volume.device === null ? undefined : this.#devices.find(lease.volume.device);
			if (device === undefined) throw new EngineError('snapshot.failed', `The device ${lease.volume.id} is not served any more.`);
			return { leaseId: lease.id, deviceId: device.id };
		});
		const taken = await this.#devices.snapshot(items);
		return taken.map(({ exportName, token, createdAt }, i) => ({
			leaseId: items[i]?.leaseId ?? '',
			createdAt,
			views: [],
			device: { kind: 'nbd', uri: this.#devices.uri(exportName) },
			details: { changeToken: token },
			notes: [],
			identity: 'same',
		}));
	}

	async release({ id }: Lease): Promise<void> {
		await this.#devices.release(id);
	}
}
