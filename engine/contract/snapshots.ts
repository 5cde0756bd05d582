import { z } from 'zod';
import { epochMs, machineRef, size } from './values.ts';

/** `auto`: each volume by its best provider, live where there is none; `none`: live; else the name of a provider, without which the task fails. */
export const snapshotMode = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'Write auto, none or the name of a provider.');

/** How an object was to be read, and how it was read. */
export const snapshotUse = z.object({
	requested: z.string(),
	/** `none`, or the names of the providers, joined by commas. */
	actual: z.string(),
	/** What shows one instant: everything, each volume, each file, or nothing (`live`); of several, the least. */
	instant: z.enum(['set', 'volume', 'file', 'live']),
	/** Why something was read live or in a lesser way than asked for; empty otherwise. */
	reason: z.string(),
	/** Applications that held still, as they call themselves. */
	writers: z.array(z.string()),
	/** Null: read live. */
	createdAt: epochMs.nullable(),
	/** The machine that read it off-host; absent: the one that holds it did. */
	proxy: machineRef.optional(),
});
export type SnapshotUse = z.infer<typeof snapshotUse>;

/** How virtual machines and applications are made consistent (QUIESCE-01): `online` falls to crash-consistent, `offline` to a saved state of the machine first. */
export const quiesceMode = z.enum(['online', 'offline', 'crash']);
export type QuiesceMode = z.infer<typeof quiesceMode>;

/** `KIND:SPEC`. */
export const writerSpec = z
	.string()
	.max(4000)
	.regex(/^[a-z][a-z0-9-]*:[^\0]+$/, 'Write KIND:SPEC, for example script:/etc/holdfast/app.sh');

/** An application in the guests of a job's virtual machines: `agent:/path?…`, which the guest agent runs, or `ssh:USER@[:PORT]/path?…` at the address of each. */
export const guestWriterSpec = writerSpec.regex(/^(agent|ssh):/, 'Write agent:/path/in/the/guest, or ssh:USER@/path/in/the/guest.');

const volumeProvider = z.object({
	name: z.string(),
	/** Null: it can make snapshots of the volume; else why not. */
	reason: z.string().nullable(),
	instant: z.enum(['set', 'volume', 'file']),
	isHardware: z.boolean(),
	isTransportable: z.boolean(),
});

export const volume = z.object({
	/** Mount point, or path of a device. */
	id: z.string(),
	fileSystem: z.string().nullable(),
	device: z.string().nullable(),
	/** Null: the system does not tell, or did not in time. */
	sizeBytes: size.nullable(),
	/** Free to the engine. */
	freeBytes: size.nullable(),
	isReadOnly: z.boolean(),
	/** Best first. */
	providers: z.array(volumeProvider),
	/** `auto`, or the provider that was chosen by hand. */
	choice: z.string(),
	/** What `auto` takes, or what was chosen; null: it is read live. */
	provider: z.string().nullable(),
	/** Snapshots at a time. */
	maxSnapshots: z.number().int().min(1).max(64),
	scannedAt: epochMs,
});
export type Volume = z.infer<typeof volume>;

export const volumeChange = z.object({
	id: z.string().min(1),
	provider: z
		.string()
		.regex(/^[a-z][a-z0-9-]{0,30}$/)
		.optional(),
	maxSnapshots: z.number().int().min(1).max(64).optional(),
});
export type VolumeChange = z.infer<typeof volumeChange>;
