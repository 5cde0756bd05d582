import { z } from 'zod';
import { entityName, type errorShape, size } from './values.ts';

/** A raw image or block device that is written through Holdfast, so that snapshots of it can be made. */
export const deviceSettings = z.object({
	/** Also the name of its NBD export. */
	name: entityName,
	path: z.string().min(1, 'A path is needed.').max(4096),
	/** Where what is overwritten during a backup is kept; null: the data folder. */
	cacheFolder: z.string().min(1).max(4096).nullable().default(null),
	/** For each snapshot; null: a fifth of the device, 256 MiB at least. */
	cacheLimitBytes: size.nullable().default(null),
});
export type DeviceSettings = z.infer<typeof deviceSettings>;
export type DeviceSettingsInput = z.input<typeof deviceSettings>;

export type Device = {
	readonly id: string;
	readonly revision: number;
	readonly settings: DeviceSettings;
	/** Devices are served while a server or the desktop console runs. */
	readonly state: 'served' | 'not-served';
	/** Why it is not served, if something prevents it. */
	readonly problem: z.infer<typeof errorShape> | null;
	/** Where its users find it; null while it is not served. */
	readonly uri: string | null;
	readonly sizeBytes: number | null;
	/** Connections of its users. */
	readonly clients: number;
	readonly snapshots: readonly { readonly cachedBytes: number; readonly problem: z.infer<typeof errorShape> | null }[];
};
