import type { EngineApi } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** Devices that are written through Holdfast. */
export function createDevicesApi({ devices, bus }: Pick<ApiParts, 'devices' | 'bus'>): EngineApi['devices'] {
	return {
		list: () => devices.list(),
		async add(settings) {
			const device = await devices.add(settings);
			bus.emit({ kind: 'device', id: device.id });
			return device;
		},
		async remove({ id, revision }) {
			await devices.remove(id, revision);
			bus.emit({ kind: 'device', id });
		},
	};
}
