import * as path from 'node:path';
import { EngineError, isEngineError, newId } from '../base/index.ts';
import type { BackupFileKind, ChainMethod, SourceSpec } from '../contract/index.ts';
import type { ChainHead, PointManifest } from '../format/index.ts';
import { BackupFileWriter } from './backup-file.ts';
import { type ChainHandle, loadChain } from './chain-reader.ts';
import { describeChain, extensions, type JobRef, metadataExtension, partName, readChains, type StoredChain, writeMetadata } from './chain-store.ts';
import { LocalFolder } from './storage/local-folder.ts';
import type { Storage } from './storage/storage.ts';

export type ChainRunSpec = {
	readonly repositoryPath: string;
	readonly job: JobRef;
	readonly objects: readonly SourceSpec[];
	readonly method: ChainMethod;
	readonly singleFile: boolean;
	readonly requested: 'full' | 'increment';
	readonly renewAfterPoints: number | null;
	readonly now: number;
};

/**
 * One run into a chain: decides between full and increment, gives the chain to compare with and the file to write, and commits.
 * Disposed before `commit` it leaves the chain as it was and no file behind.
 */
export class ChainRun implements AsyncDisposable {
	readonly actual: 'full' | 'increment';
	/** Why the actual mode is not the requested one; empty when it is. */
	readonly fallbackReason: string;
	/** The chain that the run builds on; null for a full. */
	readonly base: ChainHandle | null;
	/** Newest manifest per object, in the order of the objects; null where there is none to compare with. */
	readonly previous: readonly (PointManifest | null)[];
	readonly writer: BackupFileWriter;
	readonly #storage: Storage;
	readonly #target: Target;
	#isCommitted = false;

	private constructor(storage: Storage, target: Target, plan: Plan, writer: BackupFileWriter) {
		this.#storage = storage;
		this.#target = target;
		this.writer = writer;
		this.actual = plan.stored ? 'increment' : 'full';
		this.fallbackReason = plan.fallbackReason;
		this.base = plan.base;
		this.previous = plan.previous;
	}

	/** @throws `repository.*` */
	static async begin(spec: ChainRunSpec): Promise<ChainRun> {
		const storage = new LocalFolder(spec.repositoryPath);
		const plan = await planRun(storage, spec);
		const target = chooseTarget(spec, plan);
		const part = `${target.folder}/${partName(target.name, spec.job.id)}`;
		const writer = await BackupFileWriter.create(storage, { path: part, kind: target.kind, createdAt: spec.now });
		return new ChainRun(storage, { ...target, part }, plan, writer);
	}

	/** Makes the points part of the chain: file first, then its name, then the metadata. A crash in between loses nothing that was committed before. */
	async commit(points: readonly PointManifest[]): Promise<{ sizeBytes: number; path: string }> {
		const { folder, name, part, stored, chain, fileId, kind, dependsOn, metadataName } = this.#target;
		const { sizeBytes } = await this.writer.commit({ fileId, chain, dependsOn, points });
		await this.writer[Symbol.asyncDispose]();
		const finalPath = `${folder}/${name}`;
		await this.#storage.rename(part, finalPath);
		this.#isCommitted = true;
		const entry = { id: fileId, name, kind, dependsOn, sizeBytes, createdAt: points[0]?.createdAt ?? chain.createdAt, points: [...points] };
		await writeMetadata(this.#storage, `${folder}/${metadataName}`, { chain, files: [...(stored?.metadata.files ?? []), entry] });
		return { sizeBytes, path: finalPath };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.writer[Symbol.asyncDispose]().catch(() => undefined); // closed by commit
		if (!this.#isCommitted) await this.#storage.remove(this.#target.part);
	}
}

type Plan = {
	readonly stored: StoredChain | null;
	readonly fallbackReason: string;
	readonly base: ChainHandle | null;
	readonly previous: readonly (PointManifest | null)[];
};
type Target = {
	readonly folder: string;
	readonly name: string;
	readonly part: string;
	readonly metadataName: string;
	readonly kind: BackupFileKind;
	readonly fileId: string;
	readonly dependsOn: string | null;
	readonly chain: ChainHead;
	readonly stored: StoredChain | null;
};

const sameObject = (a: SourceSpec, b: SourceSpec): boolean => a.kind === b.kind && a.path === b.path;

async function planRun(storage: Storage, spec: ChainRunSpec): Promise<Plan> {
	const full = (fallbackReason: string): Plan => ({ stored: null, fallbackReason, base: null, previous: spec.objects.map(() => null) });
	if (spec.requested === 'full') return full('');
	const { chains, problems, folders } = await readChains(storage);
	const stored = chains.findLast(
		({ metadata: { chain } }) =>
			chain.job.id === spec.job.id &&
			chain.method === spec.method &&
			(spec.singleFile
				? chain.objects.length !== 1 || spec.objects.length === 1
				: chain.objects.length === 1 && spec.objects.every((object) => chain.objects.some((other) => sameObject(object, other)))),
	);
	if (!stored) return full(problems.length > 0 ? `No readable chain was found; ${problems[0]?.error.message}` : 'This is the first run.');
	const described = describeChain(stored, folders.get(stored.folder) ?? []);
	const problem = described.files.find((file) => file.problem)?.problem;
	if (problem) return full(`The chain is incomplete: ${problem}`);
	const pointsPerObject = Math.max(...spec.objects.map((object) => described.points.filter((point) => sameObject(point.object, object)).length));
	if (spec.renewAfterPoints !== null && pointsPerObject >= spec.renewAfterPoints)
		return full(`The chain holds ${pointsPerObject} restore points; a new one begins so that retention can remove it.`);
	try {
		const base = await loadChain(
			spec.repositoryPath,
			described.files.map((file) => file.path),
		);
		const manifests = stored.metadata.files.flatMap((file) => file.points);
		return {
			stored,
			fallbackReason: '',
			base,
			previous: spec.objects.map((object) => manifests.findLast((point) => sameObject(point.object, object)) ?? null),
		};
	} catch (error) {
		if (isEngineError(error, 'repository.damaged') || isEngineError(error, 'repository.foreign'))
			return full(`The chain cannot be continued: ${error.message}`);
		throw error;
	}
}

function chooseTarget(spec: ChainRunSpec, plan: Plan): Omit<Target, 'part'> {
	const fileId = newId(spec.now);
	const time = new Date(spec.now).toISOString().replace(/[-:]/g, '').replace('.', '');
	const base = `${spec.singleFile ? folderName(spec.job.name) : slug(spec.objects[0])}_${time}`;
	const kind: BackupFileKind = plan.stored ? 'increment' : 'full';
	if (plan.stored) {
		const last = plan.stored.metadata.files.at(-1);
		const { chain } = plan.stored.metadata;
		const objects = [...chain.objects, ...spec.objects.filter((object) => !chain.objects.some((other) => sameObject(object, other)))];
		return {
			folder: plan.stored.folder,
			name: base + extensions[kind],
			metadataName: path.posix.basename(plan.stored.path),
			kind,
			fileId,
			dependsOn: last?.id ?? null,
			chain: { ...chain, job: spec.job, objects },
			stored: plan.stored,
		};
	}
	const chain: ChainHead = { id: newId(spec.now), createdAt: spec.now, method: spec.method, job: spec.job, objects: [...spec.objects] };
	return {
		folder: folderName(spec.job.name),
		name: base + extensions[kind],
		metadataName: base + metadataExtension,
		kind,
		fileId,
		dependsOn: null,
		chain,
		stored: null,
	};
}

/** Names of Windows devices and trailing dots cannot be folders there; everything else was refused when the job was saved. */
const folderName = (name: string): string => (/^(con|prn|aux|nul|com\d|lpt\d)$/i.test(name) ? `${name}_` : name.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_'));

/** A readable file name from an object's path: `/home/user` → `home-user`. Two objects that share one differ by the time and the chain id in their files. */
function slug(object: SourceSpec | undefined): string {
	const text = (object?.path ?? 'object')
		.toWellFormed()
		.replace(/[^\p{L}\p{N}._-]+/gu, '-')
		.replace(/^[-.]+|[-.]+$/g, '');
	return (text || 'root').slice(-60).replace(/^[-.]+/, '');
}

/** The job has no chain that a caller may name. */
export const unknownChain = (chainId: string): EngineError =>
	new EngineError('not-found.chain', `There is no chain ${chainId}.`, { hint: 'List the chains with "holdfast chain list".' });
