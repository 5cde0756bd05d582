/** What the engine's main thread and the thread that serves devices say to each other. */
import { join } from 'node:path';
import type { ErrorShape } from '../../../contract/index.ts';

export type ServeSetup = {
	/** Where clients connect. */
	readonly socketPath: string;
	/** Of this thread alone: logs of changes, and caches unless a device names another folder. */
	readonly folder: string;
};

export type DeviceToServe = {
	readonly id: string;
	/** Of its export. */
	readonly name: string;
	readonly path: string;
	/** Null: the thread's own. */
	readonly cacheFolder: string | null;
	/** Per snapshot; null: a fifth of the device, 256 MiB at least. */
	readonly cacheLimitBytes: number | null;
};

export const changeLogPath = (folder: string, deviceId: string): string => join(folder, `changes-${deviceId}`);

export type SnapshotToTake = { readonly leaseId: string; readonly deviceId: string };
export type TakenSnapshot = { readonly exportName: string; readonly token: string; readonly createdAt: number };

export type DeviceState = {
	readonly id: string;
	readonly sizeBytes: number;
	/** Clients of the live export. */
	readonly clients: number;
	readonly snapshots: readonly { readonly leaseId: string; readonly cachedBytes: number; readonly failure: ErrorShape | null }[];
};

export type ServeRequest =
	| { readonly kind: 'serve'; readonly device: DeviceToServe }
	| { readonly kind: 'stop'; readonly deviceId: string }
	/** All at one instant, or none. */
	| { readonly kind: 'snapshot'; readonly items: readonly SnapshotToTake[] }
	| { readonly kind: 'release'; readonly leaseId: string }
	| { readonly kind: 'states' }
	/** Ends the thread. */
	| { readonly kind: 'close' };

export type ServeMessage = { readonly id: number; readonly request: ServeRequest };
export type ServeAnswer = { readonly id: number } & ({ readonly result: unknown } | { readonly failure: ErrorShape });
