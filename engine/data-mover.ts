/** The composition root of a data mover: the process on a managed machine, with a small folder of its own and no database. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from './base/index.ts';
import type { HostSettings } from './contract/index.ts';
import {
	type MoverFolder,
	type MoverHost,
	openMoverFolder,
	openMoverHosts,
	openMoverJournal,
	openMoverVolumeSettings,
	type PairingToken,
	startMover,
} from './infra/index.ts';
import { hostData } from './places/index.ts';
import { openPlatform } from './platform/index.ts';
import { Look } from './restore/index.ts';
import { Requestor, Snapshots, VolumeSlots } from './snapshot/index.ts';
import { volumeProviders } from './snapshot/providers/index.ts';
import { allWriters } from './snapshot/writers/index.ts';
import { createMachineSite } from './source/index.ts';
import { openLibvirt } from './source/vm/adapters/libvirt/libvirt.ts';

export type DataMoverOptions = {
	/** Of this data mover alone. */
	readonly folder: string;
	readonly listen: { readonly host: string; readonly port: number };
	/** Pairs it with the backup server that has made it. */
	readonly token: PairingToken | null;
	readonly product: string;
	readonly clock: Clock;
	readonly log: Log;
};

export type DataMover = AsyncDisposable & Pick<MoverHost, 'address' | 'paired' | 'dismissed'> & { readonly folder: Pick<MoverFolder, 'path' | 'membership'> };

/** Undoes what a death left of snapshots, then listens. `busy.data-folder`, `data-folder.unusable`, `auth.*`, `usage.*`. */
export async function openDataMover({ folder: path, listen, token, product, clock, log }: DataMoverOptions): Promise<DataMover> {
	const platform = openPlatform();
	await using stack = new AsyncDisposableStack();
	const folder = stack.use(await openMoverFolder(path, platform.locks, clock.now()));
	const writersFolder = join(folder.path, 'writers');
	await rm(writersFolder, { recursive: true, force: true }); // what a death left on its way to a point
	const openHypervisor = { libvirt: openLibvirt } as const;
	const hosts = await openMoverHosts(folder.path);
	const open = ({ type, uri }: HostSettings) => openHypervisor[type](uri);
	const machineSite = createMachineSite({ hosts: () => hosts.list(), control: open, open, clock });
	const journal = await openMoverJournal(folder.path);
	const snapshots = new Snapshots({
		requestor: new Requestor({ journal, slots: new VolumeSlots(), clock, log }),
		providers: volumeProviders(folder.path, () => platform.disks.mounts()),
		isDevice: () => false,
		writers: allWriters(writersFolder, machineSite),
		machines: machineSite,
		settings: await openMoverVolumeSettings(folder.path),
		disks: platform.disks,
		clock,
		log,
	});
	await snapshots.cleanUp({ withForgotten: true });
	if ((await journal.list()).length === 0) await hosts.forgetAll();
	const data = stack.use(await hostData({ folder, snapshots, hosts, openHypervisor, product, now: clock.now() }));
	const look = stack.use(new Look());
	const mover = stack.use(
		await startMover({
			...{ folder, listen, token, product, platform, openHypervisor, volumes: snapshots, clock, log },
			measure: (question, options) => look.measure(question, options),
			acceptData: (socket, peerId) => data.accept(socket, peerId),
		}),
	);
	const resources = stack.move();
	const { address, paired, dismissed } = mover;
	return { address, paired, dismissed, folder, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}
