import type { EngineApi } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** Machines that are managed from here. */
export function createMachinesApi({ machines }: Pick<ApiParts, 'machines'>): EngineApi['machines'] {
	return {
		list: () => machines.list(),
		get: ({ id }) => machines.get(id),
		offerPairing: () => machines.offerPairing(),
		add: ({ settings, token }, options) => machines.add(settings, token, options),
		update: ({ id, revision, settings }) => machines.update(id, revision, settings),
		remove: ({ id, revision }) => machines.remove(id, revision),
		rescan: ({ id }, options) => machines.rescan(id, options),
		places: ({ id, path }, options) => machines.places(id, path, options),
	};
}
