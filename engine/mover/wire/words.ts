/** What is said in the questions about a repository, as the answering side checks it. Shared by both sides. */
import { z } from 'zod';
import { EngineError } from '../../base/index.ts';
import {
	bottleneck,
	chainMethod,
	checkResult,
	damagedStructure,
	itemWarning,
	machineRef,
	sessionStep,
	sourceSpec,
	stepPart,
	taskCounters,
} from '../../contract/index.ts';
import { type ChainKeys, type KeyRing, pointManifest } from '../../format/index.ts';
import type { RemotePlace } from './place.ts';

const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const count = z.number().int().nonnegative();
/** Relative, inside the repository; its own names need no more. */
export const relativePath = z
	.string()
	.max(4096)
	.refine((path) => !path.includes('\0') && !path.startsWith('/') && !path.split(/[/\\]/).includes('..'), 'a path must stay within the repository');

export const folderPath = z.string().min(1).max(4096);
export const clientId = z.string().min(1).max(64);
export const keysWords = z
	.array(z.object({ id: z.string().max(64), secret: base64, slots: z.array(z.object({ kind: z.enum(['password', 'recovery']), bytes: base64 })).max(8) }))
	.max(1000);
export const sayKeys = (keys: KeyRing): z.input<typeof keysWords> =>
	keys.map(({ id, secret, slots }) => ({ id, secret: text(secret), slots: slots.map(({ kind, bytes }) => ({ kind, bytes: text(bytes) })) }));

/** Chance: who names it may make the run that it was given for. */
export const grantName = z.string().regex(/^[0-9a-f]{32}$/);

/** Of a repository, as its marker has it (docs/format.md). */
export const identity = z.string().regex(/^[0-9a-f]{32}$/);

export const placeWords = z.object({ path: folderPath, clientId, keys: keysWords, identity: identity.optional(), grant: grantName.optional() });
export const sayPlace = ({ path, keys, clientId, identity, grant }: RemotePlace): z.input<typeof placeWords> => ({
	path,
	clientId,
	keys: sayKeys(keys),
	...(identity !== undefined && { identity }),
	...(grant !== undefined && { grant }),
});

export const propertiesWords = z.object({ place: z.string(), randomWrite: z.boolean(), knowsSpace: z.boolean() });

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const suspects = z
	.array(z.object({ file: relativePath, structure: damagedStructure.optional(), offset: count.optional(), chunk: hash.optional() }))
	.max(1_000_000);

export const beginWords = z.object({
	job: z.object({ id: z.string().regex(/^[\w-]{1,64}$/), name: z.string().min(1).max(1000) }),
	objects: z.array(sourceSpec).min(1).max(10_000),
	machine: machineRef.optional(),
	method: chainMethod,
	differential: z.boolean(),
	singleFile: z.boolean(),
	requested: z.enum(['full', 'synthetic', 'increment']),
	renewAfterPoints: count.nullable(),
	suspects: suspects.optional(),
	adHoc: z.object({ keepUntil: z.number().int().nullable() }).optional(),
	keyId: z.string().max(64).nullable(),
	now: z.number().int(),
});
export type BeginWords = z.output<typeof beginWords>;

export const chainKeysWords = z.object({ names: base64, payloads: base64, headers: base64, fingerprints: base64 });
export const sayChainKeys = ({ names, payloads, headers, fingerprints }: ChainKeys): z.input<typeof chainKeysWords> => ({
	names: text(names),
	payloads: text(payloads),
	headers: text(headers),
	fingerprints: text(fingerprints),
});

export const begunWords = z.object({
	actual: z.enum(['full', 'increment']),
	fallbackReason: z.string(),
	previous: z.array(pointManifest.nullable()).max(10_000),
	keys: chainKeysWords.nullable(),
	/** There is a chain to compare with. */
	hasBase: z.boolean(),
	/** Null: nothing of it is in doubt. */
	lostChunks: count.nullable(),
});

export const busyWords = z.object({ busyMs: z.number().nonnegative() });
export const commitWords = z.object({ points: z.array(pointManifest).max(10_000) });
export const newsWords = z.discriminatedUnion('what', [
	z.object({ what: z.literal('begins'), part: stepPart }),
	z.object({ what: z.literal('expects'), bytes: z.number() }),
	z.object({ what: z.literal('moved'), bytes: z.number() }),
]);
/** A point, and the files that it needs. */
export const foundWords = z.object({ point: pointManifest, files: z.array(relativePath).min(1).max(100_000) });
/** What the host of a repository does there by itself: bytes that it only looks at, or moves between files, do not cross the network. */
export const workWords = z.discriminatedUnion('kind', [
	z.object({
		kind: z.literal('step'),
		chainId: z.string().max(64),
		step: z.discriminatedUnion('kind', [
			z.object({ kind: z.literal('merge'), count }),
			z.object({ kind: z.literal('compact') }),
			z.object({ kind: z.literal('mend'), suspects }),
		]),
	}),
	z.object({
		kind: z.literal('check'),
		chainId: z.string().max(64),
		part: z.object({ sliceCount: count, slices: z.array(count).max(10_000), suspects }).nullable(),
	}),
	z.object({ kind: z.literal('verify'), pointId: z.string().max(64), found: foundWords.extend({ chainId: z.string().max(64) }).optional() }),
]);
/** Of the host's work, as it goes on: what a task's observer hears. */
export const workNews = z.discriminatedUnion('what', [
	z.object({ what: z.literal('counters'), of: taskCounters }),
	z.object({ what: z.literal('activity'), of: z.string().max(100_000) }),
	z.object({ what: z.literal('warning'), of: itemWarning }),
	z.object({ what: z.literal('info'), of: z.string().max(100_000) }),
	z.object({ what: z.literal('bottleneck'), of: bottleneck }),
	z.object({ what: z.literal('step'), of: sessionStep }),
]);
const mended = z.array(z.object({ file: z.string(), what: z.string() })).max(100_000);
const stepOutcome = z.object({ savedBytes: z.number(), mend: z.object({ mended, left: mended }).optional() });
export const workOutcomes = { step: stepOutcome, check: checkResult, verify: checkResult } as const;
/** Bytes per second; null: no limit. */
export const paceWords = z.object({ read: count.nullable(), write: count.nullable() });

export const verdictWords = z.object({ isHurt: z.boolean() });

export const pathWords = z.object({ path: relativePath });
export const openWords = z.object({ path: relativePath, mode: z.enum(['read', 'update', 'create']) });
export const renameWords = z.object({ from: relativePath, to: relativePath, replace: z.boolean() });
export const fileWords = z.object({ file: count });
/** Of one read or write. */
export const pieceBytes = 4 * 1024 * 1024;
export const readWords = z.object({ file: count, offset: count, bytes: count.max(pieceBytes) });
export const writeWords = z.object({ file: count, offset: count });
export const truncateWords = z.object({ file: count, sizeBytes: count });
export const sizeWords = z.object({ sizeBytes: count });
export const listWords = z.object({ entries: z.array(z.object({ name: z.string(), kind: z.enum(['file', 'folder']), sizeBytes: count })).max(200_000) });
export const spaceWords = z.object({ capacityBytes: count, freeBytes: count });

/** @throws `connection.lost`: the other side does not keep to the protocol */
export function heard<T>(schema: z.ZodType<T>, json: unknown): T {
	const result = schema.safeParse(json);
	if (result.success) return result.data;
	const [issue] = result.error.issues;
	throw new EngineError(
		'connection.lost',
		`The other side said what cannot be understood: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is wrong'}.`,
		{
			hint: 'Update Holdfast on both sides to the same version.',
		},
	);
}
