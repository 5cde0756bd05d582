import { EngineError } from '../../engine/base/index.ts';
import {
	type EngineApi,
	type EngineEvent,
	type Host,
	type JobSettings,
	type MachineRef,
	parseMachinePath,
	type VirtualDisk,
	type VirtualMachine,
} from '../../engine/contract/index.ts';
import { createRandom, hashOf } from './random.ts';
import type { Scenario } from './site.ts';

const GiB = 2 ** 30;
const host = (id: string, name: string, uri: string, on: MachineRef | null = null): Host => ({
	id,
	revision: 1,
	settings: { name, type: 'libvirt', uri, machineId: on?.id ?? null, scratchFolder: '/var/tmp' },
	machineName: on?.name ?? null,
	state: 'online',
	problem: null,
	facts: { hostName: `${name.toLowerCase().replaceAll(' ', '')}.example.net`, product: 'QEMU 7.2.22', processors: 32, memoryBytes: 256 * GiB },
});
const offline: Pick<Host, 'state' | 'problem' | 'facts'> = {
	state: 'offline',
	problem: {
		code: 'source.unreachable',
		message: 'The host qemu+ssh://root@cellar/system does not answer: No route to host',
		hint: 'Check its address, and that libvirtd runs there.',
	},
	facts: null,
};
const disk = (machine: string, name: string, gibibytes: number, more: Partial<VirtualDisk> = {}): VirtualDisk => ({
	name,
	path: `/var/lib/libvirt/images/${machine}${name === 'vda' ? '' : `-${name}`}.qcow2`,
	format: 'qcow2',
	capacityBytes: gibibytes * GiB,
	allocatedBytes: Math.round(gibibytes * 0.33) * GiB,
	unsupported: null,
	...more,
});
const machine = (name: string, more: Partial<VirtualMachine> = {}): VirtualMachine => ({
	id: `00000000-0000-4000-8000-${hashOf(name).toString(16).padStart(12, '0').slice(0, 12)}`,
	name,
	state: 'running',
	tags: [],
	processors: 4,
	memoryBytes: 8 * GiB,
	disks: [disk(name, 'vda', 64)],
	guestAgent: 'connected',
	...more,
});

const rack: readonly VirtualMachine[] = [
	machine('database', { tags: ['production'], disks: [disk('database', 'vda', 64), disk('database', 'vdb', 512)], memoryBytes: 32 * GiB }),
	machine('mail', { tags: ['production'], guestAgent: 'silent' }),
	machine('old-ledger', { state: 'off', guestAgent: 'absent', processors: 1, memoryBytes: 2 * GiB }),
	machine('sandbox', {
		guestAgent: 'absent',
		disks: [
			disk('sandbox', 'vda', 20),
			disk('sandbox', 'sdb', 931, {
				path: '/dev/disk/by-id/ata-ST1000',
				format: 'raw',
				allocatedBytes: null,
				unsupported: 'sdb is a device that is passed through to the machine: it cannot be read from outside.',
			}),
		],
	}),
	machine('web-1', { tags: ['production', 'web'] }),
	machine('web-2', { tags: ['production', 'web'], state: 'paused' }),
];

/** Ten thousand in racks of a thousand. */
function farm(rackNumber: number): VirtualMachine[] {
	const random = createRandom(`rack ${rackNumber}`);
	return Array.from({ length: 1000 }, (_, i) => {
		const name = `${random.pick(['web', 'db', 'cache', 'build', 'mail', 'edge'])}-${rackNumber}-${String(i).padStart(4, '0')}`;
		return machine(name, {
			state: random.chance(0.9) ? 'running' : 'off',
			tags: random.chance(0.5) ? ['production'] : random.chance(0.3) ? ['test', 'spot'] : [],
			guestAgent: random.chance(0.7) ? 'connected' : 'absent',
			disks: ['vda', 'vdb', 'vdc'].slice(0, random.int(1, 3)).map((each) => disk(name, each, random.int(8, 400))),
		});
	});
}

/** Hypervisor hosts of the made-up site: one that answers, and one that does not. */
export function createFakeHosts(scenario: Scenario, jobs: () => readonly JobSettings[], emit: (event: EngineEvent) => void): EngineApi['hosts'] {
	const hosts = new Map<string, Host>();
	const machines = new Map<string, readonly VirtualMachine[]>();
	const put = (each: Host, its: readonly VirtualMachine[]): void => {
		hosts.set(each.id, each);
		machines.set(each.id, its);
	};
	if (scenario === 'crowded') for (let i = 1; i <= 10; i++) put(host(`host-${i}`, `Rack ${i}`, `qemu+ssh://root@rack${i}/system`), farm(i));
	else if (scenario === 'normal') {
		put(host('host-1', 'Rack 1', 'qemu:///system', { id: 'm-vault', name: 'Vault' }), rack);
		put({ ...host('host-2', 'Cellar', 'qemu+ssh://root@cellar/system'), ...offline }, []);
	}
	const get = (id: string): Host => {
		const found = hosts.get(id);
		if (!found) throw new EngineError('not-found.host', `There is no host ${id}.`);
		return found;
	};
	const reach = (uri: string): NonNullable<Host['facts']> => {
		if (uri.includes('nowhere'))
			throw new EngineError('source.unreachable', `The host ${uri} does not answer: Name or service not known`, {
				hint: 'Check its address, and that libvirtd runs there.',
			});
		return { hostName: 'rack2.example.net', product: 'QEMU 8.2.2', processors: 64, memoryBytes: 512 * GiB };
	};
	return {
		list: async () => [...hosts.values()],
		test: async ({ uri }) => reach(uri),
		async add(settings) {
			const taken = [...hosts.values()].find(({ settings: { name } }) => name.toLowerCase() === settings.name.toLowerCase());
			if (taken)
				throw new EngineError('exists.name', `A host named “${taken.settings.name}” exists already.`, {
					hint: 'Choose another name.',
					data: { field: 'name' },
				});
			const on = settings.machineId === null ? null : { id: settings.machineId, name: 'Vault' };
			const added = { ...host(`host-${hosts.size + 1}`, settings.name, settings.uri, on), settings, facts: reach(settings.uri) };
			put(added, [machine('new-arrival')]);
			emit({ kind: 'host', id: added.id });
			return added;
		},
		async remove({ id }) {
			const { name } = get(id).settings;
			const needing = jobs().filter(({ sources }) => sources.some(({ kind, path }) => kind === 'vm' && parseMachinePath(path).host === name));
			if (needing.length > 0)
				throw new EngineError('busy.host', `Virtual machines of ${name} are protected by ${needing.map((job) => `“${job.name}”`).join(', ')}.`, {
					hint: 'Take them out of these jobs first.',
				});
			hosts.delete(id);
			emit({ kind: 'host', id });
		},
		rescan: async ({ id }) => get(id),
		async machines({ id }) {
			const { problem } = get(id);
			if (problem) throw EngineError.from(problem);
			return [...(machines.get(id) ?? [])];
		},
	};
}
