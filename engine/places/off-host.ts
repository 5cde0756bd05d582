/** Who reads the snapshots of this machine off-host, and what speaks against that. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { EngineError, isEngineError } from '../base/index.ts';
import { listenOnFree } from '../block/index.ts';
import {
	type HostSettings,
	hostOfMachine,
	type Machine,
	type MachineAddress,
	type MachineRef,
	parseMachinePath,
	type RepositoryLocation,
	type SourceSpec,
} from '../contract/index.ts';
import { type Candidate, chooseProxies, inTurn, type Machines, type OffHostRequest, type OffHostVolume, refuseOffHost } from '../infra/index.ts';
import type { OffHost, OffHostWish } from '../jobs/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { addressesTowards } from './addresses.ts';
import { exportPorts } from './export-ports.ts';
import type { Gateways } from './gateways.ts';
import { maxTasksOf } from './machines-of-jobs.ts';

export type OffHostParts = {
	readonly machines: Pick<Machines, 'list' | 'get' | 'reach' | 'dataAddress'>;
	readonly gateways: Pick<Gateways, 'open'>;
	readonly snapshots: Pick<Snapshots, 'makersOf'>;
	/** Hypervisor hosts that are known now. */
	readonly hosts: () => Promise<readonly HostSettings[]>;
};

type Volume = OffHostVolume & { readonly source: SourceSpec };

/** What is known of a job that is to be read off-host, before machines are asked. */
type Prospect = { readonly problems: readonly EngineError[]; readonly volumes: readonly Volume[]; readonly proxies: readonly Machine[] };

/** The machine of the backup server, and the repository, as places that a proxy must reach. */
const [here, target] = ['here', 'target'] as const;

export function createOffHost({ machines, gateways, snapshots, hosts }: OffHostParts): OffHost {
	async function volumesOf({ sources, snapshot }: OffHostWish): Promise<readonly Volume[]> {
		const makers = await snapshots.makersOf(sources, snapshot);
		return sources.map((source, i) => {
			const maker = makers[i];
			const { provider = null, reason = '' } = maker ?? {};
			return {
				source,
				id: source.path,
				computer: source.kind === 'vm' ? parseMachinePath(source.path).host : hostname(),
				provider: provider && { name: provider.name, isTransportable: provider.capabilities.isTransportable },
				reason,
			};
		});
	}

	/** All that may read: the one that the job is pinned to, or every one with the role. */
	async function proxiesFor({ proxyId }: OffHostWish): Promise<readonly Machine[]> {
		if (proxyId !== null) {
			const machine = await machines.get(proxyId);
			if (machine.settings.roles.includes('proxy')) return [machine];
			throw new EngineError('usage.conflict', `The machine “${machine.settings.name}” has not the role of a proxy.`, {
				hint: 'Give it the role with "holdfast machine set NAME --role proxy", or choose another one.',
				data: { field: 'proxyId' },
			});
		}
		const proxies = (await machines.list()).filter(({ settings }) => settings.roles.includes('proxy'));
		if (proxies.length > 0) return proxies;
		throw new EngineError('infra.no-proxy', 'There is no machine with the role of a proxy, which an off-host job is read by.', {
			hint: 'Add one with "holdfast machine add NAME --role proxy", or choose the mode on-host.',
			data: { field: 'proxyId' },
		});
	}

	/** Virtual machines of a host that is reached through a managed machine. */
	async function isOnMachine(sources: readonly SourceSpec[]): Promise<boolean> {
		const known = await hosts();
		return sources.some(({ kind, path }) => kind === 'vm' && (hostOfMachine(known, path)?.machineId ?? null) !== null);
	}

	async function lookAt(wish: OffHostWish): Promise<Prospect> {
		if (wish.machineId !== null || (await isOnMachine(wish.sources))) {
			const elsewhere = new EngineError('usage.conflict', 'What lies on a managed machine is read there: its snapshots cannot be given to another one.', {
				hint: 'Choose the mode on-host.',
				data: { field: 'mode' },
			});
			return { problems: [elsewhere], volumes: [], proxies: [] };
		}
		const found: EngineError[] = [];
		let proxies: readonly Machine[] = [];
		try {
			proxies = await proxiesFor(wish);
		} catch (error) {
			if (!isEngineError(error)) throw error;
			found.push(error);
		}
		const [pinned] = wish.proxyId === null ? [] : proxies;
		const volumes = await volumesOf(wish);
		const request: OffHostRequest = {
			host: { name: hostname(), system: process.platform },
			proxy: pinned ? { name: pinned.settings.name, system: pinned.status?.platform ?? process.platform } : null,
			volumes,
		};
		return { problems: [...found, ...refuseOffHost(request)], volumes, proxies };
	}

	return {
		problems: async (wish) => (await lookAt(wish)).problems,
		async begin(wish, { signal }) {
			const { problems, volumes, proxies } = await lookAt(wish);
			const [problem] = problems;
			if (problem !== undefined) throw problem;
			const candidates = await Promise.all(proxies.map((proxy) => candidateOf({ machines, gateways }, proxy, wish, signal)));
			return {
				inTurn: inTurn(volumes).map((group) => group.map(({ source }) => source)),
				proxy(load) {
					const loaded = candidates.map((each) => ({ ...each, runningTasks: load(each) }));
					const request = { mode: 'off-host', pinned: wish.proxyId, work: [{ source: here }], targets: [target], machines: loaded } as const;
					const [chosen] = chooseProxies(request);
					const { id, name, maxTasks } = chosen as Candidate;
					return { id, name, maxTasks };
				},
			};
		},
	};
}

/** A machine as it answers now. Of one that does not, nobody knows what it would reach. */
async function candidateOf(
	{ machines, gateways }: Pick<OffHostParts, 'machines' | 'gateways'>,
	machine: Machine,
	{ repository }: OffHostWish,
	signal: AbortSignal,
): Promise<Candidate> {
	const { id, settings } = machine;
	const facts = { id, name: settings.name, maxTasks: maxTasksOf(machine), runningTasks: 0 };
	const [host] = (await addressesTowards(settings.address)).local;
	if (host === undefined) return { ...facts, isOnline: false, reaches: new Set([here, target]) };
	const probe = await listenIn(host);
	try {
		const isFixed = repository?.gateway !== 'auto';
		const far = !isFixed || repository?.machineId == null || repository.machineId === id ? null : await machines.dataAddress(repository.machineId);
		const addresses: MachineAddress[] = [{ host, port: probe.port }, ...(far ? [{ host: far.host, port: far.port }] : [])];
		const [isHere = false, isReached = true] = await machines.reach(id, addresses, { signal });
		const isTarget = isFixed ? isReached : await hasGateway(gateways, repository, facts, signal);
		return { ...facts, isOnline: true, reaches: new Set([...(isHere ? [here] : []), ...(isTarget ? [target] : [])]) };
	} catch (error) {
		signal.throwIfAborted();
		if (!isEngineError(error)) throw error;
		return { ...facts, isOnline: false, reaches: new Set([here, target]) };
	} finally {
		probe.server.close();
	}
}

/** Whether a proxy would get to a repository on a share, itself or through another machine. */
async function hasGateway(gateways: OffHostParts['gateways'], repository: RepositoryLocation, proxy: MachineRef, signal: AbortSignal): Promise<boolean> {
	try {
		using _gateway = await gateways.open(repository, proxy, { does: 'write', signal });
		return true;
	} catch (error) {
		if (isEngineError(error, 'infra.no-gateway')) return false;
		throw error;
	}
}

/** Stands for the snapshots that will be shown there: whoever gets here gets to them. */
async function listenIn(host: string): Promise<{ readonly server: Server; readonly port: number }> {
	const server = createServer((socket) => socket.destroy());
	const port = await listenOnFree(host, exportPorts, async (candidate) => {
		server.listen(candidate, host);
		await once(server, 'listening');
		return candidate;
	});
	return { server, port };
}
