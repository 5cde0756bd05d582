/**
 * The contract's use cases over configuration, jobs and the data plane.
 *
 * Guarantees: whatever is refused is refused before anything has changed, with an error that names the field; what one face saves is never
 * overwritten by another that did not see it; every change is announced as an event.
 * Does not: know transports, users or where a call comes from.
 */
import type { Downloads, EngineApi } from '../contract/index.ts';
import { createDevicesApi } from './devices-api.ts';
import { createHostsApi } from './hosts-api.ts';
import { createJobsApi } from './jobs-api.ts';
import { createKeysApi } from './keys-api.ts';
import { createMachinesApi } from './machines-api.ts';
import type { ApiParts } from './parts.ts';
import { createPlacesApi } from './places-api.ts';
import { createPointsApi } from './points-api.ts';
import { createRepositoriesApi } from './repositories-api.ts';
import { createSessionsApi } from './sessions-api.ts';
import { createSystemApi } from './system-api.ts';
import { createThrottlesApi } from './throttles-api.ts';
import { createVolumesApi } from './volumes-api.ts';

export type { ApiParts } from './parts.ts';

export function createApi(parts: ApiParts): EngineApi & Downloads {
	const { downloads, ...points } = createPointsApi(parts);
	const repositories = createRepositoriesApi(parts);
	return {
		...points,
		system: createSystemApi(parts),
		jobs: createJobsApi(parts),
		sessions: createSessionsApi(parts, { ...points, repositories }),
		repositories,
		keys: createKeysApi(parts, repositories),
		throttles: createThrottlesApi(parts),
		devices: createDevicesApi(parts),
		volumes: createVolumesApi(parts),
		hosts: createHostsApi(parts),
		machines: createMachinesApi(parts),
		places: createPlacesApi(parts),
		open: downloads.open,
	};
}
