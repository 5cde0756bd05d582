/** Virtual machines of all hosts, as snapshots need them. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, EngineError, isEngineError } from '../../base/index.ts';
import { formatNbdUri } from '../../block/index.ts';
import { type HostSettings, hostOfMachine, isMachinePattern, isMeant, parseMachinePath, type SourceSpec, type VirtualMachine } from '../../contract/index.ts';
import type {
	FoundMachine,
	Lease,
	MachineSite,
	Protectable,
	ProviderCapabilities,
	Snapshot,
	SnapshotOutcome,
	SnapshotProvider,
	VolumeRequest,
	WriterFactory,
	WriterOptions,
} from '../../snapshot/index.ts';
import { GuestAgentWriter, guestAgentWriters, type ReachedMachine } from './guest-agent.ts';
import { guestWriterOf } from './guest-writers.ts';
import type { GuestOutcome, Hypervisor, HypervisorControl } from './hypervisor.ts';
import { definitionFile, nvramFile } from './machine-files.ts';

export type MachineSiteParts = {
	/** All hosts that are known now. */
	readonly hosts: () => Promise<readonly HostSettings[]>;
	readonly control: (host: HostSettings) => HypervisorControl;
	/** A host that is on this machine. */
	readonly open: (host: HostSettings) => Hypervisor;
	readonly clock: Clock;
};

/** A list that a job waits for. */
const listMs = 60_000;

type Host = { readonly settings: HostSettings; readonly control: HypervisorControl };

export type ReachedSite = MachineSite & {
	readonly writers: WriterFactory;
	/** In a machine (`HOST/NAME`) of a host that is on this machine, by its guest agent. @throws `not-found.*`, `source.*`, the signal's reason */
	readonly runInGuest: (machine: string, program: string, args: readonly string[], options: WriterOptions) => Promise<GuestOutcome>;
};

export function createMachineSite(parts: MachineSiteParts): ReachedSite {
	const hostOf = async (path: string): Promise<Host> => {
		const settings = hostOfMachine(await parts.hosts(), path);
		const { host } = parseMachinePath(path);
		if (settings === undefined)
			throw new EngineError('not-found.host', `There is no hypervisor host “${host}”.`, { hint: 'See "holdfast host list".', data: { host } });
		return { settings, control: parts.control(settings) };
	};
	const machineOf = async (path: string, signal: AbortSignal): Promise<Host & { readonly machine: VirtualMachine }> => {
		const host = await hostOf(path);
		const { name } = parseMachinePath(path);
		const machine = (await host.control.machines({ signal, name })).find((each) => each.name === name);
		if (machine !== undefined) return { ...host, machine };
		if (isMachinePattern(path))
			throw new EngineError('not-found.vm', `No virtual machine of the host fits ${path}.`, { hint: '"holdfast host vms HOST" lists them.' });
		throw new EngineError('not-found.vm', `There is no virtual machine ${path}.`, {
			hint: '"holdfast host vms HOST" lists them; take it out of the job if it is gone for good.',
		});
	};
	const reach = async (path: string, { signal }: { readonly signal: AbortSignal }): Promise<ReachedMachine> => {
		const { control, machine } = await machineOf(path, signal);
		return { control, machineId: machine.id };
	};
	/** Guests and disks are reached on the host only. @throws `source.unsupported` */
	const openOnSite = (settings: HostSettings): Hypervisor => {
		if (isOnSite(settings)) return parts.open(settings);
		throw new EngineError('source.unsupported', `The machines of ${settings.name} cannot be read from here: ${settings.uri} leads to another machine.`, {
			hint: onSiteHint,
		});
	};
	const providerFor = (owner: string | null, savesState = false): SnapshotProvider =>
		new MachineProvider({ hostOf, open: parts.open, owner, savesState, clock: parts.clock });
	return {
		provider: providerFor(null),
		writers: guestAgentWriters(reach),
		async runInGuest(path, program, args, { signal }) {
			const { settings, machine } = await machineOf(path, signal);
			return openOnSite(settings).runInGuest({ machineId: machine.id, program, args }, { signal });
		},
		async find(path, { owner, signal }): Promise<FoundMachine> {
			const { settings, machine } = await machineOf(path, signal);
			const hypervisor = openOnSite(settings);
			const isOff = machine.state === 'off' || machine.state === 'crashed';
			const silence = guestOf(machine);
			return {
				volume: {
					id: path,
					kind: 'virtual-machine',
					mountPoint: null,
					fileSystem: null,
					device: machine.id,
					root: '/',
					isReadOnly: false,
				},
				provider: providerFor(owner),
				disks: machine.disks,
				isOff,
				guest: silence ?? new GuestAgentWriter(path, reach),
				async application(spec, { signal }) {
					if (spec.startsWith('agent:') && silence !== null) throw new EngineError('snapshot.writer', `Nothing can be run in ${path}. ${silence}`);
					return guestWriterOf(spec, path, { addresses: () => hypervisor.addresses(machine.id, { signal }), signal });
				},
				saving: isOff ? 'The machine is off.' : providerFor(owner, true),
			};
		},
		async concrete(sources) {
			const signal = AbortSignal.timeout(listMs);
			const found = await Promise.all(
				sources.map((source) => (source.kind === 'vm' && isMachinePattern(source.path) ? fitting(source.path, signal) : [source])),
			);
			const names = new Set<string>();
			return found.flat().filter(({ kind, path }) => !names.has(`${kind}:${path}`) && names.add(`${kind}:${path}`));
		},
		async forget(owner, sources) {
			const signal = AbortSignal.timeout(listMs);
			await Promise.all(sources.map(async ({ kind, path }) => (kind === 'vm' ? forgetOn(path, owner, signal) : undefined)));
		},
	};

	async function meantBy(path: string, signal: AbortSignal): Promise<Host & { readonly machines: readonly VirtualMachine[] }> {
		const host = await hostOf(path);
		const machines = (await host.control.machines({ signal })).filter((machine) => isMeant(path, host.settings.name, machine));
		return { ...host, machines };
	}

	async function forgetOn(path: string, owner: string, signal: AbortSignal): Promise<void> {
		const { control, machines } = await meantBy(path, signal);
		for (const machine of machines) {
			const names = (await control.checkpoints(machine.id, { signal })).filter((name) => name.startsWith(checkpointPrefix(owner)));
			await control.dropCheckpoints(machine.id, names, { signal });
		}
	}

	async function fitting(pattern: string, signal: AbortSignal): Promise<readonly SourceSpec[]> {
		const asItIs: readonly SourceSpec[] = [{ kind: 'vm', path: pattern }];
		try {
			const { settings, machines } = await meantBy(pattern, signal);
			return machines.length === 0 ? asItIs : machines.map(({ name }) => ({ kind: 'vm', path: `${settings.name}/${name}` }));
		} catch (error) {
			if (!isEngineError(error)) throw error;
			return asItIs;
		}
	}
}

/** Sockets, images and scratch files are the host's: they are reached where that is the machine that asks it. */
export const isOnSite = ({ uri }: Pick<HostSettings, 'uri'>): boolean => /^qemu(\+unix)?:\/\/\//.test(uri);
export const onSiteHint =
	'Start a data mover on that machine, register it ("holdfast machine token"), and add the host as it is from there: "holdfast host add NAME --type libvirt --uri qemu:///system --on MACHINE".';

/** A sentence why what runs in it cannot be held still; null: it can. */
function guestOf({ state, guestAgent }: VirtualMachine): string | null {
	if (state !== 'running') return 'The machine does not run.';
	if (guestAgent === 'absent') return 'The machine has no channel for a guest agent.';
	return guestAgent === 'silent' ? 'Its guest agent does not answer.' : null;
}

/** Names of checkpoints: whose, and of which session. */
const checkpointPrefix = (owner: string): string => `holdfast-${owner}-`;
const checkpointName = (owner: string, { sessionId }: Lease): string => checkpointPrefix(owner) + sessionId;

type ProviderParts = {
	readonly hostOf: (path: string) => Promise<Host>;
	readonly open: (host: HostSettings) => Hypervisor;
	/** Null: it only releases. */
	readonly owner: string | null;
	readonly savesState: boolean;
	readonly clock: Clock;
};

class MachineProvider implements SnapshotProvider {
	readonly name = 'libvirt';
	readonly capabilities: ProviderCapabilities = {
		method: 'copy-on-write',
		isHardware: false,
		isTransportable: true,
		isReadOnly: true,
		survivesSourceLoss: false,
		maxSnapshotsPerVolume: 1,
		isSerialised: true,
		instant: 'set',
		createMs: 120_000, // one that is off is started for it; or its memory is saved
	};
	readonly #parts: ProviderParts;

	constructor(parts: ProviderParts) {
		this.#parts = parts;
	}

	async canProtect({ kind }: VolumeRequest['lease']['volume']): Promise<Protectable> {
		return kind === 'virtual-machine' ? { can: true } : { can: false, reason: 'It makes snapshots of virtual machines only.' };
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		const snapshots: Snapshot[] = [];
		for (const request of requests) snapshots.push(await this.#createOne(request, signal));
		return snapshots;
	}

	async release(lease: Lease, { signal, outcome }: { readonly signal: AbortSignal; readonly outcome: SnapshotOutcome }): Promise<void> {
		const { settings } = await this.#parts.hostOf(lease.volume.id);
		const drop = (names: readonly string[]): readonly string[] => names.filter((name) => isOver(name, names, lease, outcome));
		await this.#parts.open(settings).endBackup({ machineId: lease.volume.device ?? '', folder: folderOf(settings, lease), drop }, { signal });
	}

	async #createOne({ lease, paths }: VolumeRequest, signal: AbortSignal): Promise<Snapshot> {
		const { hostOf, open, savesState, clock } = this.#parts;
		const owner = this.#parts.owner ?? 'nobody';
		const machineId = lease.volume.device ?? '';
		const { settings } = await hostOf(lease.volume.id);
		const hypervisor = open(settings);
		const folder = folderOf(settings, lease);
		const before = (await hypervisor.checkpoints(machineId, { signal })).findLast((name) => name.startsWith(checkpointPrefix(owner))) ?? null;
		const createdAt = clock.now();
		const checkpoint = checkpointName(owner, lease);
		const backup = await hypervisor.beginBackup({ machineId, disks: paths, folder, since: before, checkpoint, savesState }, { signal });
		const { definition, nvramPath } = await hypervisor.configuration(machineId, { signal });
		const files = [{ name: definitionFile, at: join(folder, definitionFile) }];
		await fs.writeFile(join(folder, definitionFile), definition, { mode: 0o600 });
		if (nvramPath !== null && (await copyIfThere(nvramPath, join(folder, nvramFile)))) files.push({ name: nvramFile, at: join(folder, nvramFile) });
		return {
			leaseId: lease.id,
			createdAt,
			views: [],
			device: null,
			machine: {
				files,
				...(backup.memory !== null && { memory: backup.memory }),
				disks: backup.disks.map(({ address, ...disk }) => ({ ...disk, uri: formatNbdUri(address) })),
				checkpoint: backup.hasCheckpoint ? checkpoint : null,
				since: before,
			},
			details: null,
			notes: [],
		};
	}
}

/** One per machine and session, so that it is known without what was made. */
const folderOf = ({ scratchFolder }: HostSettings, { sessionId, volume }: Lease): string =>
	join(scratchFolder, `holdfast-${sessionId}-${(volume.device ?? '').slice(0, 8)}`);

/** Of a session that made a point all checkpoints of its owner before it; of one that made none its own. */
function isOver(name: string, all: readonly string[], { sessionId }: Lease, outcome: SnapshotOutcome): boolean {
	const own = all.find((each) => each.startsWith('holdfast-') && each.endsWith(`-${sessionId}`));
	if (own === undefined) return false;
	if (outcome === 'aborted') return name === own;
	return name !== own && name.startsWith(own.slice(0, -sessionId.length));
}

/** A machine that has never run has no variables yet. */
async function copyIfThere(from: string, to: string): Promise<boolean> {
	try {
		await fs.copyFile(from, to);
		return true;
	} catch (error) {
		if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
		throw error;
	}
}
