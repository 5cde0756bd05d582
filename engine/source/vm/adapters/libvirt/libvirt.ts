import { isEngineError } from '../../../../base/index.ts';
import type { HostFacts, VirtualDisk, VirtualMachine } from '../../../../contract/index.ts';
import type {
	BackupEnd,
	DefinedMachine,
	DiskBackup,
	DiskBackupRequest,
	GuestCall,
	GuestOutcome,
	Hypervisor,
	HypervisorOptions,
	MachineConfiguration,
	MachineRegistration,
	RegisteredMachine,
	SavedState,
} from '../../hypervisor.ts';
import { beginBackup, checkpoints, dropCheckpoints, endBackup } from './disk-backup.ts';
import type { Domain } from './domain-xml.ts';
import { addressesOf, runInGuest } from './guest-commands.ts';
import { loadState, register, unregister } from './registration.ts';
import { type Virsh, virshOf } from './virsh.ts';

/** Machines that are asked about at a time: each costs a process here and a connection there. */
const asksAtOnce = 4;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param uri how libvirt reaches it, for instance qemu:///system */
export const openLibvirt = (uri: string): Hypervisor => new Libvirt(virshOf(uri));

class Libvirt implements Hypervisor {
	readonly #virsh: Virsh;

	constructor(virsh: Virsh) {
		this.#virsh = virsh;
	}

	async describe({ signal }: HypervisorOptions = {}): Promise<HostFacts> {
		const [hostName, version, node] = await Promise.all([
			this.#virsh('hostname', [], [], { signal }),
			this.#virsh('version', [], [], { signal }),
			this.#virsh('nodeinfo', [], [], { signal }),
		]);
		return {
			hostName: hostName.trim().slice(0, 255),
			product: (/^Running hypervisor: (.{1,200})$/m.exec(version)?.[1] ?? 'QEMU').trim(),
			processors: Number(/^CPU\(s\): +(\d{1,9})$/m.exec(node)?.[1] ?? 0),
			memoryBytes: Number(/^Memory size: +(\d{1,12}) KiB$/m.exec(node)?.[1] ?? 0) * 1024,
		};
	}

	async machines({ signal, name }: HypervisorOptions & { readonly name?: string } = {}): Promise<readonly VirtualMachine[]> {
		const waiting = (await this.#ids(name, signal)).values();
		const machines: VirtualMachine[] = [];
		const ask = async (): Promise<void> => {
			for (const id of waiting) {
				const machine = await this.#machine(id, signal);
				if (machine) machines.push(machine);
			}
		};
		await Promise.all(Array.from({ length: asksAtOnce }, ask));
		return machines.toSorted((a, b) => a.name.localeCompare(b.name));
	}

	beginBackup(request: DiskBackupRequest, options: HypervisorOptions = {}): Promise<DiskBackup> {
		return beginBackup(this.#virsh, request, options);
	}

	endBackup(end: BackupEnd, options: HypervisorOptions = {}): Promise<void> {
		return endBackup(this.#virsh, end, options);
	}

	async configuration(machineId: string, { signal }: HypervisorOptions = {}): Promise<MachineConfiguration> {
		const definition = await this.#virsh('dumpxml', ['--inactive', '--security-info'], [machineId], { signal });
		const { parseDomain } = await import('./domain-xml.ts');
		return { definition, nvramPath: parseDomain(definition).nvramPath };
	}

	async readDefinition(definition: string): Promise<DefinedMachine> {
		const { parseDomain } = await import('./domain-xml.ts');
		const { id, name, disks, nvramPath } = parseDomain(definition);
		return { id, name, disks, nvramPath };
	}

	register(registration: MachineRegistration, options: HypervisorOptions = {}): Promise<RegisteredMachine> {
		return register(this.#virsh, registration, options);
	}

	async start(machineId: string, { signal }: HypervisorOptions = {}): Promise<void> {
		await this.#virsh('start', [], [machineId], { signal });
	}

	loadState(state: SavedState, options: HypervisorOptions = {}): Promise<void> {
		return loadState(this.#virsh, state, options);
	}

	unregister(machineId: string, options: HypervisorOptions = {}): Promise<void> {
		return unregister(this.#virsh, machineId, options);
	}

	runInGuest(call: GuestCall, options: HypervisorOptions = {}): Promise<GuestOutcome> {
		return runInGuest(this.#virsh, call, options);
	}

	addresses(machineId: string, options: HypervisorOptions = {}): Promise<readonly string[]> {
		return addressesOf(this.#virsh, machineId, options);
	}

	dropCheckpoints(machineId: string, names: readonly string[], options: HypervisorOptions = {}): Promise<void> {
		return dropCheckpoints(this.#virsh, machineId, names, options);
	}

	checkpoints(machineId: string, options: HypervisorOptions = {}): Promise<readonly string[]> {
		return checkpoints(this.#virsh, machineId, options);
	}

	async holdStill(machineId: string, isHeld: boolean, { signal }: HypervisorOptions = {}): Promise<number> {
		const said = await this.#virsh(isHeld ? 'domfsfreeze' : 'domfsthaw', [], [machineId], { signal, isTalkative: true });
		return Number(/\b(\d{1,6})\b/.exec(said)?.[1] ?? 0);
	}

	/** Null: it is not there any more. */
	async #machine(id: string, signal: AbortSignal | undefined): Promise<VirtualMachine | null> {
		try {
			const { parseDomain } = await import('./domain-xml.ts'); // with the parser, which most engines never need
			const domain = parseDomain(await this.#virsh('dumpxml', [], [id], { signal }));
			const [info, sizes] = await Promise.all([this.#virsh('dominfo', [], [id], { signal }), this.#sizes(domain, signal)]);
			const { nvramPath: _, runsAs: __, ...facts } = domain;
			const disks = domain.disks.map((disk): VirtualDisk => ({ ...disk, ...(sizes.get(disk.name) ?? { capacityBytes: null, allocatedBytes: null }) }));
			const hasSavedState = /^Managed save: +yes$/m.test(info);
			return { ...facts, disks, state: hasSavedState ? 'saved' : stateOf(/^State: +(.+)$/m.exec(info)?.[1] ?? '') };
		} catch (error) {
			if (isEngineError(error, 'source.refused') && !(await this.#knows(id, signal))) return null;
			throw error;
		}
	}

	async #ids(name: string | undefined, signal: AbortSignal | undefined): Promise<readonly string[]> {
		const listed =
			name === undefined
				? await this.#virsh('list', ['--all', '--uuid'], [], { signal })
				: await this.#virsh('domuuid', [], [name], { signal }).catch((error: unknown) => {
						if (isEngineError(error, 'source.refused')) return ''; // there is none
						throw error;
					});
		return listed
			.split('\n')
			.map((line) => line.trim())
			.filter((id) => uuid.test(id));
	}

	async #knows(id: string, signal: AbortSignal | undefined): Promise<boolean> {
		return (await this.#virsh('list', ['--all', '--uuid'], [], { signal })).includes(id);
	}

	/** By the names of disks. A disk whose image is gone is no reason to know nothing of the others. */
	async #sizes({ id, disks }: Domain, signal: AbortSignal | undefined): Promise<Map<string, Pick<VirtualDisk, 'capacityBytes' | 'allocatedBytes'>>> {
		const sizes = new Map<string, Pick<VirtualDisk, 'capacityBytes' | 'allocatedBytes'>>();
		for (const { name, unsupported } of disks) {
			if (unsupported !== null) continue;
			try {
				const info = await this.#virsh('domblkinfo', [], [id, name], { signal });
				const bytes = (field: string): number | null => {
					const value = Number(new RegExp(`^${field}: +(\\d{1,16})$`, 'm').exec(info)?.[1] ?? Number.NaN);
					return Number.isSafeInteger(value) ? value : null;
				};
				sizes.set(name, { capacityBytes: bytes('Capacity'), allocatedBytes: bytes('Allocation') });
			} catch (error) {
				if (!isEngineError(error, 'source.refused')) throw error;
			}
		}
		return sizes;
	}
}

function stateOf(words: string): VirtualMachine['state'] {
	switch (words.trim()) {
		case 'running':
		case 'idle':
		case 'in shutdown':
			return 'running';
		case 'paused':
		case 'pmsuspended':
			return 'paused';
		case 'crashed':
			return 'crashed';
		default:
			return 'off';
	}
}
