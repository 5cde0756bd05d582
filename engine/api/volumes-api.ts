import type { EngineApi } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** Volumes of this machine, and who makes snapshots of them. */
export const createVolumesApi = ({ snapshots }: Pick<ApiParts, 'snapshots'>): EngineApi['volumes'] => ({
	list: async ({ rescan }) => [...(await (rescan ? snapshots.rescan() : snapshots.volumes()))],
	change: (change) => snapshots.change(change),
});
