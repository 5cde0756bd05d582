import type { TLSSocket } from 'node:tls';
import { EngineError } from '../base/index.ts';
import type { MoverFolder } from '../infra/index.ts';
import { loadWire } from '../mover/index.ts';
import { workHere } from './data-plane.ts';

/** The repositories that a data mover holds for its backup server. */
export interface HostedRepositories extends AsyncDisposable {
	/** Takes over a connection for data. */
	accept(socket: TLSSocket, peerId: string): void;
}

/** Only the backup server that the mover belongs to gets in, and only into folders that it has told the mover to hold. */
export async function hostRepositories({ folder, product }: { readonly folder: MoverFolder; readonly product: string }): Promise<HostedRepositories> {
	const { RepositoryHost, WireHost } = await loadWire();
	const repositories = new RepositoryHost({
		admit({ id }, path) {
			const { membership } = folder;
			if (membership === null || id !== membership.serverId)
				throw new EngineError('auth.refused', 'Only the backup server that it belongs to may use the repositories of this data mover.');
			if (!membership.repositories.includes(path))
				throw new EngineError('auth.refused', `The data mover was not told to hold a repository in ${path}.`, {
					hint: 'Tell it with "holdfast repository prepare NAME".',
				});
			return path;
		},
		work: workHere,
	});
	const host = new WireHost({ product, serve: (peer, session) => repositories.serve(peer, session) });
	return {
		accept: (socket, peerId) => host.accept(socket, peerId),
		[Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
	};
}
