import type { EngineApi } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** Devices that are written through Holdfast. */
export function createDevicesApi({ devices }: Pick<ApiParts, 'devices'>): EngineApi['devices'] {
	return {
		list: () => devices.list(),
		add: (settings) => devices.add(settings),
		remove: ({ id, revision }) => devices.remove(id, revision),
	};
}
