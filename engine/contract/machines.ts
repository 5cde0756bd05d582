import { z } from 'zod';
import { placeEntry } from './overview.ts';
import { entityName, epochMs, type errorShape, size } from './values.ts';

/** What a machine may be used for. Only machines that are registered can have a role. */
export const machineRole = z.enum(['proxy', 'repository', 'gateway', 'mount']);
export type MachineRole = z.infer<typeof machineRole>;

/** A machine holds repositories on its own disks, or is the gateway to shares that it has mounted. */
export const mayHoldRepositories = ({ roles }: { readonly roles: readonly MachineRole[] }): boolean =>
	roles.includes('repository') || roles.includes('gateway');

/** Where a data mover listens. */
export const machineAddress = z.object({
	host: z
		.string()
		.trim()
		.min(1, 'An address is needed.')
		.max(253)
		.regex(/^[^\s/@]+$/, 'An address is a host name or an IP address.'),
	port: z.number().int().min(1, 'A port is a number from 1 to 65535.').max(65_535, 'A port is a number from 1 to 65535.'),
});
export type MachineAddress = z.infer<typeof machineAddress>;

/** Each has a session with the data mover, of which there are 64 at most. */
export const maxTasksOfMachine = 32;

export const machineSettings = z.object({
	name: entityName,
	address: machineAddress,
	roles: z
		.array(machineRole)
		.default([])
		.transform((roles) => machineRole.options.filter((role) => roles.includes(role))),
	/** Tasks that may read there, or give back, at the same time; null: one per processor. */
	maxTasks: z.number().int().min(1).max(maxTasksOfMachine).nullable().default(null),
});
export type MachineSettings = z.infer<typeof machineSettings>;
export type MachineSettingsInput = z.input<typeof machineSettings>;

/** What a data mover tells of its machine. It comes from there: bounded, and only to be shown. */
export const machineStatus = z.object({
	hostName: z.string().max(255),
	/** Of Holdfast, there. */
	version: z.string().max(100),
	/** `linux`, `darwin`, `win32` … */
	platform: z.string().max(100),
	processors: z.number().int().nonnegative(),
	memoryBytes: size,
	startedAt: epochMs,
	certificateExpiresAt: epochMs,
	volumes: z.array(z.object({ path: z.string().max(32_768), sizeBytes: size, freeBytes: size, readOnly: z.boolean() })).max(1000),
	disks: z.array(z.object({ path: z.string().max(32_768), sizeBytes: size, model: z.string().max(1000).nullable() })).max(1000),
});
export type MachineStatus = z.infer<typeof machineStatus>;

export const placeList = z.object({ path: z.string().nullable(), parent: z.string().nullable(), entries: z.array(placeEntry).max(6000) });
export type PlaceList = z.infer<typeof placeList>;

export type Machine = {
	readonly id: string;
	readonly revision: number;
	readonly settings: MachineSettings;
	/** As of the last time that it was asked. */
	readonly state: 'online' | 'offline';
	/** Why it is not online. */
	readonly problem: z.infer<typeof errorShape> | null;
	readonly seenAt: number | null;
	/** What it told when it was seen last. */
	readonly status: MachineStatus | null;
};

export type PairingOffer = {
	/** Shown once; good for one machine. */
	readonly token: string;
	readonly expiresAt: number;
};
