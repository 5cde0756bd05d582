import type { TLSSocket } from 'node:tls';
import { EngineError, newId } from '../base/index.ts';
import type { HostType } from '../contract/index.ts';
import { type Membership, type MoverFolder, type MoverHosts, requireAbsolute } from '../infra/index.ts';
import { bringBackMachine, type RestoreImages } from '../jobs/index.ts';
import {
	type BackupRun,
	backUp,
	type Calls,
	type GiveBackWords,
	type GivenBack,
	loadWire,
	type ProtectWords,
	type RemotePlace,
	type ThirdMachine,
} from '../mover/index.ts';
import { requireIdentity } from '../repository/index.ts';
import { type PointPlace, planRestore, restoreDisk, restoreFiles, restoreMachine, serveStorage } from '../restore/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { excludesDisk, type OpenHypervisor } from '../source/index.ts';
import { workHere } from './data-plane.ts';
import { isShown, withCertificates } from './shown-sources.ts';

/** What a data mover does with data for its backup server: it holds repositories, protects what lies on its machine, and writes there what is given back. */
export interface HostedData extends AsyncDisposable {
	/** Takes over a connection for data. */
	accept(socket: TLSSocket, peerId: string): void;
}

export type HostedDataOptions = {
	readonly folder: MoverFolder;
	/** Of this machine. */
	readonly snapshots: Pick<Snapshots, 'open' | 'openMachine'>;
	readonly hosts: Pick<MoverHosts, 'remember'>;
	/** Hypervisor hosts of this machine. */
	readonly openHypervisor: Readonly<Record<HostType, OpenHypervisor>>;
	readonly product: string;
	readonly now: number;
};

/**
 * Only the backup server that the mover belongs to gets in, into folders that it has told the mover to hold, and has this machine read and written. Another machine of it
 * does what was announced, and nothing else.
 */
export async function hostData({ folder, snapshots, hosts, openHypervisor, product, now }: HostedDataOptions): Promise<HostedData> {
	const { RemoteStorage, RepositoryHost, WireHost, passOn } = await loadWire();
	const clientId = newId(now);

	function requireServer({ id }: { readonly id: string }, what: string): Membership {
		const { membership } = folder;
		if (membership === null || id !== membership.serverId)
			throw new EngineError('auth.refused', `Only the backup server that it belongs to may ${what} this data mover.`);
		return membership;
	}

	/** A folder that it was told to hold; or, where it is a gateway for this once, whatever folder is the very repository that the backup server means. */
	async function requireHeld({ repositories }: Membership, path: string, identity?: string): Promise<string> {
		if (identity !== undefined) {
			requireAbsolute(path, 'path');
			await requireIdentity(path, identity);
			return path;
		}
		if (repositories.includes(path)) return path;
		throw new EngineError('auth.refused', `The data mover was not told to hold a repository in ${path}.`, {
			hint: 'Tell it with "holdfast repository prepare NAME".',
		});
	}

	/** On a third machine, which lets this one do what was announced there. */
	function placeOn({ machine, path, grant, connections }: ThirdMachine, { certificate, key, authority }: Membership): RemotePlace {
		const { id: peerId, ...address } = machine;
		return { path, grant, keys: [], mover: { ...address, peerId, certificate, key, authority }, connectionCount: connections, product, clientId };
	}

	function ownMembership(): Membership {
		if (folder.membership === null) throw new EngineError('auth.refused', 'This data mover belongs to nobody any more.');
		return folder.membership;
	}

	/** Where a run of this machine writes to, unless who asked has it. */
	async function targetOf(target: Exclude<ProtectWords['target'], { kind: 'asker' }>): Promise<BackupRun['repositoryPath']> {
		const membership = ownMembership();
		return target.kind === 'own' ? { path: await requireHeld(membership, target.path, target.identity), keys: target.keys } : placeOn(target, membership);
	}

	/** Where the backup files are that are given back here. */
	async function originOf(from: GiveBackWords['from'], asker: Pick<Calls, 'ask'>): Promise<PointPlace['repositoryPath']> {
		const membership = ownMembership();
		if (from.kind === 'own') return requireHeld(membership, from.path, from.identity);
		if (from.kind === 'other') return placeOn(from, membership);
		return serveStorage(new RemoteStorage(asker, { place: `${from.place} on ${membership.serverName}`, randomWrite: false, knowsSpace: false }));
	}

	const repositories = new RepositoryHost({
		admit: (peer, path, identity) => requireHeld(requireServer(peer, 'use the repositories of'), path, identity),
		work: workHere,
		machine: {
			admit: (peer) => void requireServer(peer, 'have anything read or written by'),
			async protect({ target, run }, asker, observers, options) {
				const { signal, shares } = options;
				const sources = run.sources.some(isShown)
					? withCertificates(run.sources, { folder: await folder.credentials(), server: ownMembership().serverId })
					: run.sources;
				if (target.kind !== 'asker') return backUp({ ...run, sources, shares, repositoryPath: await targetOf(target) }, observers, { signal });
				using passing = passOn(asker);
				return await backUp({ ...run, sources, shares, repositoryPath: { port: passing.far } }, observers, { signal });
			},
			openReading: (wish, options) => snapshots.open(wish, options),
			async openMachine({ host, exclude, ...wish }, options) {
				await hosts.remember({ ...host, machineId: null });
				const open = await snapshots.openMachine({ ...wish, isExcluded: excludesDisk(exclude) }, options);
				const { reading, lost } = open;
				return { sources: [reading], lost, complete: () => open.complete(), [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
			},
			async giveBack({ from, found, what }, asker, observer, { signal, shares }) {
				for (const to of targetsOf(what)) requireAbsolute(to, 'to');
				const task = { repositoryPath: await originOf(from, asker), pointId: found.point.id, found, shares };
				switch (what.kind) {
					case 'plan':
						return await planRestore({ ...task, ...what }, observer, { signal });
					case 'files':
						await restoreFiles({ ...task, ...what }, observer, { signal });
						return null;
					case 'disk':
						await restoreDisk({ ...task, ...what }, observer, { signal });
						return null;
					case 'machine': {
						const { host } = what;
						const restore: RestoreImages = (images) => restoreMachine({ ...task, ...images }, observer, { signal });
						await bringBackMachine(what, { hypervisor: openHypervisor[host.type](host.uri), restore }, observer, { signal });
						return null;
					}
				}
			},
		},
	});
	const host = new WireHost({ product, serve: (peer, session) => repositories.serve(peer, session) });
	return {
		accept: (socket, peerId) => host.accept(socket, peerId),
		[Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
	};
}

/** All places that are written to. */
function targetsOf(what: GivenBack): readonly string[] {
	const places = what.kind === 'machine' ? [...what.disks.map(({ to }) => to), what.nvramTo, what.memoryTo] : [what.to];
	return places.filter((to) => to !== null);
}
