import { type EngineApi, isMeant, parseMachinePath } from '../contract/index.ts';
import { listPlaces, requireSource } from '../infra/index.ts';
import type { ApiParts } from './parts.ts';

const MEASURE_MS = 2000;

/** The engine's own machine, one level at a time. */
export function createPlacesApi({ platform, plane, machines, config: { hosts }, hostControl }: ApiParts): EngineApi['places'] {
	/** What guests see of their disks; a host that is not known measures nothing. */
	async function measureMachines(path: string, signal: AbortSignal | undefined): Promise<{ bytes: number; items: number; complete: boolean }> {
		const { host } = parseMachinePath(path);
		const settings = (await hosts.findByName(host))?.settings;
		if (settings === undefined) return { bytes: 0, items: 0, complete: false };
		const machines = (await hostControl(settings).machines({ signal })).filter((machine) => isMeant(path, settings.name, machine));
		const bytes = machines.flatMap(({ disks }) => disks).reduce((sum, { capacityBytes }) => sum + (capacityBytes ?? 0), 0);
		return { bytes, items: machines.length, complete: true };
	}

	return {
		list: ({ path }, { signal }) => listPlaces(platform, path, signal),
		async measure({ source, machineId }, { signal }) {
			if (source.kind === 'vm') return measureMachines(source.path, signal);
			if (machineId !== null) return machines.measure(machineId, source, { deadlineMs: MEASURE_MS, signal });
			await requireSource(source);
			return plane.measure({ source, exclude: [], deadlineMs: MEASURE_MS }, { signal });
		},
	};
}
