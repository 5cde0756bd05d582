import type { EngineApi } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** Volumes of this machine, and who makes snapshots of them. */
export const createVolumesApi = ({ snapshots, bus }: Pick<ApiParts, 'snapshots' | 'bus'>): EngineApi['volumes'] => ({
	async list({ rescan }) {
		if (!rescan) return [...(await snapshots.volumes())];
		const volumes = [...(await snapshots.rescan())];
		bus.emit({ kind: 'volume', id: null });
		return volumes;
	},
	async change(change) {
		const volume = await snapshots.change(change);
		bus.emit({ kind: 'volume', id: volume.id });
		return volume;
	},
});
