/** Who reads the snapshots of this machine off-host, and what speaks against that. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { EngineError, isEngineError, systemErrorCode } from '../base/index.ts';
import { type Machine, type MachineAddress, parseMachinePath, type SourceSpec } from '../contract/index.ts';
import { type Candidate, chooseProxies, inTurn, type Machines, type OffHostRequest, type OffHostVolume, refuseOffHost } from '../infra/index.ts';
import type { OffHost, OffHostWish } from '../jobs/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { addressesTowards } from './addresses.ts';
import { exportPorts } from './export-ports.ts';
import { maxTasksOf } from './machines-of-jobs.ts';

export type OffHostParts = {
	readonly machines: Pick<Machines, 'list' | 'get' | 'reach' | 'dataAddress'>;
	readonly snapshots: Pick<Snapshots, 'makersOf'>;
};

type Volume = OffHostVolume & { readonly source: SourceSpec };

/** The machine of the backup server, and the repository, as places that a proxy must reach. */
const [here, target] = ['here', 'target'] as const;

/** Proxies read blocks, and need not understand what lies on them; the rest of what rules could be asked about is not there: change journals, checkpoints of a run, databases that only their own program reads. */
const blocksOnly = { fileSystems: [], method: 'incremental', changesFoundBy: 'modified-time', hasCheckpointRestart: false, applications: [] } as const;

export function createOffHost({ machines, snapshots }: OffHostParts): OffHost {
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
				fileSystem: null,
				isEncrypted: false,
				isDeduplicated: false,
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

	async function problems(wish: OffHostWish, known: readonly Volume[] | null = null): Promise<readonly EngineError[]> {
		if (wish.machineId !== null)
			return [
				new EngineError('usage.conflict', 'What lies on a managed machine is read there: its snapshots cannot be given to another one.', {
					hint: 'Choose the mode on-host.',
					data: { field: 'mode' },
				}),
			];
		const found: EngineError[] = [];
		let proxy: Machine | null = null;
		try {
			const proxies = await proxiesFor(wish);
			proxy = wish.proxyId === null ? null : (proxies[0] ?? null);
		} catch (error) {
			if (!isEngineError(error)) throw error;
			found.push(error);
		}
		const request: OffHostRequest = {
			host: systemOf(hostname(), process.platform),
			proxy: proxy && systemOf(proxy.settings.name, proxy.status?.platform ?? process.platform),
			volumes: known ?? (await volumesOf(wish)),
			...blocksOnly,
		};
		return [...found, ...refuseOffHost(request)];
	}

	return {
		problems: (wish) => problems(wish),
		async begin(wish, { signal }) {
			const volumes = wish.machineId === null ? await volumesOf(wish) : [];
			const [problem] = await problems(wish, volumes);
			if (problem !== undefined) throw problem;
			const proxies = await proxiesFor(wish);
			const candidates = await Promise.all(proxies.map((proxy) => candidateOf(machines, proxy, wish, signal)));
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

const systemOf = (name: string, system: string): OffHostRequest['host'] => ({ name, system, cluster: null, readsDeduplicated: false });

/** A machine as it answers now. Of one that does not, nobody knows what it would reach. */
async function candidateOf(machines: OffHostParts['machines'], machine: Machine, { repository }: OffHostWish, signal: AbortSignal): Promise<Candidate> {
	const { id, settings } = machine;
	const facts = { id, name: settings.name, maxTasks: maxTasksOf(machine), runningTasks: 0 };
	const [host] = (await addressesTowards(settings.address)).local;
	if (host === undefined) return { ...facts, isOnline: false, reaches: new Set([here, target]) };
	const probe = await listenIn(host);
	try {
		const far = repository?.machineId == null || repository.machineId === id ? null : await machines.dataAddress(repository.machineId);
		const addresses: MachineAddress[] = [{ host, port: probe.port }, ...(far ? [{ host: far.host, port: far.port }] : [])];
		const [isHere = false, isTarget = true] = await machines.reach(id, addresses, { signal });
		return { ...facts, isOnline: true, reaches: new Set([...(isHere ? [here] : []), ...(isTarget ? [target] : [])]) };
	} catch (error) {
		signal.throwIfAborted();
		if (!isEngineError(error)) throw error;
		return { ...facts, isOnline: false, reaches: new Set([here, target]) };
	} finally {
		probe.server.close();
	}
}

/** Stands for the snapshots that will be shown there: whoever gets here gets to them. */
async function listenIn(host: string): Promise<{ readonly server: Server; readonly port: number }> {
	for (const port of exportPorts) {
		const server = createServer((socket) => socket.destroy());
		try {
			server.listen(port, host);
			await once(server, 'listening');
			return { server, port };
		} catch (error) {
			if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
		}
	}
	throw new EngineError(
		'infra.no-proxy',
		`None of the ports ${exportPorts[0]} to ${exportPorts.at(-1)} of ${host} is free to show snapshots to another machine.`,
		{
			hint: 'Free some of them, or run fewer tasks at a time.',
		},
	);
}
