import { newId } from '../base/index.ts';
import type { RepositoryLocation } from '../contract/index.ts';
import type { KeyRing } from '../format/index.ts';
import type { Machines } from '../infra/index.ts';
import { isRemotePlace, type Link, loopback, type RemotePlace, type SourceMachine } from '../mover/index.ts';
import type { KeyedFolder } from '../repository/index.ts';
import { addressesTowards } from './addresses.ts';

export type Place = KeyedFolder | RemotePlace;

/** Jobs say where a repository lies; here it becomes what can be opened. */
export interface Places {
	/** With all that is needed to get there, and the keys that open what lies there. `not-found.machine`. */
	open(location: RepositoryLocation, options?: { readonly connectionCount?: number | undefined }): Promise<Place>;
	/** The data mover that reads what lies on a machine; null: on this one. `not-found.machine`. */
	source(machineId: string | null, options?: { readonly connectionCount?: number | undefined }): Promise<SourceMachine | null>;
	/** The addresses of both ends, for the rules that hold between them. @param source that reads or is given back to; null: this machine */
	linkTo(place: Place, source?: SourceMachine | null): Promise<Link>;
}

type PlacesParts = {
	readonly machines: Pick<Machines, 'dataAddress'>;
	readonly held: { readonly ring: KeyRing };
	readonly product: string;
	readonly now: number;
};

export function createPlaces({ machines, held, product, now }: PlacesParts): Places {
	const clientId = newId(now);
	return {
		async open({ path, machineId }, { connectionCount } = {}) {
			if (machineId === null) return { path, keys: held.ring };
			return { path, keys: held.ring, mover: await machines.dataAddress(machineId), connectionCount, product, clientId };
		},
		async source(machineId, { connectionCount } = {}) {
			if (machineId === null) return null;
			return { mover: await machines.dataAddress(machineId), connectionCount, product, clientId };
		},
		async linkTo(place, source = null) {
			const target = isRemotePlace(place) ? place.mover : null;
			if (source === null) return target ? addressesTowards(target) : loopback;
			if (target?.peerId === source.mover.peerId) return loopback;
			const near = await addressesTowards(source.mover);
			return target ? { local: near.remote, remote: (await addressesTowards(target)).remote } : near;
		},
	};
}
