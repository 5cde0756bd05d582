import { EngineError } from '../base/index.ts';
import { type EngineApi, mayHoldRepositories } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

const namesOf = (of: readonly { readonly settings: { readonly name: string } }[]): string => of.map(({ settings: { name } }) => `“${name}”`).join(', ');

const namedAs = {
	machineId: {
		say: (machine: string, jobs: string) => `Something depends on ${machine}: the jobs ${jobs} protect what lies on it.`,
		hint: 'Remove these jobs first, or let them protect another machine. Their restore points stay.',
	},
	proxyId: {
		say: (machine: string, jobs: string) => `${machine} is the proxy of the jobs ${jobs}.`,
		hint: 'Give these jobs another proxy first, or let it be chosen (--proxy auto).',
	},
};

/** Machines that are managed from here. */
export function createMachinesApi({ machines, config }: Pick<ApiParts, 'machines' | 'config'>): EngineApi['machines'] {
	/** Jobs that name the machine as their source's, or as their proxy. `busy.machine` names them. */
	async function refuseWhileNamed(id: string, as: keyof typeof namedAs): Promise<void> {
		const jobs = (await config.jobs.list()).filter((job) => job.settings[as] === id);
		if (jobs.length === 0) return;
		const { settings } = await config.managed.machines.get(id);
		const { say, hint } = namedAs[as];
		throw new EngineError('busy.machine', say(`“${settings.name}”`, namesOf(jobs)), { hint, data: { repositoryIds: [], jobIds: jobs.map((job) => job.id) } });
	}

	/** Repositories on the machine, and the jobs that use them. `busy.machine` names them. */
	async function refuseWhileNeeded(id: string, what: string, hint: string): Promise<void> {
		const repositories = (await config.repositories.list()).filter(({ settings }) => settings.machineId === id);
		if (repositories.length === 0) return;
		const { settings } = await config.managed.machines.get(id);
		const held = new Set(repositories.map((repository) => repository.id));
		const jobs = (await config.jobs.list()).filter((job) => held.has(job.settings.repositoryId));
		const users = jobs.length > 0 ? `, which the jobs ${namesOf(jobs)} use` : '';
		throw new EngineError('busy.machine', `${what} “${settings.name}”: it holds the repositories ${namesOf(repositories)}${users}.`, {
			hint,
			data: { repositoryIds: [...held], jobIds: jobs.map((job) => job.id) },
		});
	}

	/** Repositories that name the machine as their mount server. `busy.machine` names them. */
	async function refuseWhileMounting(id: string): Promise<void> {
		const repositories = (await config.repositories.list()).filter(({ settings }) => settings.mountServerId === id);
		if (repositories.length === 0) return;
		const { settings } = await config.managed.machines.get(id);
		throw new EngineError('busy.machine', `“${settings.name}” is the mount server of the repositories ${namesOf(repositories)}.`, {
			hint: 'Give these repositories another mount server first, or let it be chosen (--mount-server auto).',
			data: { repositoryIds: repositories.map((repository) => repository.id), jobIds: [] },
		});
	}

	/** Hypervisor hosts that are reached through the machine. */
	async function refuseWhileAskedThrough(id: string): Promise<void> {
		const hosts = (await config.hosts.list()).filter(({ settings }) => settings.machineId === id);
		if (hosts.length === 0) return;
		const { settings } = await config.managed.machines.get(id);
		throw new EngineError('busy.machine', `The hypervisor hosts ${namesOf(hosts)} are reached through “${settings.name}”.`, {
			hint: 'Remove these hosts first: "holdfast host remove".',
			data: { repositoryIds: [], jobIds: [] },
		});
	}

	return {
		list: () => machines.list(),
		get: ({ id }) => machines.get(id),
		offerPairing: () => machines.offerPairing(),
		add: ({ settings, token }, options) => machines.add(settings, token, options),
		async update({ id, revision, settings }) {
			if (!mayHoldRepositories(settings))
				await refuseWhileNeeded(id, 'The roles repository and gateway cannot both be taken from', 'Remove these repositories first. Their files stay.');
			if (!settings.roles.includes('proxy')) await refuseWhileNamed(id, 'proxyId');
			if (!settings.roles.includes('mount')) await refuseWhileMounting(id);
			return machines.update(id, revision, settings);
		},
		async remove({ id, revision }) {
			await refuseWhileNeeded(id, 'Something depends on', 'Give these jobs another repository and remove these ones first. Their files stay.');
			await refuseWhileNamed(id, 'proxyId');
			await refuseWhileNamed(id, 'machineId');
			await refuseWhileMounting(id);
			await refuseWhileAskedThrough(id);
			return machines.remove(id, revision);
		},
		rescan: ({ id }, options) => machines.rescan(id, options),
		places: ({ id, path }, options) => machines.places(id, path, options),
	};
}
