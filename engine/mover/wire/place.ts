import type { KeyRing } from '../../format/index.ts';

/** Where a data mover listens, and what proves who both sides are (PEM). Passes between threads. */
export type MoverAddress = {
	/** In an administrator's words. */
	readonly name: string;
	readonly host: string;
	readonly port: number;
	/** Of this side. */
	readonly certificate: string;
	readonly key: string;
	/** What the other side's certificate must be signed by. */
	readonly authority: string;
	/** Name in the other side's certificate: the id under which it was paired. */
	readonly peerId: string;
};

/** A data mover on another machine as what reads sources there. */
export type SourceMachine = Pick<RemotePlace, 'mover' | 'connectionCount' | 'product' | 'clientId'>;

/** A repository that a data mover on another machine holds. */
export type RemotePlace = {
	readonly mover: MoverAddress;
	/** Of the folder, on that machine. */
	readonly path: string;
	readonly keys: KeyRing;
	/** NET-07: 5 by default, 1 without multithreading. */
	readonly connectionCount?: number | undefined;
	/** Version of this side's product, which the other side is told. */
	readonly product: string;
	/** Of the process that asks, chance: what an earlier one of the same machine has left unfinished is ended first. */
	readonly clientId: string;
	/** Of the repository that must be seen there: the machine is its gateway for this once. Absent: the machine holds the folder, and was told so. */
	readonly identity?: string | undefined;
	/** What the backup server has got from that data mover for this run; absent: it is the backup server itself that asks. */
	readonly grant?: string | undefined;
};

export const isRemotePlace = (place: object | string): place is RemotePlace => typeof place === 'object' && 'mover' in place;
