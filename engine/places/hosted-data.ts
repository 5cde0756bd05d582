import type { TLSSocket } from 'node:tls';
import { EngineError, newId } from '../base/index.ts';
import type { Membership, MoverFolder } from '../infra/index.ts';
import { type BackupRun, backUp, loadWire, type ProtectWords } from '../mover/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { workHere } from './data-plane.ts';

/** What a data mover does with data for its backup server: it holds repositories, and protects what lies on its machine. */
export interface HostedData extends AsyncDisposable {
	/** Takes over a connection for data. */
	accept(socket: TLSSocket, peerId: string): void;
}

export type HostedDataOptions = {
	readonly folder: MoverFolder;
	/** Of this machine. */
	readonly snapshots: Pick<Snapshots, 'open'>;
	readonly product: string;
	readonly now: number;
};

/**
 * Only the backup server that the mover belongs to gets in, into folders that it has told the mover to hold, and has this machine read. Another machine of it
 * makes the runs that were announced, and nothing else.
 */
export async function hostData({ folder, snapshots, product, now }: HostedDataOptions): Promise<HostedData> {
	const { RepositoryHost, WireHost, passOn } = await loadWire();
	const clientId = newId(now);

	function requireServer({ id }: { readonly id: string }, what: string): Membership {
		const { membership } = folder;
		if (membership === null || id !== membership.serverId)
			throw new EngineError('auth.refused', `Only the backup server that it belongs to may ${what} this data mover.`);
		return membership;
	}

	function requireHeld({ repositories }: Membership, path: string): string {
		if (repositories.includes(path)) return path;
		throw new EngineError('auth.refused', `The data mover was not told to hold a repository in ${path}.`, {
			hint: 'Tell it with "holdfast repository prepare NAME".',
		});
	}

	/** Where a run of this machine writes to, unless who asked has it. */
	function targetOf(target: Exclude<ProtectWords['target'], { kind: 'asker' }>, membership: Membership): BackupRun['repositoryPath'] {
		if (target.kind === 'own') return { path: requireHeld(membership, target.path), keys: target.keys };
		const { machine, path, grant, connections } = target;
		const { certificate, key, authority } = membership;
		const { id: peerId, ...address } = machine;
		return { path, grant, keys: [], mover: { ...address, peerId, certificate, key, authority }, connectionCount: connections, product, clientId };
	}

	const repositories = new RepositoryHost({
		admit: (peer, path) => requireHeld(requireServer(peer, 'use the repositories of'), path),
		work: workHere,
		source: {
			admit: (peer) => void requireServer(peer, 'have anything read by'),
			async protect({ target, run }, asker, observers, options) {
				const membership = folder.membership;
				if (membership === null) throw new EngineError('auth.refused', 'This data mover belongs to nobody any more.');
				const { signal, shares } = options;
				if (target.kind !== 'asker') return backUp({ ...run, shares, repositoryPath: targetOf(target, membership) }, observers, { signal });
				using passing = passOn(asker);
				return await backUp({ ...run, shares, repositoryPath: { port: passing.far } }, observers, { signal });
			},
			openReading: (wish, options) => snapshots.open(wish, options),
		},
	});
	const host = new WireHost({ product, serve: (peer, session) => repositories.serve(peer, session) });
	return {
		accept: (socket, peerId) => host.accept(socket, peerId),
		[Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
	};
}
