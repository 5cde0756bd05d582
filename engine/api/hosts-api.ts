import { EngineError, toErrorShape } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import { type EngineApi, type Host, type HostSettings, parseMachinePath } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** A list must not wait for the slowest host. */
const listMs = 10_000;

export function createHostsApi({ config: { hosts, jobs, managed }, hostControl, bus }: Pick<ApiParts, 'config' | 'hostControl' | 'bus'>): EngineApi['hosts'] {
	/** `not-found.machine` */
	const machineNameOf = async ({ machineId }: HostSettings): Promise<string | null> =>
		machineId === null ? null : (await managed.machines.get(machineId)).settings.name;

	async function describe({ id, revision, settings }: Entity<HostSettings>, signal: AbortSignal | undefined): Promise<Host> {
		const deadline = AbortSignal.timeout(listMs);
		const machineName = await machineNameOf(settings);
		try {
			const facts = await hostControl(settings).describe({ signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
			return { id, revision, settings, machineName, state: 'online', problem: null, facts };
		} catch (error) {
			signal?.throwIfAborted();
			const cause = deadline.aborted ? new EngineError('source.unreachable', `The host has not answered for ${listMs / 1000} s.`) : error;
			return { id, revision, settings, machineName, state: 'offline', problem: toErrorShape(cause), facts: null };
		}
	}

	async function refuseWhileNeeded({ settings }: Entity<HostSettings>): Promise<void> {
		const needing = (await jobs.list()).filter(({ settings: { sources } }) =>
			sources.some(({ kind, path }) => kind === 'vm' && parseMachinePath(path).host === settings.name),
		);
		if (needing.length === 0) return;
		const names = needing.map((job) => `“${job.settings.name}”`).join(', ');
		throw new EngineError('busy.host', `Virtual machines of ${settings.name} are protected by ${names}.`, { hint: 'Take them out of these jobs first.' });
	}

	return {
		list: async ({ signal }) => Promise.all((await hosts.list()).map((host) => describe(host, signal))),
		async test(settings, { signal }) {
			await machineNameOf(settings);
			return hostControl(settings).describe({ signal });
		},
		async add(settings, { signal }) {
			const machineName = await machineNameOf(settings);
			const facts = await hostControl(settings).describe({ signal });
			const { id, revision } = await hosts.insert(settings);
			bus.emit({ kind: 'host', id });
			return { id, revision, settings, machineName, state: 'online', problem: null, facts };
		},
		async remove({ id, revision }) {
			await refuseWhileNeeded(await hosts.get(id));
			await hosts.remove(id, revision);
			bus.emit({ kind: 'host', id });
		},
		rescan: async ({ id }, { signal }) => describe(await hosts.get(id), signal),
		machines: async ({ id }, { signal }) => [...(await hostControl((await hosts.get(id)).settings).machines({ signal }))],
	};
}
