/** Pull-mode backup (libvirt's manual, "Backup XML format" and "Checkpoint XML format"): QEMU shows disks of one instant over NBD, and copies what the machine overwrites to scratch files first. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, isEngineError } from '../../../../base/index.ts';
import { maxSocketPathBytes } from '../../../../block/index.ts';
import type { DiskBackup, DiskBackupRequest, HypervisorOptions } from '../../hypervisor.ts';
import type { Virsh } from './virsh.ts';

const checkpointName = /^[A-Za-z0-9-]{1,64}$/;
const diskName = /^[a-z0-9]{1,32}$/;

const inXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll("'", '&apos;');
const socketIn = (folder: string): string => join(folder, 'nbd');

export async function beginBackup(virsh: Virsh, request: DiskBackupRequest, { signal }: HypervisorOptions): Promise<DiskBackup> {
	const { machineId, folder, since } = request;
	check(request);
	await refuseSecond(virsh, machineId, signal);
	await fs.mkdir(folder, { mode: 0o700 });
	const all = await allDisks(virsh, machineId, signal);
	const begin = async (incremental: string | null): Promise<void> => {
		const definition = join(folder, 'backup.xml');
		const checkpoint = join(folder, 'checkpoint.xml');
		await fs.writeFile(definition, backupXml(request, all, incremental));
		await fs.writeFile(checkpoint, checkpointXml(request));
		await virsh('backup-begin', [], [machineId, definition, checkpoint], { signal });
	};
	let lost = '';
	try {
		await begin(since);
	} catch (error) {
		// Only of changes something may be lost: what else is refused is refused again.
		if (since === null || !isEngineError(error, 'source.refused')) throw error;
		lost = error.message;
		await begin(null);
	}
	const hasBitmap = since !== null && lost === '';
	return {
		lost,
		disks: request.disks.map((name) => ({
			name,
			address: { transport: { kind: 'unix', path: socketIn(folder) }, exportName: name },
			dirtyBitmap: hasBitmap ? `backup-${name}` : null,
		})),
	};
}

export async function endBackup(
	virsh: Virsh,
	{ machineId, folder }: Pick<DiskBackupRequest, 'machineId' | 'folder'>,
	{ signal }: HypervisorOptions,
): Promise<void> {
	// Refused: no backup runs, the machine is off, or nobody knows it any more.
	const running = await virsh('backup-dumpxml', [], [machineId], { signal }).catch(ignoreRefusal);
	if (running?.includes(`socket='${inXml(socketIn(folder))}'`)) await virsh('domjobabort', [], [machineId], { signal }).catch(ignoreRefusal);
	await fs.rm(folder, { recursive: true, force: true });
}

export async function dropCheckpoints(virsh: Virsh, machineId: string, names: readonly string[], { signal }: HypervisorOptions): Promise<void> {
	const known = new Set(await checkpoints(virsh, machineId, { signal }));
	for (const name of names.toReversed()) {
		if (!known.has(name)) continue;
		try {
			await virsh('checkpoint-delete', [], [machineId, name], { signal });
		} catch (error) {
			if (!isEngineError(error, 'source.refused')) throw error;
			// Its bitmap is damaged or gone, as after a machine that was killed: then there is nothing left in it to keep.
			await virsh('checkpoint-delete', ['--metadata'], [machineId, name], { signal });
		}
	}
}

export async function checkpoints(virsh: Virsh, machineId: string, { signal }: HypervisorOptions): Promise<readonly string[]> {
	const listed = await virsh('checkpoint-list', ['--name', '--topological'], [machineId], { signal });
	return listed
		.split('\n')
		.map((line) => line.trim())
		.filter((line) => line !== '');
}

function ignoreRefusal(error: unknown): undefined {
	if (!isEngineError(error, 'source.refused')) throw error;
	return undefined;
}

/** libvirt would wait half a minute for the other one before it refuses. */
async function refuseSecond(virsh: Virsh, machineId: string, signal: AbortSignal | undefined): Promise<void> {
	const running = await virsh('backup-dumpxml', [], [machineId], { signal }).catch(ignoreRefusal);
	if (running !== undefined)
		throw new EngineError('source.refused', 'Another backup of the virtual machine is under way.', {
			hint: 'Wait until it has ended; "virsh domjobinfo" shows it, and whether something else made it.',
		});
}

function check({ disks, folder, since, checkpoint }: DiskBackupRequest): void {
	if (disks.length === 0 || !disks.every((name) => diskName.test(name))) throw new Error(`Defect: ${disks.join(', ')} are no names of disks`);
	for (const name of [checkpoint, since]) if (name !== null && !checkpointName.test(name)) throw new Error(`Defect: ${name} is no name of a checkpoint`);
	if (Buffer.byteLength(socketIn(folder)) > maxSocketPathBytes)
		throw new EngineError('source.refused', `The folder ${folder} has too long a name for a socket in it.`, {
			hint: 'Choose a folder with a shorter path for the backups of virtual machines.',
		});
}

/** Disks that are not named are left out, of the checkpoint as well: their changes are nobody's affair here. */
function backupXml({ disks, folder }: DiskBackupRequest, all: readonly string[], incremental: string | null): string {
	const lines = all.map((name) =>
		disks.includes(name)
			? `<disk name='${name}' backup='yes' type='file'><scratch file='${inXml(join(folder, `${name}.scratch`))}'/></disk>`
			: `<disk name='${name}' backup='no'/>`,
	);
	return `<domainbackup mode='pull'>${incremental === null ? '' : `<incremental>${incremental}</incremental>`}<server transport='unix' socket='${inXml(socketIn(folder))}'/><disks>${lines.join('')}</disks></domainbackup>`;
}

const checkpointXml = ({ checkpoint, disks }: DiskBackupRequest): string =>
	`<domaincheckpoint><name>${checkpoint}</name><description>Holdfast</description><disks>${disks.map((name) => `<disk name='${name}' checkpoint='bitmap'/>`).join('')}</disks></domaincheckpoint>`;

async function allDisks(virsh: Virsh, machineId: string, signal: AbortSignal | undefined): Promise<string[]> {
	const listed = await virsh('domblklist', ['--details'], [machineId], { signal });
	return listed.split('\n').flatMap((line) => {
		const [, device, target] = line.trim().split(/\s+/);
		return device === 'disk' && target !== undefined && diskName.test(target) ? [target] : [];
	});
}
