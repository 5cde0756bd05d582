import { type Machine, maxTasksOfMachine } from '../contract/index.ts';
import type { Machines } from '../infra/index.ts';
import type { JobMachines, JobSnapshots } from '../jobs/index.ts';
import { loadWire } from '../mover/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { Places } from './places.ts';

/** Where nothing was heard of a machine yet: so many processors are the least of what is sold. */
const usualProcessors = 2;

/** Unless somebody said how many: one for each processor. */
export const maxTasksOf = ({ settings, status }: Pick<Machine, 'settings' | 'status'>): number =>
	settings.maxTasks ?? Math.min(maxTasksOfMachine, Math.max(1, status?.processors ?? usualProcessors));

/** Managed machines as jobs know them. */
export const createJobMachines = (machines: Pick<Machines, 'get' | 'lookAtSource'>): JobMachines => ({
	async get(id) {
		const machine = await machines.get(id);
		return { id, name: machine.settings.name, maxTasks: maxTasksOf(machine) };
	},
	sourceProblem: async (id, source) => (await machines.lookAtSource(id, source, {})).problem,
});

/** Snapshots for jobs: made here, or by the data mover of the machine that the sources lie on. */
export const createJobSnapshots = (here: Pick<Snapshots, 'open' | 'openMachine' | 'concrete'>, places: Pick<Places, 'source'>): JobSnapshots => ({
	openMachine: (wish, options) => here.openMachine(wish, options),
	concrete: (sources) => here.concrete(sources),
	async open({ machineId, ...wish }, options) {
		const source = await places.source(machineId);
		if (source === null) return here.open(wish, options);
		const { RemoteReading } = await loadWire();
		const { sessionId, sources, mode, quiesce, requireConsistent, writers, exclude } = wish;
		const said = { sessionId, sources: [...sources], mode, quiesce, requireConsistent, writers: [...writers], exclude: [...exclude] };
		return await RemoteReading.open(source, said, options);
	},
});
