/** Giving back a virtual machine: what is to become of it is settled, and refused, before anything is written. */
import { randomUUID } from 'node:crypto';
import { dirname, isAbsolute, join } from 'node:path';
import { displayText, EngineError } from '../base/index.ts';
import {
	type HostSettings,
	type MachinePlan,
	type Point,
	parseMachinePath,
	type RepositoryLocation,
	type RestoreVmInput,
	type VirtualMachine,
} from '../contract/index.ts';
import type { TargetFacts } from '../restore/index.ts';
import {
	type DefinedMachine,
	definitionFile,
	diskInFile,
	type Hypervisor,
	type HypervisorControl,
	isOnSite,
	memoryFile,
	nvramFile,
	onSiteHint,
} from '../source/index.ts';
import { bringBackMachine, type MachineRestoration, type RestoreImages } from './bring-back-machine.ts';
import type { DataPlane, RunOptions, TaskObserver } from './ports.ts';

export type MachineHosts = {
	/** All that are known now. */
	readonly hosts: () => Promise<readonly HostSettings[]>;
	readonly control: (host: HostSettings) => HypervisorControl;
	/** A host that is on this machine; of others, what asks nobody. */
	readonly open: (host: HostSettings) => Hypervisor;
	/** What stands at these paths of the machine that the host is asked on, in their order. `restore.target`, `connection.*` */
	readonly lookAt: (host: HostSettings, paths: readonly string[], options: RunOptions) => Promise<readonly (TargetFacts | null)[]>;
};

type Request = { readonly repository: RepositoryLocation; readonly point: Point; readonly input: RestoreVmInput };

export type MachineRestorePlan = Omit<MachineRestoration, 'host' | 'disks'> & {
	readonly host: HostSettings;
	readonly formerName: string;
	readonly disks: readonly { readonly name: string; readonly to: string; readonly sizeBytes: number }[];
	/** Of the definition, what the point does not hold. */
	readonly missingDisks: readonly string[];
	/** Files that are there now and get lost. */
	readonly replaced: readonly string[];
	/** That the disks are written into. */
	readonly folders: readonly { readonly path: string; readonly freeBytes: number | null }[];
};

/** What a plan comes to, for whoever has to agree to it. */
export function describePlan(plan: MachineRestorePlan): MachinePlan {
	const { host, name, formerName, newId, disks, missingDisks, nvramTo, memoryTo, losesState, replaced, folders } = plan;
	const file = (to: string) => ({ to, isReplaced: replaced.includes(to) });
	return {
		host: host.name,
		name,
		formerName,
		isCopy: newId !== null,
		disks: disks.map(({ to, ...disk }) => ({ ...disk, ...file(to) })),
		nvram: nvramTo === null ? null : file(nvramTo),
		savedState: memoryTo !== null ? 'resumed' : losesState ? 'lost' : 'none',
		missingDisks: [...missingDisks],
		folders: [...folders],
	};
}

export interface MachineRestores {
	/**
	 * @throws `not-found.host`, `usage.unsupported` for a host that is not on the machine that it is asked on, `source.*` and `connection.*` where it cannot be asked, `exists.name`, `exists.target`, `restore.target`,
	 * `usage.invalid`, `repository.*`
	 */
	plan(request: Request, options?: RunOptions): Promise<MachineRestorePlan>;
	/** @throws as `plan`; then nothing of the machine is left. One that is there and does not start is a warning. */
	carryOut(
		plan: MachineRestorePlan,
		at: { readonly repository: RepositoryLocation; readonly pointId: string },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<void>;
}

/** A definition is a page of text. */
const maxDefinitionBytes = 4 * 1024 * 1024;
export function createMachineRestores({ hosts, control, open, lookAt, plane }: MachineHosts & { readonly plane: DataPlane }): MachineRestores {
	async function hostOf(name: string): Promise<HostSettings> {
		const host = (await hosts()).find((each) => each.name === name);
		if (host === undefined)
			throw new EngineError('not-found.host', `There is no hypervisor host “${name}”.`, {
				hint: 'Add it, or name another one: "holdfast host list" shows those that are known.',
				data: { field: 'host' },
			});
		if (!isOnSite(host))
			throw new EngineError('usage.unsupported', `Virtual machines cannot be given back to ${host.name} from here: ${host.uri} leads to another machine.`, {
				hint: `${onSiteHint} Until then its disks can be restored to files with "holdfast restore disk".`,
				data: { field: 'host' },
			});
		return host;
	}

	async function readPoint({ repository, point }: Request, options: RunOptions) {
		const place = { repository, pointId: point.id };
		const { entries } = await plane.browse({ ...place, path: '/', offset: 0, limit: 5000 }, options);
		const names = new Set(entries.filter(({ type }) => type === 'file').map(({ name }) => name));
		if (!names.has(definitionFile))
			throw new EngineError('repository.damaged', `The restore point ${point.id} holds no definition of a virtual machine.`, { hint: 'Choose another point.' });
		const { content } = await plane.openDownload({ ...place, paths: [`/${definitionFile}`] }, options);
		const pieces: Uint8Array[] = [];
		let bytes = 0;
		for await (const piece of content) {
			bytes += piece.byteLength;
			if (bytes > maxDefinitionBytes) throw new EngineError('source.refused', 'The definition of the virtual machine is longer than any is.');
			pieces.push(piece);
		}
		const disks = entries.flatMap(({ type, name, sizeBytes }) => {
			const disk = type === 'file' ? diskInFile(name) : null;
			return disk === null ? [] : [{ name: disk, sizeBytes }];
		});
		return { definition: Buffer.concat(pieces).toString(), disks, hasNvram: names.has(nvramFile), hasMemory: names.has(memoryFile) };
	}

	return {
		async plan(request, options = {}) {
			const { point, input } = request;
			if (point.objectKind !== 'vm')
				throw new EngineError('usage.invalid', `${point.object} is no virtual machine.`, {
					hint: 'Restore its files or its disk instead.',
					data: { field: 'point' },
				});
			const was = parseMachinePath(point.object.slice('vm:'.length));
			const host = await hostOf(input.host ?? was.host);
			const { definition, disks, hasNvram, hasMemory } = await readPoint(request, options);
			const defined = await open(host).readDefinition(definition);
			const machines = await control(host).machines(options);
			const name = input.name ?? defined.name;
			refuseKnownName(machines, name, host);
			const isCopy = name !== defined.name || machines.some(({ id }) => id === defined.id);
			// What the definition does not know could not be attached to the machine
			const known = disks.filter((disk) => defined.disks.some((each) => each.name === disk.name));
			const planned = known.map((disk) => ({ ...disk, to: imagePath(defined, disk.name, name, input.to) }));
			const missingDisks = defined.disks.map((disk) => disk.name).filter((each) => !known.some((disk) => disk.name === each));
			const nvramTo = hasNvram && defined.nvramPath !== null ? nvramPath(defined.nvramPath, name === defined.name, name, input.to) : null;
			// Its memory is that of all its disks at that instant, and of no other machine
			const isWhole = !isCopy && missingDisks.length === 0;
			const memoryTo = hasMemory && isWhole && planned[0] !== undefined ? join(dirname(planned[0].to), `${name}.memory`) : null;
			const targets = [...planned.map(({ to }) => to), nvramTo, memoryTo].filter((to) => to !== null);
			const look = (paths: readonly string[]) => lookAt(host, paths, options);
			const { replaced, folders } = await refuseTargets(targets, { machines, look, overwrite: input.overwrite });
			const newId = isCopy ? randomUUID() : null;
			const { overwrite, powerOn } = input;
			const losesState = hasMemory && memoryTo === null;
			const imageFolders = [...new Set(planned.map(({ to }) => dirname(to)))].map((path) => ({ path, freeBytes: folders.get(path) ?? null }));
			const files = { disks: planned, missingDisks, nvramTo, memoryTo, replaced, folders: imageFolders, overwrite };
			return { host, name, formerName: defined.name, definition, newId, ...files, losesState, powerOn };
		},
		async carryOut({ host, ...restoration }, at, observer, options) {
			const { name, type, uri, machineId } = host;
			const wanted: MachineRestoration = { ...restoration, host: { name, type, uri } };
			if (machineId !== null) return plane.bringBackMachine({ ...at, machineId, restoration: wanted }, observer, options);
			const restore: RestoreImages = (what) => plane.restoreMachine({ ...at, ...what }, observer, options);
			return bringBackMachine(wanted, { hypervisor: open(host), restore }, observer, options);
		},
	};
}

function refuseKnownName(machines: readonly VirtualMachine[], name: string, host: HostSettings): void {
	if (/[/\0]/.test(name))
		throw new EngineError('usage.invalid', `A virtual machine cannot have the name ${displayText(name)}.`, {
			hint: 'Give it another one (--name).',
			data: { field: 'name' },
		});
	if (!machines.some((machine) => machine.name === name)) return;
	throw new EngineError('exists.name', `There is a virtual machine “${name}” on ${host.name} already.`, {
		hint: 'Give the restored one another name (--name), or remove that one first: it is never overwritten.',
		data: { field: 'name' },
	});
}

/** Where they were under the name that they had, if that was an image of this format; else named after the machine and the disk. */
function imagePath(defined: DefinedMachine, disk: string, name: string, to: string | null): string {
	const fileName = `${name}-${disk}.qcow2`;
	if (to !== null) return join(to, fileName);
	const { path = null, format } = defined.disks.find((each) => each.name === disk) ?? {};
	if (path === null || !isAbsolute(path) || path.startsWith('/dev/'))
		throw new EngineError('usage.invalid', `The disk ${disk} was not in a file, so that there is no folder for it.`, {
			hint: 'Choose a folder for its image (--to).',
			data: { field: 'to' },
		});
	return name === defined.name && format === 'qcow2' ? path : join(dirname(path), fileName);
}

function nvramPath(was: string, isOriginal: boolean, name: string, to: string | null): string {
	return to === null && isOriginal ? was : join(to ?? dirname(was), `${name}_VARS.fd`);
}

type TargetRules = {
	/** Of the host. */
	readonly machines: readonly VirtualMachine[];
	readonly look: (paths: readonly string[]) => Promise<readonly (TargetFacts | null)[]>;
	readonly overwrite: boolean;
};

/**
 * Files of machines that are there are never touched, not even where overwriting is allowed.
 * @returns those of the paths where something is that gets lost, and the room in their folders
 */
async function refuseTargets(
	paths: readonly string[],
	{ machines, look, overwrite }: TargetRules,
): Promise<{ readonly replaced: readonly string[]; readonly folders: ReadonlyMap<string, number | null> }> {
	const twice = paths.find((path, i) => paths.indexOf(path) !== i);
	if (twice !== undefined)
		throw new EngineError('usage.invalid', `Two disks would be written to ${displayText(twice)}.`, {
			hint: 'Choose a folder for the images (--to).',
			data: { field: 'to' },
		});
	const facts = await look([...paths, ...paths.map((path) => dirname(path))]);
	const folders = new Map<string, number | null>();
	for (const [i, path] of paths.entries()) {
		const folder = facts[paths.length + i];
		if (!folder?.isFolder)
			throw new EngineError('restore.target', `There is no folder ${displayText(dirname(path))}.`, {
				hint: 'Create it, or choose another one for the images (--to).',
				data: { field: 'to' },
			});
		folders.set(dirname(path), folder.freeBytes);
	}
	const replaced = paths.filter((_, i) => facts[i]);
	if (replaced.length === 0) return { replaced, folders };
	const inUse = machines.flatMap(({ name, disks }) => disks.flatMap(({ path }) => (path === null ? [] : [{ machine: name, path }])));
	const images = await look(inUse.map(({ path }) => path));
	const hint = 'Choose another folder for the images (--to)';
	for (const path of replaced) {
		const owner = inUse.find((_, i) => images[i] && images[i].identity === facts[paths.indexOf(path)]?.identity);
		if (owner !== undefined)
			throw new EngineError('exists.target', `The file ${displayText(path)} is a disk of the virtual machine “${owner.machine}”.`, {
				hint: `${hint}.`,
				data: { field: 'to' },
			});
		if (!overwrite)
			throw new EngineError('exists.target', `The file ${displayText(path)} exists already.`, {
				hint: `${hint}, or allow to replace it (--overwrite).`,
				data: { field: 'overwrite' },
			});
	}
	return { replaced, folders };
}
