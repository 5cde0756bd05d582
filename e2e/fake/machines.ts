import { EngineError } from '../../engine/base/index.ts';
import type { EngineApi, EngineEvent, Machine, MachineSettings, MachineStatus } from '../../engine/contract/index.ts';
import { listPlaces } from './folders.ts';

const gibibyte = 2 ** 30;

const statusOf = (hostName: string, now: number): MachineStatus => ({
	hostName,
	version: '0.1.0',
	platform: 'linux',
	processors: 16,
	memoryBytes: 64 * gibibyte,
	startedAt: now - 12 * 86_400_000,
	certificateExpiresAt: now + 61 * 86_400_000,
	volumes: [
		{ path: '/', sizeBytes: 80 * gibibyte, freeBytes: 51 * gibibyte, readOnly: false },
		{ path: '/srv/vault', sizeBytes: 12_000 * gibibyte, freeBytes: 4100 * gibibyte, readOnly: false },
	],
	disks: [{ path: '/dev/sda', sizeBytes: 80 * gibibyte, model: 'Virtual disk' }],
});

/** Managed machines of the made-up site: one of each state. */
export function createFakeMachines(isEmpty: boolean, emit: (event: EngineEvent) => void): EngineApi['machines'] {
	const now = Date.now();
	const machine = (id: string, settings: MachineSettings, more: Partial<Machine> = {}): Machine => ({
		id,
		revision: 1,
		settings,
		state: 'online',
		problem: null,
		seenAt: now - 240_000,
		status: statusOf(settings.name.toLowerCase(), now),
		...more,
	});
	const machines = new Map<string, Machine>();
	if (!isEmpty)
		for (const each of [
			machine('m-vault', { name: 'Vault', address: { host: '10.0.0.5', port: 9471 }, roles: ['repository', 'mount'], maxTasks: null }),
			machine('m-proxy', { name: 'Proxy-East', address: { host: 'proxy-east.example', port: 9471 }, roles: ['proxy'], maxTasks: null }),
			machine(
				'm-branch',
				{ name: 'Branch office', address: { host: '192.168.40.9', port: 9471 }, roles: ['gateway', 'mount'], maxTasks: null },
				{
					state: 'offline',
					seenAt: now - 3 * 86_400_000,
					problem: {
						code: 'connection.refused',
						message: 'The data mover Branch office cannot be reached at 192.168.40.9:9471 (ECONNREFUSED).',
						hint: 'Start it there with "holdfast mover start", and check address, port and firewall.',
					},
				},
			),
		])
			machines.set(each.id, each);
	const get = (id: string): Machine => {
		const found = machines.get(id);
		if (!found) throw new EngineError('not-found.machine', `There is no machine ${id}.`);
		return found;
	};
	const put = (next: Machine): Machine => {
		machines.set(next.id, next);
		emit({ kind: 'machine', id: next.id });
		return next;
	};
	return {
		list: async () => [...machines.values()],
		get: async ({ id }) => get(id),
		offerPairing: async () => ({ token: `hfp_${'made-up-token-of-the-made-up-site-'.repeat(3)}`, expiresAt: Date.now() + 3_600_000 }),
		async add({ settings }) {
			if ([...machines.values()].some((other) => other.settings.name === settings.name))
				throw new EngineError('exists.name', `A machine named “${settings.name}” exists already.`, { hint: 'Choose another name.', data: { field: 'name' } });
			return put(machine(`m-${machines.size + 1}`, settings, { seenAt: Date.now() }));
		},
		async update({ id, settings }) {
			const before = get(id);
			return put({ ...before, settings, revision: before.revision + 1 });
		},
		async remove({ id }) {
			const { state, settings } = get(id);
			if (id === 'm-vault')
				throw new EngineError(
					'busy.machine',
					`Something depends on “${settings.name}”: it holds the repositories “Vault”, which the jobs “Mail server”, “Web server” use.`,
					{ hint: 'Give these jobs another repository and remove these ones first. Their files stay.' },
				);
			machines.delete(id);
			emit({ kind: 'machine', id });
			return { isTold: state === 'online' };
		},
		async rescan({ id }) {
			const before = get(id);
			return put(before.state === 'online' ? { ...before, seenAt: Date.now() } : before);
		},
		async places({ path }) {
			const found = listPlaces(path, Date.now());
			if (!found) throw new EngineError('not-found.path', `There is no folder ${path}.`);
			return found;
		},
	};
}
