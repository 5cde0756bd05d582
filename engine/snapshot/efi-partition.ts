import type { RunCommand } from './command.ts';
import { runCommand } from './command.ts';

/** EFI system partitions by their type in a GPT (UEFI specification, 5.3.3) and in an MBR. */
const types = new Set(['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', '0xef']);

/** Whether firmware starts from it (VAL-25). Where the system does not tell it is none. */
export async function isEfiPartition(
	{ device, fileSystem }: { readonly device: string | null; readonly fileSystem: string | null },
	{ signal, run = runCommand }: { readonly signal: AbortSignal; readonly run?: RunCommand },
): Promise<boolean> {
	if (fileSystem !== 'vfat' || device === null || !device.startsWith('/dev/')) return false;
	try {
		const { code, stdout } = await run('lsblk', ['--noheadings', '--nodeps', '--output', 'PARTTYPE', device], { signal });
		return code === 0 && types.has(stdout.trim().toLowerCase());
	} catch {
		return false; // no lsblk, or no answer: whoever makes the snapshot says what is wrong
	}
}
