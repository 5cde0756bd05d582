import { EngineError } from '../../engine/base/index.ts';
import type { Device, DeviceSettings, EngineApi, EngineEvent } from '../../engine/contract/index.ts';
import type { Scenario } from './site.ts';

const GiB = 2 ** 30;
const device = (id: string, settings: DeviceSettings, more: Partial<Device> = {}): Device => ({
	id,
	revision: 1,
	settings,
	state: 'served',
	problem: null,
	uri: `nbd+unix:///${encodeURIComponent(settings.name)}?socket=/var/lib/holdfast/devices.sock`,
	sizeBytes: 64 * GiB,
	clients: 1,
	snapshots: [],
	...more,
});
const settingsOf = (name: string, path: string, cacheFolder: string | null = null): DeviceSettings => ({ name, path, cacheFolder, cacheLimitBytes: null });

/** Devices that are written through Holdfast: idle, being read from a snapshot, and one in trouble. */
export function createFakeDevices(scenario: Scenario, emit: (event: EngineEvent) => void): EngineApi['devices'] {
	const devices = new Map<string, Device>();
	if (scenario === 'normal')
		for (const each of [
			device('device-1', settingsOf('Database', '/vm/db.img', '/mnt/fast/cache'), {
				clients: 2,
				snapshots: [{ cachedBytes: 3.4 * GiB, problem: null }],
			}),
			device('device-2', settingsOf('Ledger', '/vm/ledger.img'), { clients: 0, sizeBytes: 20 * GiB }),
			device('device-3', settingsOf('Scratch', '/dev/sdc'), {
				state: 'not-served',
				problem: { code: 'source.missing', message: '/dev/sdc does not exist.', hint: 'Attach the disk, or remove the device.' },
				uri: null,
				sizeBytes: null,
				clients: 0,
			}),
		])
			devices.set(each.id, each);
	if (scenario === 'crowded')
		for (let i = 0; i < 10_000; i++) devices.set(`device-${i}`, device(`device-${i}`, settingsOf(`Disk ${String(i).padStart(5, '0')}`, `/vm/disk-${i}.img`)));
	return {
		list: async () => [...devices.values()],
		async add(settings) {
			if (!/^\/(vm|dev)\//.test(settings.path))
				throw new EngineError('source.missing', `${settings.path} does not exist.`, { hint: 'Check the spelling.', data: { field: 'path' } });
			const added = device(`device-${devices.size + 1}`, settings, { clients: 0 });
			devices.set(added.id, added);
			emit({ kind: 'device', id: added.id });
			return added;
		},
		async remove({ id }) {
			const known = devices.get(id);
			if (!known) throw new EngineError('not-found.device', `There is no device ${id}.`);
			if (known.snapshots.length > 0)
				throw new EngineError('busy.device', `A snapshot of “${known.settings.name}” is being read.`, { hint: 'Wait for its session to end, or cancel it.' });
			devices.delete(id);
			emit({ kind: 'device', id });
		},
	};
}
