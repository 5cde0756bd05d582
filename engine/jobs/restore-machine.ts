/** Giving back a virtual machine: what is to become of it is settled, and refused, before anything is written. */
import { randomUUID } from 'node:crypto';
import { type Stats, statfsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { bytesFromText, displayText, EngineError, isEngineError, systemErrorCode, toErrorShape } from '../base/index.ts';
import {
	type HostSettings,
	type MachinePlan,
	type Point,
	parseMachinePath,
	type RepositoryLocation,
	type RestoreVmInput,
	type VirtualMachine,
} from '../contract/index.ts';
import {
	type DefinedMachine,
	definitionFile,
	diskInFile,
	type Hypervisor,
	isReachedFromHere,
	memoryFile,
	nvramFile,
	type SavedState,
} from '../source/index.ts';
import type { DataPlane, RunOptions, TaskObserver } from './ports.ts';

export type MachineHosts = {
	/** All that are known now. */
	readonly hosts: () => Promise<readonly HostSettings[]>;
	readonly open: (host: HostSettings) => Hypervisor;
};

type Request = { readonly repository: RepositoryLocation; readonly point: Point; readonly input: RestoreVmInput };

export type MachineRestorePlan = {
	readonly host: HostSettings;
	readonly name: string;
	readonly definition: string;
	/** Null: it becomes the original again. */
	readonly newId: string | null;
	readonly disks: readonly { readonly name: string; readonly to: string; readonly sizeBytes: number }[];
	/** Of the definition, what the point does not hold. */
	readonly missingDisks: readonly string[];
	readonly nvramTo: string | null;
	/** A saved state, from which the machine goes on: `to` is where it lies until then. Null: the point has none, or it is not of use. */
	readonly memoryTo: string | null;
	/** The point has a saved state, which nothing but the original itself can go on from. */
	readonly losesState: boolean;
	/** Files that are there now and get lost. */
	readonly replaced: readonly string[];
	readonly formerName: string;
	readonly overwrite: boolean;
	readonly powerOn: boolean;
};

/** What a plan comes to, for whoever has to agree to it. */
export function describePlan(plan: MachineRestorePlan): MachinePlan {
	const { host, name, formerName, newId, disks, missingDisks, nvramTo, memoryTo, losesState, replaced } = plan;
	const file = (to: string) => ({ to, isReplaced: replaced.includes(to) });
	const folders = [...new Set(disks.map(({ to }) => dirname(to)))];
	return {
		host: host.name,
		name,
		formerName,
		isCopy: newId !== null,
		disks: disks.map(({ to, ...disk }) => ({ ...disk, ...file(to) })),
		nvram: nvramTo === null ? null : file(nvramTo),
		savedState: memoryTo !== null ? 'resumed' : losesState ? 'lost' : 'none',
		missingDisks: [...missingDisks],
		folders: folders.map((path) => ({ path, freeBytes: freeBytesIn(path) })),
	};
}

function freeBytesIn(folder: string): number | null {
	try {
		const { bavail, bsize } = statfsSync(bytesFromText(folder));
		return bavail * bsize;
	} catch {
		return null; // shown only: the restore itself looks again, and says why
	}
}

export interface MachineRestores {
	/**
	 * @throws `not-found.host`, `usage.unsupported` for a host on another machine, `source.*` where it cannot be asked, `exists.name`, `exists.target`, `restore.target`,
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
/** For taking a registration back after a failure, or after whoever wanted it has given up. */
const cleanUpMs = 60_000;

export function createMachineRestores({ hosts, open, plane }: MachineHosts & { readonly plane: DataPlane }): MachineRestores {
	async function hostOf(name: string): Promise<HostSettings> {
		const host = (await hosts()).find((each) => each.name === name);
		if (host === undefined)
			throw new EngineError('not-found.host', `There is no hypervisor host “${name}”.`, {
				hint: 'Add it, or name another one: "holdfast host list" shows those that are known.',
				data: { field: 'host' },
			});
		if (!isReachedFromHere(host))
			throw new EngineError('usage.unsupported', `Virtual machines cannot be given back to ${host.name} from here: ${host.uri} leads to another machine.`, {
				hint: 'Restore the disks to files with "holdfast restore disk", or run Holdfast on that machine, with the host as qemu:///system.',
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
			const hypervisor = open(host);
			const { definition, disks, hasNvram, hasMemory } = await readPoint(request, options);
			const defined = await hypervisor.readDefinition(definition);
			const machines = await hypervisor.machines(options);
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
			const replaced = refuseTargets(targets, machines, input.overwrite);
			const newId = isCopy ? randomUUID() : null;
			const { overwrite, powerOn } = input;
			const losesState = hasMemory && memoryTo === null;
			const files = { disks: planned, missingDisks, nvramTo, memoryTo, replaced, overwrite };
			return { host, name, formerName: defined.name, definition, newId, ...files, losesState, powerOn };
		},
		async carryOut(plan, at, observer, options) {
			const { host, name, definition, newId, disks, nvramTo, memoryTo, overwrite, powerOn } = plan;
			const hypervisor = open(host);
			const images = disks.map((disk) => ({ name: disk.name, to: disk.to }));
			const files = [...(nvramTo === null ? [] : [{ name: nvramFile, to: nvramTo }]), ...(memoryTo === null ? [] : [{ name: memoryFile, to: memoryTo }])];
			const created = await plane.restoreMachine({ ...at, disks: images, files, overwrite }, observer, options);
			let registered: string | null = null;
			try {
				options.signal?.throwIfAborted();
				observer.activity('registering');
				const attached = disks.map((disk) => ({ name: disk.name, path: disk.to }));
				const { id, leftOut } = await hypervisor.register({ definition, name, newId, disks: attached, nvramPath: nvramTo }, options);
				registered = id;
				for (const disk of leftOut) {
					const message = `The disk ${disk} is not in the restore point. The copy does not have it: both machines would write to it.`;
					observer.warning({ code: 'restore.metadata', message, path: disk });
				}
				observer.info(`It is registered on ${host.name} as “${name}”${newId === null ? '' : ', with an id and network addresses of its own'}.`);
				if (plan.losesState)
					observer.info(
						'The saved state in the point is not used: only the same machine with all of its disks can go on from it. This one starts from its disks.',
					);
				const state = { machineId: id, name, disks: attached, nvramPath: nvramTo };
				const isLoaded = memoryTo !== null && (await loadState(hypervisor, { ...state, memory: memoryTo, goesOn: powerOn }, observer, options));
				if (powerOn && !isLoaded) await start(hypervisor, id, observer, options);
				options.signal?.throwIfAborted();
			} catch (error) {
				await takeBack(hypervisor, registered, created, observer);
				throw error;
			} finally {
				if (memoryTo !== null) await rm(bytesFromText(memoryTo), { force: true });
			}
		},
	};
}

/** A machine that is back and does not start is worth more than none: what it lacks can be seen to there. */
async function start(hypervisor: Hypervisor, id: string, observer: TaskObserver, { signal }: RunOptions): Promise<void> {
	observer.activity('starting');
	try {
		await hypervisor.start(id, { signal });
	} catch (error) {
		if (signal?.aborted || !isEngineError(error)) throw error;
		observer.warning({ code: error.code, message: `It is there, but could not be started. ${error.message}`, path: null });
	}
}

/** @returns false: it can only start from its disks, as after a power cut */
async function loadState(hypervisor: Hypervisor, state: SavedState, observer: TaskObserver, { signal }: RunOptions): Promise<boolean> {
	observer.activity('loading its saved state');
	try {
		await hypervisor.loadState(state, { signal });
		return true;
	} catch (error) {
		if (signal?.aborted || !isEngineError(error)) throw error;
		const message = `It cannot go on from its saved state, and starts from its disks as after a power cut. ${error.message}`;
		observer.warning({ code: error.code, message, path: null });
		return false;
	}
}

/** Runs after an abort as well: it has its own time. */
async function takeBack(hypervisor: Hypervisor, registered: string | null, created: readonly string[], observer: TaskObserver): Promise<void> {
	try {
		if (registered !== null) await hypervisor.unregister(registered, { signal: AbortSignal.timeout(cleanUpMs) });
		for (const path of created) await rm(bytesFromText(path), { force: true });
	} catch (error) {
		const { code, message } = toErrorShape(error);
		observer.warning({ code, message: `What was made of the machine could not be removed: ${message}`, path: null });
	}
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

/**
 * Files of machines that are there are never touched, not even where overwriting is allowed.
 * @returns those of the paths where something is that gets lost
 */
function refuseTargets(paths: readonly string[], machines: readonly VirtualMachine[], overwrite: boolean): readonly string[] {
	const seen = new Set<string>();
	const replaced: string[] = [];
	for (const path of paths) {
		if (seen.has(path))
			throw new EngineError('usage.invalid', `Two disks would be written to ${displayText(path)}.`, {
				hint: 'Choose a folder for the images (--to).',
				data: { field: 'to' },
			});
		seen.add(path);
		if (!statOf(dirname(path))?.isDirectory())
			throw new EngineError('restore.target', `There is no folder ${displayText(dirname(path))}.`, {
				hint: 'Create it, or choose another one for the images (--to).',
				data: { field: 'to' },
			});
		const there = statOf(path);
		if (there === undefined) continue;
		const isSame = (other: string | null): boolean => {
			const stats = other === null ? undefined : statOf(other);
			return stats !== undefined && stats.ino === there.ino && stats.dev === there.dev;
		};
		const owner = machines.find(({ disks }) => disks.some((disk) => isSame(disk.path)));
		const hint = 'Choose another folder for the images (--to)';
		if (owner !== undefined)
			throw new EngineError('exists.target', `The file ${displayText(path)} is a disk of the virtual machine “${owner.name}”.`, {
				hint: `${hint}.`,
				data: { field: 'to' },
			});
		if (!overwrite)
			throw new EngineError('exists.target', `The file ${displayText(path)} exists already.`, {
				hint: `${hint}, or allow to replace it (--overwrite).`,
				data: { field: 'overwrite' },
			});
		replaced.push(path);
	}
	return replaced;
}

function statOf(path: string): Stats | undefined {
	try {
		return statSync(bytesFromText(path), { throwIfNoEntry: false });
	} catch (error) {
		throw new EngineError('restore.target', `${displayText(path)} cannot be looked at (${systemErrorCode(error) ?? String(error)}).`, { cause: error });
	}
}
