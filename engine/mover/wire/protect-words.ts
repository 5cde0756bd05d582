/** What is said when a machine is told to protect what lies on it, as the side that hears it checks it. */
import { z } from 'zod';
import {
	bottleneck,
	compression,
	databaseChoice,
	databaseKind,
	guestWriterSpec,
	hostSettings,
	itemWarning,
	quiesceMode,
	runMode,
	snapshotMode,
	snapshotUse,
	sourceSpec,
	taskCounters,
	writerSpec,
} from '../../contract/index.ts';
import { beginWords, clientId, folderPath, grantName, identity, keysWords, relativePath, workNews } from './words.ts';

const count = z.number().int().nonnegative();
const globs = z.array(z.string().min(1).max(32_768)).max(1000);
const anyPath = z.string().min(1).max(32_768);

const view = z.object({ path: anyPath, at: anyPath.nullable(), instantAt: z.number().nullable(), hasOrigins: z.boolean() });
const shortText = z.string().max(1024);
/** The snapshot of a virtual machine that another machine shows: files and disks are exports. */
const machineSnapshot = z.object({
	files: z.array(z.object({ name: z.string().min(1).max(255), at: anyPath })).max(1000),
	memory: anyPath.optional(),
	disks: z.array(z.object({ name: z.string().min(1).max(255), uri: anyPath, dirtyBitmap: shortText.nullable(), untracked: z.string().max(10_000) })).max(1000),
	checkpoint: shortText.nullable(),
	since: shortText.nullable(),
});
/** Where one object is read, and what that is worth. What is read off-host has `nbds://` addresses, without the certificates of who reads. */
export const objectSource = z.object({
	views: z.array(view).max(100_000),
	machine: machineSnapshot.optional(),
	consistency: z.enum(['application', 'file-system', 'crash']),
	snapshot: snapshotUse,
});

/** A repository on a machine that is neither who asks nor who is asked, and what lets one in there. */
export const thirdMachine = z.object({
	machine: z.object({
		id: z.string().min(1).max(64),
		name: z.string().max(200),
		host: z.string().min(1).max(253),
		port: z.number().int().min(1).max(65_535),
	}),
	path: folderPath,
	grant: grantName,
	connections: z.number().int().min(1).max(16),
});
export type ThirdMachine = z.output<typeof thirdMachine>;

/** Where the backup files go: to who asks, into a folder of this machine, or to a third one. */
const target = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('asker') }),
	z.object({ kind: z.literal('own'), path: folderPath, keys: keysWords, identity: identity.optional() }),
	z.object({ kind: z.literal('other'), ...thirdMachine.shape }),
]);

export const protectWords = z.object({
	clientId,
	target,
	run: beginWords.extend({
		suspects: beginWords.shape.suspects.unwrap(),
		sessionId: z.string().min(1).max(64),
		exclude: globs,
		databases: z.partialRecord(databaseKind, z.object({ choice: databaseChoice, isChosen: z.boolean() })).default({}),
		sources: z.array(objectSource.nullable()).max(10_000),
		blockSizeBytes: count.min(4096).max(16 * 1024 * 1024),
		compression,
		storeUnused: z.boolean(),
		reason: z.string().max(10_000),
	}),
});
export type ProtectWords = z.output<typeof protectWords>;

/** What the observer of an object hears. */
export const protectNews = z.object({
	observer: count,
	news: z.union([z.object({ what: z.literal('mode'), of: runMode }), workNews]),
});

export const protectOutcomes = z
	.array(z.object({ object: sourceSpec, pointId: z.string().min(1).max(16), mode: runMode, counters: taskCounters, bottleneck }))
	.max(10_000);

/** Lets another machine make one run into the repository of this session, or read some files of it, as long as this session lives. */
export const grantWords = z.object({
	peerId: z.string().min(1).max(64),
	may: z.discriminatedUnion('kind', [
		z.object({ kind: z.literal('write'), run: beginWords }),
		z.object({ kind: z.literal('read'), files: z.array(relativePath).min(1).max(100_000) }),
	]),
});
export type GrantWords = z.output<typeof grantWords>;
export const grantAnswer = z.object({ grant: grantName });

export const readingWish = z.object({
	clientId,
	sessionId: z.string().min(1).max(64),
	sources: z.array(sourceSpec).min(1).max(10_000),
	mode: snapshotMode,
	quiesce: quiesceMode,
	requireConsistent: z.boolean(),
	writers: z.array(writerSpec).max(100),
	exclude: globs,
});
export type ReadingWish = z.output<typeof readingWish>;
/** Of one virtual machine. */
export const machineWish = readingWish.pick({ clientId: true, sessionId: true, quiesce: true, requireConsistent: true, exclude: true }).extend({
	/** As it is reached from the machine that is asked. */
	host: hostSettings.omit({ machineId: true }),
	/** `HOST/NAME`. */
	path: z.string().regex(/^[^\0]+\/[^/\0]+$/),
	guestWriters: z.array(guestWriterSpec).max(10),
	/** Id of the job. */
	owner: z.string().min(1).max(64),
});
export type RemoteMachineWish = z.output<typeof machineWish>;
export const readingAnswer = z.object({ sources: z.array(objectSource).max(10_000) });
export type OpenedReading = z.output<typeof readingAnswer>;
/** `isRead`: applications may forget what they kept for it. */
export const endReadingWords = z.object({ isRead: z.boolean() });
export const readingNews = z.object({ message: itemWarning.shape.message, isWarning: z.boolean() });
