import { EngineError } from '../base/index.ts';
import { isNbdUri, openNbdRelay } from '../block/index.ts';
import type { ObjectSource, SourceMachine } from '../mover/index.ts';
import { addressesTowards } from './addresses.ts';
import { exportPorts } from './export-ports.ts';

type Sources = readonly (ObjectSource | null)[];

/** Sources as the proxy reads them. It is shut out when this is disposed. */
export type ShownSources = AsyncDisposable & { readonly sources: Sources };

/**
 * Shows the snapshots of a run to the machine that is to read them, and to nobody else: all disks and files by one relay, with the certificates of pairing.
 * @throws `infra.no-proxy`, `snapshot.unsupported`, `source.*`
 */
export async function showSources(sources: Sources, { mover }: SourceMachine): Promise<ShownSources> {
	const [host] = (await addressesTowards(mover)).local;
	if (host === undefined)
		throw new EngineError('infra.no-proxy', `There is no way to the machine “${mover.name}” (${mover.host}).`, { hint: 'Check its address and the network.' });
	const exports: { readonly name: string; readonly source: string; readonly isVolume: boolean }[] = [];
	readdress(sources, (name, source) => {
		exports.push({ name, source, isVolume: volumeName.test(name) });
		return source;
	});
	const { certificate, key, authority, peerId: peer } = mover;
	const relay = await openNbdRelay({ host, ports: exportPorts, tls: { certificate, key, authority, peer }, exports });
	return { sources: readdress(sources, (name) => relay.uri(name)), [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() };
}

/** The same with the certificates of this machine, in the folder that they lie in. @param server name that the certificate of the relay bears */
export const withCertificates = (sources: Sources, { folder, server }: { readonly folder: string; readonly server: string }): Sources =>
	readdress(sources, (_, address) => {
		const url = new URL(address);
		url.searchParams.set('tls-certificates', folder);
		url.searchParams.set('tls-hostname', server);
		return url.href;
	});

export const isShown = (source: ObjectSource | null): boolean => source?.snapshot.proxy !== undefined;

/** Disks of virtual machines are their guests' affair. */
const volumeName = /^\d+\/volume-/;

/** Says of everything that is read of the sources where that is. Names are unique, and the same at each call. */
function readdress(sources: Sources, to: (name: string, at: string) => string): Sources {
	return sources.map((source, i) => {
		if (source === null || !isShown(source)) return source;
		const { machine, views } = source;
		return {
			...source,
			views: views.map((view, at) => ({ ...view, at: to(`${i}/volume-${at}`, blocksOf(view)) })),
			...(machine && {
				machine: {
					...machine,
					files: machine.files.map(({ name, at }) => ({ name, at: to(`${i}/file-${name}`, at) })),
					...(machine.memory !== undefined && { memory: to(`${i}/memory`, machine.memory) }),
					disks: machine.disks.map((disk) => ({ ...disk, uri: to(`${i}/disk-${disk.name}`, disk.uri) })),
				},
			}),
		};
	});
}

/** What is read of folders is read where it lies. */
function blocksOf({ path, at }: ObjectSource['views'][number]): string {
	if (at !== null && isNbdUri(at)) return at;
	throw new EngineError('snapshot.unsupported', `The snapshot of ${path} cannot be shown to another machine: it is no block device.`, {
		hint: 'Choose the mode on-host.',
	});
}
