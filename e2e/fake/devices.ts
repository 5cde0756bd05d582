import { EngineError } from '../../engine/base/index.ts';
import type { Device, EngineApi } from '../../engine/contract/index.ts';

/** Devices that nobody writes to. */
export function createFakeDevices(): EngineApi['devices'] {
	const devices = new Map<string, Device>();
	return {
		list: async () => [...devices.values()],
		async add(settings) {
			const id = `device-${devices.size + 1}`;
			const device: Device = {
				id,
				revision: 1,
				settings,
				state: 'served',
				problem: null,
				uri: `nbd+unix:///${encodeURIComponent(settings.name)}?socket=/var/lib/holdfast/devices.sock`,
				sizeBytes: 64 * 2 ** 30,
				clients: 1,
				snapshots: [],
			};
			devices.set(id, device);
			return device;
		},
		async remove({ id }) {
			if (!devices.delete(id)) throw new EngineError('not-found.device', `There is no device ${id}.`);
		},
	};
}
