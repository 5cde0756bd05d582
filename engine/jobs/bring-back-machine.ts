/** A virtual machine is written and registered, on the machine that its host is on. What is to become of it was settled before (restore-machine.ts). */
import { rm } from 'node:fs/promises';
import { bytesFromText, isEngineError, toErrorShape } from '../base/index.ts';
import type { HostSettings } from '../contract/index.ts';
import { type Hypervisor, memoryFile, nvramFile, type SavedState } from '../source/index.ts';
import type { RunOptions, TaskObserver } from './ports.ts';

export type MachineRestoration = {
	readonly host: Pick<HostSettings, 'name' | 'type' | 'uri'>;
	readonly name: string;
	readonly definition: string;
	/** Null: it becomes the original again. */
	readonly newId: string | null;
	readonly disks: readonly { readonly name: string; readonly to: string }[];
	readonly nvramTo: string | null;
	/** A saved state, from which the machine goes on: where it lies until then. Null: the point has none, or it is not of use. */
	readonly memoryTo: string | null;
	/** The point has a saved state, which nothing but the original itself can go on from. */
	readonly losesState: boolean;
	readonly overwrite: boolean;
	readonly powerOn: boolean;
};

/** Writes disks of the point as images and other files of it as they are. @returns the files that were created; after a failure or an abort none of them is left */
export type RestoreImages = (what: {
	readonly disks: readonly { readonly name: string; readonly to: string }[];
	readonly files: readonly { readonly name: string; readonly to: string }[];
	readonly overwrite: boolean;
}) => Promise<readonly string[]>;

type Means = { readonly hypervisor: Hypervisor; readonly restore: RestoreImages };

/** For taking a registration back after a failure, or after whoever wanted it has given up. */
const cleanUpMs = 60_000;

/** @throws `exists.*`, `restore.target`, `source.*`, `repository.*`, the signal's reason; then nothing of the machine is left. One that is there and does not start is a warning. */
export async function bringBackMachine(
	{ host, name, definition, newId, disks, nvramTo, memoryTo, losesState, overwrite, powerOn }: MachineRestoration,
	{ hypervisor, restore }: Means,
	observer: TaskObserver,
	options: RunOptions,
): Promise<void> {
	const files = [...(nvramTo === null ? [] : [{ name: nvramFile, to: nvramTo }]), ...(memoryTo === null ? [] : [{ name: memoryFile, to: memoryTo }])];
	const created = await restore({ disks, files, overwrite });
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
		if (losesState)
			observer.info('The saved state in the point is not used: only the same machine with all of its disks can go on from it. This one starts from its disks.');
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
