/** Pull-mode backup (libvirt's manual, "Backup XML format" and "Checkpoint XML format"): QEMU shows disks of one instant over NBD, and copies what the machine overwrites to scratch files first. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, isEngineError, systemErrorCode } from '../../../../base/index.ts';
import { maxSocketPathBytes } from '../../../../block/index.ts';
import type { BackupEnd, DiskBackup, DiskBackupRequest, HypervisorOptions } from '../../hypervisor.ts';
import type { Domain } from './domain-xml.ts';
import { letGo, memoryIn, patienceMs, saveState, stateOf } from './saved-state.ts';
import { ignoreRefusal, type Virsh } from './virsh.ts';

const checkpointName = /^[A-Za-z0-9-]{1,64}$/;
const diskName = /^[a-z0-9]{1,32}$/;

const inXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll("'", '&apos;');
/** What QEMU makes lies in a folder of its account's, apart from what root writes there. */
const qemuFolderIn = (folder: string): string => join(folder, 'qemu');
const socketIn = (folder: string): string => join(qemuFolderIn(folder), 'nbd');

/** Says that the machine was started for the backup, and in which state it is to be left. */
const startedMarker = 'started';

export async function beginBackup(virsh: Virsh, request: DiskBackupRequest, { signal }: HypervisorOptions): Promise<DiskBackup> {
	const { machineId, folder } = request;
	check(request);
	await refuseSecond(virsh, machineId, signal);
	await fs.mkdir(folder, { mode: 0o711 });
	await fs.mkdir(qemuFolderIn(folder), { mode: 0o700 });
	await startIfOff(virsh, request, signal);
	if (!request.savesState) return { ...(await showDisks(virsh, request, signal)), memory: null };
	try {
		await saveState(virsh, request, signal);
		return { ...(await showDisks(virsh, request, signal)), memory: memoryIn(folder) };
	} finally {
		await letGo(virsh, request);
	}
}

async function showDisks(virsh: Virsh, request: DiskBackupRequest, signal: AbortSignal | undefined): Promise<Omit<DiskBackup, 'memory'>> {
	const { machineId, folder, since } = request;
	const { disks: all, runsAs } = await describe(virsh, machineId, signal);
	if (runsAs !== null) await fs.chown(qemuFolderIn(folder), runsAs.uid, runsAs.gid);
	// The format keeps the bitmaps: in a raw image there is no room for them.
	const tracked = request.disks.filter((name) => all.some((disk) => disk.name === name && disk.format === 'qcow2'));
	const begin = async (incremental: string | null): Promise<void> => {
		const definition = join(folder, 'backup.xml');
		const checkpoint = join(folder, 'checkpoint.xml');
		await fs.writeFile(definition, backupXml(request, all, { incremental, tracked }));
		await fs.writeFile(checkpoint, checkpointXml(request, all, tracked));
		await virsh('backup-begin', [], [machineId, definition, ...(tracked.length > 0 ? [checkpoint] : [])], { signal });
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
	return {
		hasCheckpoint: tracked.length > 0,
		disks: request.disks.map((name) => {
			const untracked = tracked.includes(name) ? lost : 'Changes are tracked in images of the format qcow2 only.';
			return {
				name,
				address: { transport: { kind: 'unix', path: socketIn(folder) }, exportName: name },
				dirtyBitmap: since !== null && untracked === '' ? `backup-${name}` : null,
				untracked: since === null && tracked.includes(name) ? '' : untracked,
			};
		}),
	};
}

export async function endBackup(virsh: Virsh, { machineId, folder, drop }: BackupEnd, { signal }: HypervisorOptions): Promise<void> {
	// Refused: no backup runs, the machine is off, or nobody knows it any more.
	const running = await virsh('backup-dumpxml', [], [machineId], { signal }).catch(ignoreRefusal);
	if (running?.includes(`socket='${inXml(socketIn(folder))}'`)) await virsh('domjobabort', [], [machineId], { signal }).catch(ignoreRefusal);
	await letGo(virsh, { machineId, folder });
	if (drop) {
		const known = await checkpoints(virsh, machineId, { signal }).catch(ignoreRefusal);
		if (known) await dropCheckpoints(virsh, machineId, drop(known), { signal });
	}
	await stopIfStarted(virsh, machineId, folder, signal);
	// from here on nobody but root changes what is in there while it is removed
	await fs.chown(qemuFolderIn(folder), process.getuid?.() ?? 0, process.getgid?.() ?? 0).catch(ignoreMissing);
	await fs.rm(folder, { recursive: true, force: true });
}

/** Disks are shown by QEMU, which a machine that is off has not: it is started, and its processors are not. */
async function startIfOff(virsh: Virsh, { machineId, folder }: DiskBackupRequest, signal: AbortSignal | undefined): Promise<void> {
	if (await isActive(virsh, machineId, signal)) return;
	const hasSavedState = /^Managed save: +yes$/m.test(await virsh('dominfo', [], [machineId], { signal }));
	await fs.writeFile(join(folder, startedMarker), hasSavedState ? 'saved' : 'off');
	await virsh('start', ['--paused'], [machineId], { signal, patienceMs });
}

/** What somebody has let run meanwhile is theirs. */
async function stopIfStarted(virsh: Virsh, machineId: string, folder: string, signal: AbortSignal | undefined): Promise<void> {
	const before = await fs.readFile(join(folder, startedMarker), 'utf8').catch(() => null);
	if (before === null || (await stateOf(virsh, machineId, signal)) !== 'paused') return;
	// Whether it ran when it was saved is not told; it nearly always did, and one that starts and stands still helps nobody
	if (before === 'saved') await virsh('managedsave', ['--running'], [machineId], { signal, patienceMs });
	else await virsh('destroy', ['--graceful'], [machineId], { signal });
}

async function isActive(virsh: Virsh, machineId: string, signal: AbortSignal | undefined): Promise<boolean> {
	const state = await stateOf(virsh, machineId, signal);
	return state !== undefined && state !== 'shut off' && state !== 'crashed';
}

async function describe(virsh: Virsh, machineId: string, signal: AbortSignal | undefined): Promise<Domain> {
	const { parseDomain } = await import('./domain-xml.ts'); // with the parser, which most engines never need
	return parseDomain(await virsh('dumpxml', [], [machineId], { signal }));
}

export async function dropCheckpoints(virsh: Virsh, machineId: string, names: readonly string[], { signal }: HypervisorOptions): Promise<void> {
	if (names.length === 0 || !(await isActive(virsh, machineId, signal))) return;
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

function ignoreMissing(error: unknown): void {
	if (systemErrorCode(error) !== 'ENOENT') throw error;
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
function backupXml(
	{ disks, folder }: DiskBackupRequest,
	all: Domain['disks'],
	{ incremental, tracked }: { readonly incremental: string | null; readonly tracked: readonly string[] },
): string {
	const lines = all.map(({ name }) => {
		if (!disks.includes(name)) return `<disk name='${name}' backup='no'/>`;
		const mode = incremental !== null && tracked.includes(name) ? `backupmode='incremental' incremental='${incremental}'` : `backupmode='full'`;
		return `<disk name='${name}' backup='yes' type='file' ${mode}><scratch file='${inXml(join(qemuFolderIn(folder), `${name}.scratch`))}'/></disk>`;
	});
	return `<domainbackup mode='pull'><server transport='unix' socket='${inXml(socketIn(folder))}'/><disks>${lines.join('')}</disks></domainbackup>`;
}

function checkpointXml({ checkpoint }: DiskBackupRequest, all: Domain['disks'], tracked: readonly string[]): string {
	const lines = all.map(({ name }) => `<disk name='${name}' checkpoint='${tracked.includes(name) ? 'bitmap' : 'no'}'/>`);
	return `<domaincheckpoint><name>${checkpoint}</name><description>Holdfast</description><disks>${lines.join('')}</disks></domaincheckpoint>`;
}
