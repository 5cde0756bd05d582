import type { EngineApi } from '../contract/index.ts';
import { listPlaces } from '../infra/index.ts';
import type { ApiParts } from './parts.ts';

const MEASURE_MS = 2000;

/** The engine's own machine, one level at a time. */
export function createPlacesApi({ platform, plane }: ApiParts): EngineApi['places'] {
	return {
		list: ({ path }, { signal }) => listPlaces(platform, path, signal),
		measure: ({ source }, { signal }) => plane.measure({ source, exclude: [], deadlineMs: MEASURE_MS }, { signal }),
	};
}
