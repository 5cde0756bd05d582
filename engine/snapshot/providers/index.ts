import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MountPoint } from '../../platform/index.ts';
import type { SnapshotProvider } from '../provider.ts';
import { BtrfsProvider } from './btrfs/index.ts';
import { LvmProvider } from './lvm/index.ts';
import { ReflinkProvider } from './reflink/index.ts';
import { VssProvider } from './vss/index.ts';
import { ZfsProvider } from './zfs/index.ts';

/** A part of the server editions of Windows only. */
const diskshadow = join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', 'diskshadow.exe');

/**
 * Who makes snapshots of what is mounted on this machine, in the order of preference.
 * @param folder of one engine or data mover: mounts and logs lie in it, and snapshots bear a mark made of it
 */
export function volumeProviders(folder: string, mounts: () => readonly MountPoint[]): readonly SnapshotProvider[] {
	const owner = createHash('sha256').update(folder).digest('hex').slice(0, 12);
	if (process.platform === 'win32') return [new VssProvider({ folder: join(folder, 'vss'), hasDiskshadow: existsSync(diskshadow) })];
	return [new BtrfsProvider(), new ZfsProvider({ owner }), new LvmProvider({ folder: join(folder, 'snapshots'), owner, mounts }), new ReflinkProvider()];
}
