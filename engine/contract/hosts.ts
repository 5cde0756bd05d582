import { z } from 'zod';
import { entityName, type errorShape } from './values.ts';

export const hostType = z.enum(['libvirt']);
export type HostType = z.infer<typeof hostType>;

/** How libvirt reaches QEMU here or on another machine (libvirt's manual, "Connection URIs"). Other drivers of libvirt have no backup that Holdfast can read. */
export const hostUri = z
	.string()
	.trim()
	.max(1000)
	.regex(
		/^qemu(\+(unix|tls|ssh|libssh2?|tcp))?:\/\/[^\s]*$/,
		'An address of a libvirt host begins with qemu, for example qemu:///system or qemu+ssh://root@host/system.',
	);

export const hostSettings = z.object({
	name: entityName,
	type: hostType.default('libvirt'),
	uri: hostUri,
	/** On the host: what machines overwrite during a backup is kept here, and sockets. Those who run machines must be able to get there. */
	scratchFolder: z
		.string()
		.max(60, 'Sockets need a short path: choose a folder of at most 60 characters.')
		.regex(/^\//, 'Write the path from the root.')
		.default('/var/tmp'),
});
export type HostSettings = z.infer<typeof hostSettings>;
export type HostSettingsInput = z.input<typeof hostSettings>;

/** What a hypervisor host says of itself. It comes from there: bounded, and only to be shown. */
export type HostFacts = {
	readonly hostName: string;
	/** Hypervisor and library with their versions, for example `QEMU 7.2.22`. */
	readonly product: string;
	readonly processors: number;
	readonly memoryBytes: number;
};

/** A hypervisor host, as it is at the moment when it is asked. */
export type Host = {
	readonly id: string;
	readonly revision: number;
	readonly settings: HostSettings;
	readonly state: 'online' | 'offline';
	/** Why it is not online. */
	readonly problem: z.infer<typeof errorShape> | null;
	readonly facts: HostFacts | null;
};

export type VirtualDisk = {
	/** As the guest has it: `vda`. Unique in its machine. */
	readonly name: string;
	/** Path of the image or the device on the host; null where the disk has none, as a network disk. */
	readonly path: string | null;
	/** `qcow2`, `raw` … */
	readonly format: string;
	/** What the guest sees; null: the host does not say. */
	readonly capacityBytes: number | null;
	/** What it takes on the host; null: the host does not say. */
	readonly allocatedBytes: number | null;
	/** A sentence for an administrator; null: it can be protected. */
	readonly unsupported: string | null;
};

export type VirtualMachine = {
	/** Universally unique. */
	readonly id: string;
	readonly name: string;
	readonly state: 'running' | 'paused' | 'off' | 'saved' | 'crashed';
	/** Words that begin with # in its title and description, without the #. */
	readonly tags: readonly string[];
	readonly processors: number;
	readonly memoryBytes: number;
	readonly disks: readonly VirtualDisk[];
	/** `absent`: the machine has no channel for one; `silent`: it has, and nobody in the guest listens. */
	readonly guestAgent: 'connected' | 'silent' | 'absent';
};
