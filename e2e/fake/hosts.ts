import { EngineError } from '../../engine/base/index.ts';
import type { EngineApi, Host, VirtualMachine } from '../../engine/contract/index.ts';

const GiB = 2 ** 30;
const host = (id: string, name: string, uri: string): Host => ({
	id,
	revision: 1,
	settings: { name, type: 'libvirt', uri, scratchFolder: '/var/tmp' },
	state: 'online',
	problem: null,
	facts: { hostName: `${name.toLowerCase()}.example.net`, product: 'QEMU 7.2.22', processors: 32, memoryBytes: 256 * GiB },
});
const machine = (name: string, more: Partial<VirtualMachine> = {}): VirtualMachine => ({
	id: `00000000-0000-4000-8000-${[...name]
		.map((letter) => letter.charCodeAt(0).toString(16))
		.join('')
		.padEnd(12, '0')
		.slice(0, 12)}`,
	name,
	state: 'running',
	tags: [],
	processors: 4,
	memoryBytes: 8 * GiB,
	disks: [
		{ name: 'vda', path: `/var/lib/libvirt/images/${name}.qcow2`, format: 'qcow2', capacityBytes: 64 * GiB, allocatedBytes: 21 * GiB, unsupported: null },
	],
	guestAgent: 'connected',
	...more,
});

/** Hosts that run nothing: for screens. */
export function createFakeHosts(isEmpty: boolean): EngineApi['hosts'] {
	const hosts = new Map<string, Host>();
	const problem = { code: 'source.unreachable', message: 'The host qemu+ssh://root@cellar/system does not answer: No route to host' } as const;
	if (!isEmpty)
		for (const each of [
			host('host-1', 'Rack 1', 'qemu:///system'),
			{ ...host('host-2', 'Cellar', 'qemu+ssh://root@cellar/system'), state: 'offline', problem, facts: null } as const,
		])
			hosts.set(each.id, each);
	const get = (id: string): Host => {
		const found = hosts.get(id);
		if (!found) throw new EngineError('not-found.host', `There is no host ${id}.`);
		return found;
	};
	return {
		list: async () => [...hosts.values()],
		async add(settings) {
			const added = { ...host(`host-${Date.now()}`, settings.name, settings.uri), settings };
			hosts.set(added.id, added);
			return added;
		},
		async remove({ id }) {
			hosts.delete(get(id).id);
		},
		rescan: async ({ id }) => get(id),
		async machines({ id }) {
			const { problem } = get(id);
			if (problem) throw EngineError.from(problem);
			return [
				machine('database', { tags: ['production'] }),
				machine('mail', { guestAgent: 'silent' }),
				machine('old-ledger', { state: 'off', guestAgent: 'absent' }),
			];
		},
	};
}
