/** Machines that libvirt is to know, and no longer to know. */
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError, isEngineError } from '../../../../base/index.ts';
import type { HypervisorOptions, MachineRegistration, RegisteredMachine, SavedState } from '../../hypervisor.ts';
import { ignoreRefusal, type Virsh } from './virsh.ts';

const undoMs = 60_000;
/** Memory is read and written whole. */
const stateMs = 10 * 60_000;

export async function register(virsh: Virsh, registration: MachineRegistration, { signal }: HypervisorOptions): Promise<RegisteredMachine> {
	const { parseDomain } = await import('./domain-xml.ts'); // with the parser, which most engines never need
	const { restoredDefinition } = await import('./restored-definition.ts');
	const { definition, leftOut } = restoredDefinition(registration);
	const { id, name } = parseDomain(definition);
	await refuseKnown(virsh, { id, name }, signal);
	try {
		await inFile(definition, (file) => virsh('define', [], [file], { signal }));
	} catch (error) {
		// Whoever gave up, or did not hear the answer, does not know whether it was done
		if (!isEngineError(error, 'source.refused')) await unregister(virsh, id, { signal: AbortSignal.timeout(undoMs) }).catch(() => undefined);
		throw error;
	}
	return { id, leftOut };
}

/** A state can be loaded only into what it was saved of: the definition in it counts, with the images where they are now. */
export async function loadState(virsh: Virsh, { machineId, memory, goesOn, ...given }: SavedState, { signal }: HypervisorOptions): Promise<void> {
	const { restoredDefinition } = await import('./restored-definition.ts');
	const saved = await virsh('save-image-dumpxml', ['--security-info'], [memory], { signal });
	const { definition } = restoredDefinition({ ...given, definition: saved, newId: null, keepsGeneration: true });
	const call = { signal, patienceMs: stateMs };
	try {
		await inFile(definition, (file) => virsh('restore', ['--paused', '--xml', file], [memory], call));
		if (goesOn) await virsh('resume', [], [machineId], { signal });
		else await virsh('managedsave', ['--running'], [machineId], call);
	} catch (error) {
		const bounded = { signal: AbortSignal.timeout(undoMs) };
		await virsh('destroy', [], [machineId], bounded).catch(() => undefined); // it was not loaded; or it is no longer to be
		throw error;
	}
}

/** It holds secrets, as passwords of consoles. */
async function inFile<T>(definition: string, use: (file: string) => Promise<T>): Promise<T> {
	const folder = await fs.mkdtemp(join(tmpdir(), 'holdfast-definition-'));
	try {
		const file = join(folder, 'definition.xml');
		await fs.writeFile(file, definition, { mode: 0o600 });
		return await use(file);
	} finally {
		await fs.rm(folder, { recursive: true, force: true });
	}
}

/** libvirt would change the machine that is there. */
async function refuseKnown(virsh: Virsh, { id, name }: { readonly id: string; readonly name: string }, signal: AbortSignal | undefined): Promise<void> {
	const [names, ids] = await Promise.all((['--name', '--uuid'] as const).map((what) => virsh('list', ['--all', what], [], { signal })));
	const holds = (listed: string | undefined, value: string): boolean => listed?.split('\n').some((line) => line.trim() === value) ?? false;
	if (!holds(names, name) && !holds(ids, id)) return;
	const what = holds(names, name) ? `a virtual machine “${name}”` : `the virtual machine ${id} under another name`;
	throw new EngineError('exists.name', `The host has ${what} already.`, { hint: 'Give the machine another name.' });
}

export async function unregister(virsh: Virsh, machineId: string, { signal }: HypervisorOptions): Promise<void> {
	// Refused: it does not run, or nobody knows it.
	await virsh('destroy', [], [machineId], { signal }).catch(ignoreRefusal);
	try {
		await virsh('undefine', ['--keep-nvram', '--managed-save', '--snapshots-metadata', '--checkpoints-metadata'], [machineId], { signal });
	} catch (error) {
		ignoreRefusal(error);
		if ((await virsh('list', ['--all', '--uuid'], [], { signal })).includes(machineId)) throw error;
	}
}
