import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { EngineError, isEngineError, toErrorShape } from '../base/index.ts';
import type { BackupFileKind, ChainMethod, ErrorShape, MachineRef, RunMode, SnapshotUse, SourceSpec } from '../contract/index.ts';
import {
	type ChainHead,
	type ChainKeys,
	type ChainMetadata,
	type ChainSeal,
	encodeChainMetadata,
	type KeyRing,
	maxMetadataBytes,
	type PointManifest,
	parseChainMetadata,
} from '../format/index.ts';
import { findMarker, markerName, markRepository, requireMarked } from './marker.ts';
import { checkStorage } from './storage/check-storage.ts';
import { LocalFolder } from './storage/local-folder.ts';
import { openVault, type RepositoryPlace, type Vault } from './storage/open-storage.ts';
import type { Storage, StorageEntry } from './storage/storage.ts';

export const extensions: Readonly<Record<BackupFileKind, string>> = { full: '.hbk', increment: '.hib', reverse: '.hrb' };
export const metadataExtension = '.hbm';
export const kindOf = (name: string): BackupFileKind | undefined =>
	(Object.keys(extensions) as BackupFileKind[]).find((kind) => name.endsWith(extensions[kind]));
/** A file that a running session writes: `<name>.<job id>.part`. It gets its name when it is committed. */
export const partName = (name: string, jobId: string): string => `${name}.${jobId}.part`;

export type JobRef = { readonly id: string; readonly name: string };

/** A restore point as the repository's own files know it. Times are epoch milliseconds, sizes bytes. */
export type PointRecord = {
	readonly id: string;
	readonly chainId: string;
	readonly object: SourceSpec;
	readonly createdAt: number;
	readonly kind: BackupFileKind;
	readonly consistency: 'application' | 'file-system' | 'crash';
	readonly mode: RunMode;
	/** Absent: read live by a version that had no snapshots. */
	readonly snapshot?: SnapshotUse | undefined;
	readonly sessionId: string;
	/** Path of its backup file, relative to the repository. */
	readonly file: string;
	readonly storedBytes: number;
	readonly sourceBytes: number;
	readonly itemCount: number;
	readonly warningCount: number;
	/** Why it cannot be restored; null when nothing is known against it. */
	readonly problem: string | null;
};

export type ChainFileRecord = {
	/** Relative to the repository. */
	readonly path: string;
	/** Path of the file that this one builds on; null for a full. */
	readonly dependsOn: string | null;
	readonly kind: BackupFileKind;
	readonly sizeBytes: number;
	readonly createdAt: number;
	readonly pointIds: readonly string[];
	readonly problem: string | null;
};

export type AdHoc = NonNullable<ChainHead['adHoc']>;

export type ChainRecord = {
	readonly id: string;
	readonly job: JobRef;
	readonly objects: readonly SourceSpec[];
	/** Managed machine that they lie on; absent: that of the backup server. */
	readonly machine?: MachineRef | undefined;
	readonly method: ChainMethod;
	readonly createdAt: number;
	readonly encrypted: boolean;
	/** Id of the master key that opens it; null when it is not encrypted. */
	readonly keyId: string | null;
	/** A full outside of the job's chains, kept until a time of its own (null: until it is removed by hand); absent from an ordinary chain. */
	readonly adHoc?: AdHoc | undefined;
	/** The full first, every file after the one that it builds on. */
	readonly files: readonly ChainFileRecord[];
	/** Oldest first. */
	readonly points: readonly PointRecord[];
};

export type ChainList = { readonly chains: readonly ChainRecord[]; readonly problems: readonly { readonly path: string; readonly error: ErrorShape }[] };

/** A chain's metadata and where it lies. */
export type StoredChain = { readonly path: string; readonly folder: string; readonly metadata: ChainMetadata; readonly seal: ChainSeal | null };

/** Tries a folder out before it is trusted, and creates it if its parent exists. @throws `repository.*`, of the first promise that it breaks */
export async function prepareRepository(repositoryPath: string, { isThere = false }: HoldOptions = {}): Promise<void> {
	if (isThere) await requireMarked(repositoryPath);
	const parent = path.dirname(repositoryPath);
	const isFolder = (name: string): Promise<boolean> =>
		stat(name).then(
			(status) => status.isDirectory(),
			() => false,
		);
	if (!(await isFolder(repositoryPath))) {
		if (!(await isFolder(parent)))
			throw new EngineError('repository.unreachable', `The folder ${parent} does not exist.`, {
				hint: `Create it, or choose another folder: only the last part of ${repositoryPath} is created for you.`,
			});
		await new LocalFolder(parent).open(`${path.basename(repositoryPath)}/${firstName}`, 'create').then((file) => file[Symbol.asyncDispose]());
	}
	const storage = new LocalFolder(repositoryPath);
	const broken = (await checkStorage(storage)).find(({ error }) => error !== null);
	if (!broken) await markRepository(storage);
	await storage.remove(firstName);
	if (broken?.error) throw EngineError.from(broken.error);
}
const firstName = '.holdfast';

/** `isThere`: it is a repository already, seen from another machine before; a folder that is none is refused, and left as it is. */
export type HoldOptions = { readonly isThere?: boolean | undefined };

/**
 * Before anything is written: refuses what only looks like a new repository, and marks one that is older than the marker or its identity.
 * @returns its identity; null: it was made under another account, and this one may not give it any, but perhaps write into its folders
 * @throws `repository.unreachable`
 */
export async function claimRepository(vault: Vault): Promise<string | null> {
	const marker = await findMarker(vault.storage);
	if (marker?.identity != null) return marker.identity;
	if (marker === null) await readChains(vault);
	try {
		return await markRepository(vault.storage);
	} catch (error) {
		if (marker !== null && isEngineError(error, 'repository.not-writable')) return null;
		throw error;
	}
}

const isOurs = ({ name, kind }: StorageEntry): boolean => kind === 'file' && (name.endsWith(metadataExtension) || kindOf(name) !== undefined);

const notTheRepository = (place: string): EngineError =>
	new EngineError('repository.unreachable', `${place} is there, but it is not the repository: its file ${markerName} and all chains are missing.`, {
		hint: 'Mount the disk or share that holds it. If the repository shall begin anew in this folder, prepare it with "holdfast repository prepare".',
		data: { isUnmarked: true },
	});

/** All chains of a repository, from their metadata files. @throws `repository.unreachable` also when there is neither a backup file nor the marker of a repository */
export async function readChains({ storage, keys }: Vault): Promise<{
	readonly chains: StoredChain[];
	/** Those that list a chain once more. They are in the problems, too. */
	readonly copies: StoredChain[];
	readonly problems: { readonly path: string; readonly error: ErrorShape }[];
	readonly folders: Map<string, readonly StorageEntry[]>;
}> {
	const chains: StoredChain[] = [];
	const problems: { path: string; error: ErrorShape }[] = [];
	const folders = new Map<string, readonly StorageEntry[]>();
	const top = await storage.list('');
	for (const folder of top.filter((entry) => entry.kind === 'folder')) {
		let entries: readonly StorageEntry[];
		try {
			entries = await storage.list(folder.name);
		} catch (error) {
			if (isEngineError(error, 'not-found.path')) continue; // removed since it was listed
			problems.push({ path: folder.name, error: toErrorShape(error) });
			continue;
		}
		folders.set(folder.name, entries);
		for (const entry of entries.filter(({ name, kind }) => kind === 'file' && name.endsWith(metadataExtension))) {
			const location = `${folder.name}/${entry.name}`;
			try {
				const stored = { path: location, folder: folder.name, ...(await readMetadata(storage, location, keys)) };
				chains.push(stored);
				folders.set(folder.name, await withUnseen(storage, stored, folders.get(folder.name) ?? entries));
			} catch (error) {
				if (!isEngineError(error, 'not-found.path')) problems.push({ path: location, error: withRemedy(toErrorShape(error)) });
			}
		}
	}
	const isRepository = problems.length > 0 || [...folders.values()].some((entries) => entries.some(isOurs)) || (await findMarker(storage)) !== null;
	if (!isRepository) throw notTheRepository(storage.properties.place);
	chains.sort((a, b) => a.metadata.chain.createdAt - b.metadata.chain.createdAt);
	const copies = findCopies(chains, folders);
	for (const [copy, kept] of copies) {
		problems.push({
			path: copy.path,
			error: new EngineError('repository.duplicate', `${copy.path} lists the same chain as ${kept.path}, which is used.`, {
				hint: 'One of them is a copy, or was left behind when the chain was moved. Move what is not needed out of the repository.',
			}).shape,
		});
	}
	return { chains: chains.filter((stored) => !copies.has(stored)), copies: [...copies.keys()], problems, folders };
}

/**
 * A client of a share may be shown a folder as it was a while ago, when another machine has written there since. What a chain lists, and the folder does
 * not show or shows shorter, is opened: that asks the server.
 */
async function withUnseen(storage: Storage, { folder, metadata }: StoredChain, entries: readonly StorageEntry[]): Promise<readonly StorageEntry[]> {
	const shown = new Map(entries.map((entry) => [entry.name, entry]));
	for (const file of metadata.files) {
		if ((shown.get(file.name)?.sizeBytes ?? 0) >= file.sizeBytes) continue;
		try {
			await using open = await storage.open(`${folder}/${file.name}`, 'read');
			shown.set(file.name, { name: file.name, kind: 'file', sizeBytes: await open.sizeBytes() });
		} catch {
			// it is missing, or what the folder shows of it is all that is known
		}
	}
	return [...shown.values()];
}

/** Metadata says again what the backup files say: where it is damaged, nothing is lost. */
const withRemedy = (error: ErrorShape): ErrorShape =>
	error.code === 'repository.damaged' && !error.hint
		? { ...error, hint: 'Nothing is lost: "holdfast repository import NAME" makes it anew from the backup files, and so does the next run of its job.' }
		: error;

/** How many of the files that a chain lists are there. */
export const presentFiles = ({ metadata }: StoredChain, entries: readonly StorageEntry[]): number => {
	const names = new Set(entries.map(({ name }) => name));
	return metadata.files.filter(({ name }) => names.has(name)).length;
};

/** A chain counts once in a repository: where most of its files are, then where it is newest, then where the name comes first. Copies, with what is used. */
function findCopies(chains: readonly StoredChain[], folders: ReadonlyMap<string, readonly StorageEntry[]>): Map<StoredChain, StoredChain> {
	const present = (stored: StoredChain): number => presentFiles(stored, folders.get(stored.folder) ?? []);
	const newestAt = ({ metadata }: StoredChain): number => metadata.files.reduce((newest, { createdAt }) => Math.max(newest, createdAt), 0);
	const copies = new Map<StoredChain, StoredChain>();
	for (const same of Map.groupBy(chains, ({ metadata }) => metadata.chain.id).values()) {
		if (same.length === 1) continue;
		const [kept, ...rest] = same.toSorted(
			(a, b) => present(b) - present(a) || newestAt(b) - newestAt(a) || (a.folder < b.folder || (a.folder === b.folder && a.path < b.path) ? -1 : 1),
		);
		for (const copy of rest) if (kept) copies.set(copy, kept);
	}
	return copies;
}

export async function readMetadata(storage: Storage, location: string, keys: KeyRing): Promise<Pick<StoredChain, 'metadata' | 'seal'>> {
	await using file = await storage.open(location, 'read');
	const size = await file.sizeBytes();
	if (size > maxMetadataBytes) throw new EngineError('repository.damaged', `${location} is larger than chain metadata can be.`);
	const bytes = Buffer.alloc(size);
	return parseChainMetadata(bytes.subarray(0, await file.read(bytes, 0)), location, keys);
}

export const writeMetadata = (storage: Storage, location: string, metadata: ChainMetadata, seal: ChainSeal | null): Promise<void> =>
	storage.replace(location, encodeChainMetadata(metadata, seal));

/** A chain as the rest of the engine sees it; files that are missing or have another size are named as problems, with all that depends on them. */
export function describeChain(stored: StoredChain, entries: readonly StorageEntry[]): ChainRecord {
	const { chain, files } = stored.metadata;
	const sizes = new Map(entries.map((entry) => [entry.name, entry.sizeBytes]));
	const problems = new Map<string, string | null>();
	const described: ChainFileRecord[] = [];
	const points: PointRecord[] = [];
	for (const file of files) {
		const location = `${stored.folder}/${file.name}`;
		const problem = ownProblem(file, sizes.get(file.name)) ?? inheritedProblem(file.dependsOn, problems);
		problems.set(file.id, problem);
		described.push({
			path: location,
			dependsOn: nameOf(stored, file.dependsOn),
			kind: file.kind,
			sizeBytes: sizes.get(file.name) ?? 0,
			createdAt: file.createdAt,
			pointIds: file.points.map((point) => point.id),
			problem,
		});
		for (const point of file.points) points.push(describePoint(point, chain.id, file.kind, location, problem));
	}
	points.sort((a, b) => a.createdAt - b.createdAt);
	return {
		id: chain.id,
		job: chain.job,
		objects: chain.objects,
		...(chain.machine && { machine: chain.machine }),
		method: chain.method,
		createdAt: chain.createdAt,
		encrypted: stored.seal !== null,
		keyId: stored.seal?.key.id ?? null,
		...(chain.adHoc && { adHoc: chain.adHoc }),
		files: described,
		points,
	};
}

type StoredFile = ChainMetadata['files'][number];

function nameOf(stored: StoredChain, fileId: string | null): string | null {
	const file = stored.metadata.files.find((candidate) => candidate.id === fileId);
	return file ? `${stored.folder}/${file.name}` : null;
}

function ownProblem(file: StoredFile, sizeBytes: number | undefined): string | null {
	if (sizeBytes === undefined) return `${file.name} is missing.`;
	return sizeBytes < file.sizeBytes ? `${file.name} is shorter than it was when it was written.` : null;
}

function inheritedProblem(dependsOn: string | null, problems: ReadonlyMap<string, string | null>): string | null {
	if (dependsOn === null) return null;
	const problem = problems.get(dependsOn);
	if (problem === undefined) return 'It depends on a file that the chain does not have.';
	return problem && (problem.startsWith(inherited) ? problem : `${inherited}${problem}`);
}
const inherited = 'It depends on a damaged file: ';

/** A file with all that it builds on, the full first. */
export function filesNeeded(stored: StoredChain, last: StoredFile): StoredFile[] {
	const needed: StoredFile[] = [];
	for (let file: StoredFile | undefined = last; file && !needed.includes(file); ) {
		needed.unshift(file);
		const { dependsOn }: StoredFile = file;
		file = stored.metadata.files.find((candidate) => candidate.id === dependsOn);
	}
	return needed;
}

const describePoint = (point: PointManifest, chainId: string, kind: BackupFileKind, file: string, problem: string | null): PointRecord => ({
	id: point.id,
	chainId,
	object: point.object,
	createdAt: point.createdAt,
	kind,
	consistency: point.consistency,
	mode: point.mode,
	snapshot: point.snapshot,
	sessionId: point.sessionId,
	file,
	storedBytes: point.storedBytes,
	sourceBytes: point.sourceBytes,
	itemCount: point.itemCount,
	warningCount: point.warningCount,
	problem,
});

export async function listChains(place: RepositoryPlace): Promise<ChainList> {
	const { chains, problems, folders } = await readChains(openVault(place));
	return { chains: chains.map((stored) => describeChain(stored, folders.get(stored.folder) ?? [])), problems };
}

/** Deletes a chain: its newest files first, its metadata last, so that after a crash in between what is left is still known. */
export async function removeChain(place: RepositoryPlace, chainId: string): Promise<void> {
	const vault = openVault(place);
	const { storage } = vault;
	const { chains, folders } = await readChains(vault);
	const stored = chains.find((candidate) => candidate.metadata.chain.id === chainId);
	if (!stored) return;
	await claimRepository(vault);
	await removeBegun(storage, stored, folders.get(stored.folder) ?? [], stored.metadata.files);
	for (const file of stored.metadata.files.toReversed()) await storage.remove(`${stored.folder}/${file.name}`);
	await storage.remove(stored.path);
}

/** What a compaction of the files had begun when it died goes with them. */
async function removeBegun(
	storage: Storage,
	{ folder, metadata }: StoredChain,
	entries: readonly StorageEntry[],
	files: ChainMetadata['files'],
): Promise<void> {
	const parts = new Set(files.map(({ name }) => partName(name, metadata.chain.job.id)));
	for (const { name } of entries) if (parts.has(name)) await storage.remove(`${folder}/${name}`);
}

/**
 * Deletes one file that nothing builds on: the oldest reverse increment, a differential. Metadata first: a file that is left behind by a crash is
 * found and taken in again.
 * @throws `not-found.chain`, `usage.conflict` when another file builds on it
 */
export async function removeFile(place: RepositoryPlace, chainId: string, path: string): Promise<void> {
	const vault = openVault(place);
	const { storage } = vault;
	const { chains, folders } = await readChains(vault);
	const stored = chains.find((candidate) => candidate.metadata.chain.id === chainId);
	if (!stored) throw unknownChain(chainId);
	const { chain, files } = stored.metadata;
	const file = files.find(({ name }) => `${stored.folder}/${name}` === path);
	if (!file) return;
	const dependent = files.find(({ dependsOn }) => dependsOn === file.id);
	if (dependent || file.kind === 'full')
		throw new EngineError(
			'usage.conflict',
			`${path} cannot be removed alone: ${dependent ? `${dependent.name} builds on it` : 'it is the full of its chain'}.`,
		);
	await removeBegun(storage, stored, folders.get(stored.folder) ?? [], [file]);
	await writeMetadata(storage, stored.path, { chain, files: files.filter((other) => other !== file) }, stored.seal);
	await storage.remove(path);
}

/** A point, the files that it needs, its own last, and the keys of its chain; null: that is not encrypted. */
export type FoundPoint = { readonly point: PointManifest; readonly files: readonly string[]; readonly keys: ChainKeys | null };

/** What need not be looked up again to read the point with the keys of the repository. */
export type FoundInChain = Pick<FoundPoint, 'point' | 'files'> & { readonly chainId: string };

/** @throws `not-found.point`, `repository.damaged` */
export async function findPoint(place: RepositoryPlace, pointId: string): Promise<FoundPoint & { readonly chain: ChainRecord }> {
	const vault = openVault(place);
	const { storage } = vault;
	const { chains, folders } = await readChains(vault);
	for (const stored of chains) {
		const file = stored.metadata.files.find((candidate) => candidate.points.some(({ id }) => id === pointId));
		const point = file?.points.find(({ id }) => id === pointId);
		if (!file || !point) continue;
		const chain = describeChain(stored, folders.get(stored.folder) ?? []);
		const needed = filesNeeded(stored, file).map(({ name }) => `${stored.folder}/${name}`);
		return { point, files: needed, keys: stored.seal?.cipher.keys ?? null, chain };
	}
	throw new EngineError('not-found.point', `There is no restore point ${pointId} in ${storage.properties.place}.`, {
		hint: 'List the points with "holdfast point list".',
	});
}

export const unknownChain = (chainId: string): EngineError =>
	new EngineError('not-found.chain', `There is no chain ${chainId}.`, { hint: 'List the chains with "holdfast chain list".' });
