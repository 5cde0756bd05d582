/**
 * Holding a machine still by saving its state (QUIESCE-06): its memory goes to a file, and it goes on from there when its disks are shown. A file in the folder of the backup says that
 * it is held, so that whoever finds it lets go: the backup itself, its end, the next start of the engine, and a watch outside of the engine, for which the machine need not wait.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, systemErrorCode } from '../../../../base/index.ts';
import { ignoreRefusal, type Virsh } from './virsh.ts';

export type HeldMachine = { readonly machineId: string; readonly folder: string };

/** Memory is written and read whole: of a large machine that takes minutes. */
export const patienceMs = 10 * 60_000;
/** However long it takes: then the watch lets the machine go on. */
const watchSeconds = 180;

const markerIn = (folder: string): string => join(folder, 'held');
/** As large as what the machine uses of its memory. Only root reads it. */
export const memoryIn = (folder: string): string => join(folder, 'memory');

export async function stateOf(virsh: Virsh, machineId: string, signal: AbortSignal | undefined): Promise<string | undefined> {
	return (await virsh('domstate', [], [machineId], { signal }).catch(ignoreRefusal))?.trim();
}

/**
 * Saves the state of a machine and loads it again, with its processors standing still. Whatever comes of it, `letGo` must follow.
 * @throws `source.refused` where the machine does not run, or has what cannot be saved, such as a device that is passed through
 */
export async function saveState(virsh: Virsh, { machineId, folder }: HeldMachine, signal: AbortSignal | undefined): Promise<void> {
	const state = await stateOf(virsh, machineId, signal);
	if (state !== 'running' && state !== 'paused')
		throw new EngineError('source.refused', `The machine is ${state ?? 'gone'}: it has no state that could be saved.`);
	await fs.writeFile(markerIn(folder), state, { flush: true });
	keepWatch(virsh.uri, { machineId, folder });
	const call = { signal, patienceMs, whileHeld: folder };
	await virsh('save', [], [machineId, memoryIn(folder)], call);
	await virsh('restore', ['--paused'], [memoryIn(folder)], call);
}

/**
 * The machine goes on as it did before, whatever it was in the middle of. Idempotent; one that is not held is left alone.
 * @throws `source.refused` when it could not be brought back: then it is tried again by whoever finds it held
 */
export async function letGo(virsh: Virsh, { machineId, folder }: HeldMachine): Promise<void> {
	if (!(await isThere(markerIn(folder)))) return;
	const child = spawn('sh', ['-c', `${lettingGo} let_go`, 'holdfast-let-go', virsh.uri, machineId, folder], { stdio: 'ignore', cwd: '/' });
	const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
	if (code === 0) return;
	throw new EngineError('source.refused', `The virtual machine ${machineId} does not go on from its saved state.`, {
		hint: `Look at the messages of libvirt. "virsh restore ${memoryIn(folder)}" has it go on from there, "virsh start" from its disks, as after a power cut.`,
		data: { machineId, savedState: memoryIn(folder) },
	});
}

/**
 * In the shell, so that it can be done without the engine. Who saves or loads the state holds a lock meanwhile, by itself: not even the death of the engine lets two of them be at it. $1: address of
 * the host, $2: machine, $3: folder of the backup.
 */
const lettingGo = `
host() { virsh --quiet --connect "$uri" "$@" >/dev/null 2>&1 9>&-; }
uri=$1 machine=$2 folder=$3
let_go() {
	exec 9>>"$folder/lock" || return 0
	tries=600
	until flock -n 9; do
		# a state that is still being saved is given up
		host backup-dumpxml -- "$machine" || host domjobabort -- "$machine"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 1
	done
	before=$(cat "$folder/held" 2>/dev/null) || return 0
	tries=60
	while :; do
		case $(LC_ALL=C virsh --quiet --connect "$uri" domstate -- "$machine" 2>/dev/null 9>&-) in
			paused*)
				[ "$before" = paused ] && break
				host resume -- "$machine" && break ;;
			# a transient machine is not known while its state is saved; without a state somebody has ended it on purpose
			"" | "shut off"*)
				[ -s "$folder/memory" ] || break
				host restore "--$before" -- "$folder/memory" && break ;;
			*) break ;;
		esac
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 1
	done
	rm -f "$folder/held"
}
`;

/** Runs beside the engine and longer than that, if need be; ends within a second after the machine was let go of. $4: process of the engine, $5: seconds. */
const watching = `
seconds=$5
while [ -e "$3/held" ] && [ "$seconds" -gt 0 ] && kill -0 "$4" 2>/dev/null; do
	sleep 1
	seconds=$((seconds - 1))
done
[ ! -e "$3/held" ] || let_go
`;

function keepWatch(uri: string, { machineId, folder }: HeldMachine): void {
	const args = [uri, machineId, folder, String(process.pid), String(watchSeconds)];
	const child = spawn('sh', ['-c', lettingGo + watching, 'holdfast-watch', ...args], { detached: true, stdio: 'ignore', cwd: '/' });
	child.on('error', () => undefined); // the engine lets go all the same
	child.unref();
}

async function isThere(path: string): Promise<boolean> {
	try {
		await fs.stat(path);
		return true;
	} catch (error) {
		if (systemErrorCode(error) !== 'ENOENT') throw error;
		return false;
	}
}
