import { z } from 'zod';
import { entityName, type errorShape, size } from './values.ts';

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
	/** Managed machine whose data mover asks the host and reads its machines: the address is meant from there; null: this engine does so itself. */
	machineId: z.string().min(1).nullable().default(null),
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
export const hostFacts = z.object({
	hostName: z.string().max(255),
	/** Hypervisor and library with their versions, for example `QEMU 7.2.22`. */
	product: z.string().max(255),
	processors: z.number().int().nonnegative(),
	memoryBytes: size,
});
export type HostFacts = z.infer<typeof hostFacts>;

/** A hypervisor host, as it is at the moment when it is asked. */
export type Host = {
	readonly id: string;
	readonly revision: number;
	readonly settings: HostSettings;
	/** Of the managed machine that it is reached through; null: it is reached from here. */
	readonly machineName: string | null;
	readonly state: 'online' | 'offline';
	/** Why it is not online. */
	readonly problem: z.infer<typeof errorShape> | null;
	readonly facts: HostFacts | null;
};

export const virtualDisk = z.object({
	/** As the guest has it: `vda`. Unique in its machine. */
	name: z.string().max(255),
	/** Path of the image or the device on the host; null where the disk has none, as a network disk. */
	path: z.string().max(32_768).nullable(),
	/** `qcow2`, `raw` … */
	format: z.string().max(255),
	/** What the guest sees; null: the host does not say. */
	capacityBytes: size.nullable(),
	/** What it takes on the host; null: the host does not say. */
	allocatedBytes: size.nullable(),
	/** A sentence for an administrator; null: it can be protected. */
	unsupported: z.string().max(1000).nullable(),
});
export type VirtualDisk = Readonly<z.infer<typeof virtualDisk>>;

export const virtualMachine = z.object({
	/** Universally unique. */
	id: z.string().max(255),
	name: z.string().max(1000),
	state: z.enum(['running', 'paused', 'off', 'saved', 'crashed']),
	/** Words that begin with # in its title and description, without the #. */
	tags: z.array(z.string().max(10_000)).max(10_000).readonly(),
	processors: z.number().int().nonnegative(),
	memoryBytes: size,
	disks: z.array(virtualDisk).max(1000).readonly(),
	/** `absent`: the machine has no channel for one; `silent`: it has, and nobody in the guest listens. */
	guestAgent: z.enum(['connected', 'silent', 'absent']),
});
export type VirtualMachine = Readonly<z.infer<typeof virtualMachine>>;
