import type { EngineApi } from '../contract/index.ts';
import type { Volumes } from '../snapshot/index.ts';
import type { ApiParts } from './parts.ts';

/** Volumes of this machine and of managed ones, and who makes snapshots of them. */
export function createVolumesApi({ snapshots, machines, bus }: Pick<ApiParts, 'snapshots' | 'machines' | 'bus'>): EngineApi['volumes'] {
	const on = (machineId: string | null): Volumes => (machineId === null ? snapshots : machines.volumesOn(machineId));
	return {
		async list({ rescan, machineId }) {
			if (!rescan) return [...(await on(machineId).volumes())];
			const volumes = [...(await on(machineId).rescan())];
			bus.emit({ kind: 'volume', id: null });
			return volumes;
		},
		async change({ machineId, ...change }) {
			const volume = await on(machineId).change(change);
			bus.emit({ kind: 'volume', id: volume.id });
			return volume;
		},
	};
}
