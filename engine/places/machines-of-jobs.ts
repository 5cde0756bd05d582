import { EngineError } from '../base/index.ts';
import { type HostSettings, hostOfMachine, type Machine, maxTasksOfMachine } from '../contract/index.ts';
import type { Machines } from '../infra/index.ts';
import type { JobMachines, JobSnapshots } from '../jobs/index.ts';
import { loadWire } from '../mover/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { excludesDisk } from '../source/index.ts';
import type { Places } from './places.ts';

/** Where nothing was heard of a machine yet: so many processors are the least of what is sold. */
const usualProcessors = 2;

/** Unless somebody said how many: one for each processor. */
export const maxTasksOf = ({ settings, status }: Pick<Machine, 'settings' | 'status'>): number =>
	settings.maxTasks ?? Math.min(maxTasksOfMachine, Math.max(1, status?.processors ?? usualProcessors));

/** All hypervisor hosts that are known now. */
type KnownHosts = () => Promise<readonly HostSettings[]>;

/** Managed machines as jobs know them. */
export function createJobMachines(machines: Pick<Machines, 'get' | 'lookAtSource'>, hosts: KnownHosts): JobMachines {
	async function get(id: string) {
		const machine = await machines.get(id);
		return { id, name: machine.settings.name, maxTasks: maxTasksOf(machine) };
	}
	return {
		get,
		sourceProblem: async (id, source) => (await machines.lookAtSource(id, source, {})).problem,
		async readerOf({ kind, path }) {
			const machineId = kind === 'vm' ? hostOfMachine(await hosts(), path)?.machineId : null;
			return machineId == null ? null : get(machineId);
		},
	};
}

/** Snapshots for jobs: made here, or by the data mover of the machine that the sources lie on, or that the host of a virtual machine is reached through. */
export const createJobSnapshots = (
	here: Pick<Snapshots, 'open' | 'openMachine' | 'concrete'>,
	places: Pick<Places, 'source'>,
	hosts: KnownHosts,
): JobSnapshots => ({
	async openMachine({ exclude, ...wish }, options) {
		const host = hostOfMachine(await hosts(), wish.path);
		const source = await places.source(host?.machineId ?? null);
		if (source === null || host === undefined) return here.openMachine({ ...wish, isExcluded: excludesDisk(exclude) }, options);
		const { RemoteReading } = await loadWire();
		const { name, type, uri, scratchFolder } = host;
		const reading = await RemoteReading.openMachine(
			source,
			{ ...wish, guestWriters: [...wish.guestWriters], exclude: [...exclude], host: { name, type, uri, scratchFolder } },
			options,
		);
		const [machine] = reading.sources;
		if (machine === undefined) {
			await reading[Symbol.asyncDispose]();
			throw new EngineError('connection.lost', `The data mover ${source.mover.name} does not say where ${wish.path} is read.`);
		}
		return {
			reading: machine,
			async complete() {
				await using _session = reading;
				await reading.complete();
			},
			[Symbol.asyncDispose]: () => reading[Symbol.asyncDispose](),
		};
	},
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
