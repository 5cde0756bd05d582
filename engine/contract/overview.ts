import { z } from 'zod';
import { origin } from './repositories.ts';
import { epochMs, size } from './values.ts';

export const protectedObject = z.object({
	jobId: z.string(),
	job: z.string(),
	object: z.string(),
	lastPointAt: epochMs.nullable(),
	/** When its newest point becomes too old; null: no objective known (run by hand only). */
	dueAt: epochMs.nullable(),
	state: z.enum(['protected', 'overdue', 'failing', 'never', 'paused']),
	lastVerifiedAt: epochMs.nullable(),
	sourceBytes: size,
});
export type ProtectedObject = z.infer<typeof protectedObject>;

export const attentionItem = z.object({
	id: z.string(),
	severity: z.enum(['warning', 'error']),
	title: z.string(),
	detail: z.string(),
	at: epochMs,
	/** The button that mends it. */
	action: z.object({
		kind: z.enum([
			'run-job',
			'retry-session',
			'open-session',
			'open-job',
			'open-repository',
			'check-chain',
			'enable-job',
			'verify-point',
			'repair-chain',
			'create-job',
			'open-key',
		]),
		label: z.string(),
		targetId: z.string(),
	}),
});
export type AttentionItem = z.infer<typeof attentionItem>;

export const overview = z.object({
	objects: z.array(protectedObject),
	/** Jobs that are not here, of which repositories hold restorable points. */
	imported: z.array(z.object({ originJobId: z.string(), job: z.string(), origin, objectCount: z.number(), pointCount: z.number(), newestAt: epochMs })),
	lastVerifiedAt: epochMs.nullable(),
	attention: z.array(attentionItem),
	runningSessionIds: z.array(z.string()),
	/** A row per job, a cell per day of the last 30, oldest first; null: nothing ran. Days are those of the given time zone. */
	heatMap: z.array(z.object({ jobId: z.string(), job: z.string(), days: z.array(z.enum(['success', 'warning', 'failed']).nullable()) })),
	/** Runs expected in the next 24 hours. */
	upcoming: z.array(z.object({ jobId: z.string(), job: z.string(), at: epochMs, expectedDurationMs: z.number() })),
	repositories: z.array(
		z.object({ id: z.string(), name: z.string(), capacityBytes: size.nullable(), freeBytes: size.nullable(), usedBytes: size, fullAt: epochMs.nullable() }),
	),
});
export type Overview = z.infer<typeof overview>;

export const systemInfo = z.object({
	product: z.literal('Holdfast'),
	version: z.string(),
	node: z.string(),
	platform: z.string(),
	hostName: z.string(),
	timeZone: z.string(),
	dataFolder: z.string(),
	startedAt: epochMs,
	processors: z.number().int(),
	memoryBytes: size,
	/** What this machine cannot do, in words: e.g. "extended attributes are not available on this platform". */
	limits: z.array(z.string()),
});
export type SystemInfo = z.infer<typeof systemInfo>;

/** One level of the server's own folders and disks, for choosing sources and targets. */
export const placeEntry = z.object({
	name: z.string(),
	path: z.string(),
	type: z.enum(['folder', 'file', 'disk-image', 'block-device', 'volume']),
	sizeBytes: size.nullable(),
	freeBytes: size.nullable(),
	modifiedAt: epochMs.nullable(),
	readable: z.boolean(),
});
export type PlaceEntry = z.infer<typeof placeEntry>;

/** Something changed: the face asks again for what it shows. Bursts are merged by the engine to at most 4 a second per kind and id. */
export const engineEvent = z.object({
	kind: z.enum(['job', 'session', 'repository', 'chain', 'point', 'key', 'throttle', 'machine', 'host', 'device', 'volume', 'settings', 'overview']),
	id: z.string().nullable(),
});
export type EngineEvent = z.infer<typeof engineEvent>;
