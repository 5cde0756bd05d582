/** Machines that libvirt is to know, and no longer to know. */
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError, isEngineError } from '../../../../base/index.ts';
import type { HypervisorOptions, MachineRegistration, RegisteredMachine } from '../../hypervisor.ts';
import { ignoreRefusal, type Virsh } from './virsh.ts';

const undoMs = 60_000;

export async function register(virsh: Virsh, registration: MachineRegistration, { signal }: HypervisorOptions): Promise<RegisteredMachine> {
	const { parseDomain } = await import('./domain-xml.ts'); // with the parser, which most engines never need
	const { restoredDefinition } = await import('./restored-definition.ts');
	const { definition, leftOut } = restoredDefinition(registration);
	const { id, name } = parseDomain(definition);
	await refuseKnown(virsh, { id, name }, signal);
	// It holds secrets, as passwords of consoles
	const folder = await fs.mkdtemp(join(tmpdir(), 'holdfast-definition-'));
	try {
		const file = join(folder, 'definition.xml');
		await fs.writeFile(file, definition, { mode: 0o600 });
		await virsh('define', [], [file], { signal });
	} catch (error) {
		// Whoever gave up, or did not hear the answer, does not know whether it was done
		if (!isEngineError(error, 'source.refused')) await unregister(virsh, id, { signal: AbortSignal.timeout(undoMs) }).catch(() => undefined);
		throw error;
	} finally {
		await fs.rm(folder, { recursive: true, force: true });
	}
	return { id, leftOut };
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
