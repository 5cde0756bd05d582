import * as path from 'node:path';
import { EngineError, isEngineError, newId } from '../base/index.ts';
import type { BackupFileKind, ChainMethod, MachineRef, SourceSpec } from '../contract/index.ts';
import { type ChainHead, type ChainSeal, keyFor, newChainSeal, type PointManifest, ringOf } from '../format/index.ts';
import { BackupFileWriter } from './backup-file.ts';
import type { ChainHandle } from './chain-reader.ts';
import {
	type AdHoc,
	claimRepository,
	describeChain,
	extensions,
	filesNeeded,
	type JobRef,
	metadataExtension,
	partName,
	readChains,
	readMetadata,
	type StoredChain,
	writeMetadata,
} from './chain-store.ts';
import { putChainRight } from './clean-up.ts';
import { unlistedFiles } from './found-files.ts';
import { Distrust } from './health/distrust.ts';
import type { Suspect } from './health/mend.ts';
import { loadChain } from './load-chain.ts';
import { commitReverse } from './methods/reverse.ts';
import { copyFromChain } from './methods/synthetic-full.ts';
import { OpenChain, takenOver } from './open-chain.ts';
import type { StepOptions } from './step-options.ts';
import { openVault, type RepositoryFolder, type RepositoryPlace, type Vault } from './storage/open-storage.ts';
import type { Storage } from './storage/storage.ts';

export type ChainRunSpec = {
	readonly repositoryPath: RepositoryFolder;
	readonly job: JobRef;
	readonly objects: readonly SourceSpec[];
	/** Managed machine that they lie on. A chain holds objects of one machine; absent: that of the backup server. */
	readonly machine?: MachineRef | undefined;
	readonly method: ChainMethod;
	/** Forward incremental only: every increment builds on the full, none on another. */
	readonly differential: boolean;
	readonly singleFile: boolean;
	/** `synthetic`: a full of a new chain, for which what has not changed is copied from the present chain. */
	readonly requested: 'full' | 'synthetic' | 'increment';
	readonly renewAfterPoints: number | null;
	/** Places of the job's chains that checks found broken. */
	readonly suspects?: readonly Suspect[] | undefined;
	/** A full outside of the job's chains: none goes on with it or is changed by it. Only with `full`. */
	readonly adHoc?: AdHoc | undefined;
	/** Master key of the chain, one of the repository's keys; null: not encrypted. A chain under another key is not gone on with. */
	readonly keyId: string | null;
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
	/** What need not be stored again; null for an active full. */
	readonly base: ChainHandle | null;
	/** Newest manifest per object, in the order of the objects; null where there is none to compare with. */
	readonly previous: readonly (PointManifest | null)[];
	readonly writer: BackupFileWriter;
	/** What of the base cannot be relied on; null: nothing that is known of. */
	readonly distrust: Distrust | null;
	readonly #storage: Storage;
	readonly #plan: Plan;
	readonly #target: Target;
	#isCommitted = false;

	private constructor(storage: Storage, target: Target, plan: Plan, writer: BackupFileWriter, distrust: Distrust | null) {
		this.#storage = storage;
		this.distrust = distrust;
		this.#target = target;
		this.#plan = plan;
		this.writer = writer;
		this.actual = plan.step === 'increment' || plan.step === 'reverse' ? 'increment' : 'full';
		this.fallbackReason = plan.fallbackReason;
		this.base = plan.base;
		this.previous = plan.previous;
	}

	/** @throws `repository.*` */
	static async begin(spec: ChainRunSpec, place: RepositoryPlace = spec.repositoryPath): Promise<ChainRun> {
		const vault = openVault(place);
		const { storage } = vault;
		await claimRepository(vault);
		const plan = await planRun(vault, spec);
		const target = chooseTarget(spec, plan, vault);
		const { seal } = target;
		const distrust = plan.base ? await Distrust.find(plan.base, spec.suspects ?? [], vault) : null;
		const writer =
			plan.step === 'reverse' && plan.chain
				? await BackupFileWriter.update(storage, plan.chain.pathOf(plan.chain.full), seal)
				: await BackupFileWriter.create(storage, { path: target.part, kind: target.kind, createdAt: spec.now, seal });
		return new ChainRun(storage, target, plan, writer, distrust);
	}

	/** Makes the points part of the chain. A crash at any instant loses nothing that was committed before. */
	async commit(points: readonly PointManifest[], options: StepOptions): Promise<{ sizeBytes: number }> {
		const { chain, step } = this.#plan;
		if (step === 'reverse' && chain) {
			const { chain: head, fileId, reverseName } = this.#target;
			const sizeBytes = await commitReverse(chain, this.writer, { chain: head, fileId, reverseName, points, lost: this.distrust?.lost ?? null }, options);
			this.#isCommitted = true;
			return { sizeBytes };
		}
		if (step === 'synthetic' && chain) await copyFromChain(chain, this.writer, points, options);
		return this.#commitFile(points);
	}

	/** File first, then its name, then the metadata. */
	async #commitFile(points: readonly PointManifest[]): Promise<{ sizeBytes: number }> {
		const { folder, name, part, files, chain, fileId, kind, dependsOn, metadataName, seal } = this.#target;
		const { sizeBytes } = await this.writer.commit({ fileId, chain, dependsOn, points });
		await this.writer[Symbol.asyncDispose]();
		const path = `${folder}/${name}`;
		await this.#refuseIfChanged();
		await this.#storage.rename(part, path);
		this.#isCommitted = true;
		const entry = { id: fileId, name, kind, dependsOn, sizeBytes, createdAt: points[0]?.createdAt ?? chain.createdAt, points: [...points] };
		try {
			await this.#refuseIfChanged();
			await writeMetadata(this.#storage, `${folder}/${metadataName}`, { chain, files: [...files, entry] }, seal);
		} catch (error) {
			await this.#takeBack(path);
			throw error;
		}
		return { sizeBytes };
	}

	/**
	 * Somebody else wrote into the chain meanwhile (a second engine on one repository): to list this file too would lose the other. Each session looks once
	 * more when its file has its name, so that of two at the same time at least one sees the other.
	 */
	async #refuseIfChanged(): Promise<void> {
		const { folder, name, files, metadataName, chain, seal, namesBefore } = this.#target;
		if (files.length === 0) return;
		const keys = ringOf(seal);
		const appeared = (await this.#storage.list(folder)).filter((entry) => entry.name !== name && !namesBefore.has(entry.name));
		const { metadata: now } = await readMetadata(this.#storage, `${folder}/${metadataName}`, keys);
		if (now.chain.job.id !== chain.job.id) throw takenOver(chain, now.chain);
		const isAsBefore = now.files.length === files.length && now.files.every(({ id }, i) => id === files[i]?.id);
		const others = await unlistedFiles({ storage: this.#storage, keys }, folder, appeared, []);
		if (isAsBefore && others.every(({ committed }) => committed.root.chain.id !== chain.id)) return;
		throw new EngineError('busy.chain', `Another session changed the chain of “${chain.job.name}” while this one ran.`, {
			hint: 'Let only one engine run the jobs of a repository, then run the job again.',
		});
	}

	/** A file that could not be listed is no point, and must not take the room that listing it lacked. */
	async #takeBack(path: string): Promise<void> {
		const { folder, metadataName, fileId, seal } = this.#target;
		try {
			const { files } = (await readMetadata(this.#storage, `${folder}/${metadataName}`, ringOf(seal))).metadata;
			if (files.some(({ id }) => id === fileId)) return;
		} catch (error) {
			if (!isEngineError(error, 'not-found.path')) return; // whether it is listed is not known: the next clean-up finds out
		}
		await this.#storage.remove(path).catch(() => undefined); // the next clean-up takes it in
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.writer[Symbol.asyncDispose]();
		if (this.#isCommitted || this.#plan.step === 'reverse') return;
		await this.#storage.remove(this.#target.part).catch(() => undefined); // what ended the run is the error to report; the next clean-up removes it
	}
}

type Plan = {
	readonly step: 'full' | 'synthetic' | 'increment' | 'reverse';
	/** The chain that is continued or copied from. */
	readonly chain: OpenChain | null;
	readonly fallbackReason: string;
	readonly base: ChainHandle | null;
	readonly previous: readonly (PointManifest | null)[];
	/** File that an increment builds on. */
	readonly dependsOn: string | null;
	/** What lay in the chain's folder when it was opened. */
	readonly namesBefore: ReadonlySet<string>;
};
type Target = {
	readonly folder: string;
	readonly name: string;
	readonly part: string;
	readonly metadataName: string;
	/** Reverse incremental: what the file with the older point will be called. */
	readonly reverseName: string;
	readonly kind: BackupFileKind;
	readonly fileId: string;
	readonly dependsOn: string | null;
	readonly chain: ChainHead;
	readonly seal: ChainSeal | null;
	/** Files that the chain has already. */
	readonly files: StoredChain['metadata']['files'];
	/** What lay in the folder when the run began. */
	readonly namesBefore: ReadonlySet<string>;
};

const sameObject = (a: SourceSpec, b: SourceSpec): boolean => a.kind === b.kind && a.path === b.path;

/** The chain that the objects' points go into: the newest of the job, of this method and under this key, for these objects of this machine. */
function findCurrentChain(chains: readonly StoredChain[], spec: ChainRunSpec): StoredChain | undefined {
	const covers = (objects: readonly SourceSpec[]): boolean =>
		spec.singleFile
			? objects.length !== 1 || spec.objects.length === 1
			: objects.length === 1 && spec.objects.every((object) => objects.some((other) => sameObject(object, other)));
	return chains.findLast(
		({ metadata: { chain }, seal }) =>
			chain.job.id === spec.job.id &&
			chain.method === spec.method &&
			(seal?.key.id ?? null) === spec.keyId &&
			chain.machine?.id === spec.machine?.id &&
			!chain.adHoc &&
			covers(chain.objects),
	);
}

async function planRun(vault: Vault, spec: ChainRunSpec): Promise<Plan> {
	const { storage } = vault;
	const full = (fallbackReason: string): Plan => ({
		step: 'full',
		chain: null,
		fallbackReason,
		base: null,
		previous: spec.objects.map(() => null),
		dependsOn: null,
		namesBefore: new Set(),
	});
	if (spec.requested === 'full') return full('');
	const { chains, problems, folders } = await readChains(vault);
	const current = findCurrentChain(chains, spec);
	if (!current) return full(problems.length > 0 ? `No readable chain was found; ${problems[0]?.error.message}` : 'This is the first run.');
	const entries = folders.get(current.folder) ?? [];
	const stored = await putChainRight(storage, current, entries, chains);
	const described = describeChain(stored, entries);
	const problem = described.files.find((file) => file.problem)?.problem;
	if (problem) return full(`The chain is incomplete: ${problem}`);
	const pointsPerObject = Math.max(...spec.objects.map((object) => described.points.filter((point) => sameObject(point.object, object)).length));
	if (spec.requested === 'increment' && spec.renewAfterPoints !== null && pointsPerObject >= spec.renewAfterPoints)
		return full(`The chain holds ${pointsPerObject} restore points; a new one begins so that retention can remove it.`);
	const chain = new OpenChain(storage, stored);
	// what a new point may build on, its newest file last
	const baseFiles = spec.requested === 'increment' && (spec.method === 'reverse' || spec.differential) ? [chain.full] : newestLine(stored);
	try {
		const base = await loadChain(
			vault,
			baseFiles.map((file) => chain.pathOf(file)),
		);
		const manifests = chain.points(baseFiles);
		const previous = spec.objects.map((object) => manifests.findLast((point) => sameObject(point.object, object)) ?? null);
		const step = spec.requested === 'synthetic' ? 'synthetic' : spec.method === 'reverse' ? 'reverse' : 'increment';
		const namesBefore = new Set(entries.map(({ name }) => name));
		return { step, chain, fallbackReason: '', base, previous, dependsOn: baseFiles.at(-1)?.id ?? null, namesBefore };
	} catch (error) {
		if (isEngineError(error, 'repository.damaged') || isEngineError(error, 'repository.foreign'))
			return full(`The chain cannot be continued: ${error.message}`);
		throw error;
	}
}

/** The file with the newest point and all that it builds on. */
function newestLine(stored: StoredChain): StoredChain['metadata']['files'] {
	const newest = stored.metadata.files.reduce((a, b) => (b.createdAt >= a.createdAt ? b : a));
	return filesNeeded(stored, newest);
}

function chooseTarget(spec: ChainRunSpec, plan: Plan, { keys, storage }: Vault): Target {
	const fileId = newId(spec.now);
	const base = `${spec.singleFile || spec.keyId !== null ? folderName(spec.job.name) : slug(spec.objects[0])}_${timeName(spec.now)}-${fileId.slice(-4)}`;
	const stored = plan.step === 'synthetic' ? null : (plan.chain?.stored ?? null);
	const kind: BackupFileKind = stored && plan.step === 'increment' ? 'increment' : 'full';
	const name = base + extensions[kind];
	const folder = stored?.folder ?? folderName(spec.job.name);
	const part = `${folder}/${partName(name, spec.job.id)}`;
	const reverseName = `${base.slice(0, base.lastIndexOf('_'))}_${timeName(plan.chain?.full.createdAt ?? spec.now)}-${fileId.slice(-4)}${extensions.reverse}`;
	const newSeal = (): ChainSeal | null =>
		spec.keyId === null ? null : newChainSeal(keyFor(keys, { keyId: spec.keyId }, `The new chain in ${storage.properties.place}`));
	const common = { folder, name, part, reverseName, kind, fileId, namesBefore: plan.namesBefore, seal: plan.chain ? plan.chain.stored.seal : newSeal() };
	if (!stored) {
		const { now, method, job, machine, adHoc } = spec;
		const chain: ChainHead = { id: newId(now), createdAt: now, method, job, objects: [...spec.objects], ...(machine && { machine }), ...(adHoc && { adHoc }) };
		return { ...common, metadataName: base + metadataExtension, dependsOn: null, chain, files: [] };
	}
	const { chain, files } = stored.metadata;
	const objects = [...chain.objects, ...spec.objects.filter((object) => !chain.objects.some((other) => sameObject(object, other)))];
	return { ...common, metadataName: path.posix.basename(stored.path), dependsOn: plan.dependsOn, chain: { ...chain, job: spec.job, objects }, files };
}

const timeName = (at: number): string => new Date(at).toISOString().replace(/[-:]/g, '').replace('.', '');

/** Names of Windows devices and trailing dots cannot be folders there; everything else was refused when the job was saved. */
const folderName = (name: string): string => (/^(con|prn|aux|nul|com\d|lpt\d)$/i.test(name) ? `${name}_` : name.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_'));

/** A readable file name from an object's path, unless the chain is encrypted: `/home/user` → `home-user`. Two objects may share one: a piece of the file's id keeps them apart. */
function slug(object: SourceSpec | undefined): string {
	const text = (object?.path ?? 'object')
		.toWellFormed()
		.replace(/[^\p{L}\p{N}._-]+/gu, '-')
		.replace(/^[-.]+|[-.]+$/g, '');
	return (text || 'root')
		.slice(-60)
		.toWellFormed()
		.replace(/^[-.]+/, '');
}
