import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainMethod, SourceSpec } from '../../contract/index.ts';
import {
	ByteWriter,
	encodeDiskMap,
	hashBytes,
	isZeroHash,
	type MasterKey,
	noContent,
	Packer,
	PageWriter,
	type PointManifest,
	packExtents,
	parseDiskMap,
	parseExtents,
	parsePage,
	sealedBytes,
	sealRecord,
	type TreeEntry,
	writeExtent,
	zeroHash,
} from '../../format/index.ts';
import { ChainReader, type ChunkReader } from '../chain-reader.ts';
import { ChainRun } from '../chain-run.ts';
import { type AdHoc, type ChainRecord, filesNeeded, listChains, readChains } from '../chain-store.ts';
import { loadChain } from '../load-chain.ts';
import { markerName, markerWith } from '../marker.ts';
import type { StepOptions } from '../step-options.ts';
import { openVault, type RepositoryFolder, type Vault } from '../storage/open-storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { Random } from './random.ts';

/** What a point must give back: a disk as its blocks, a tree as its files. Never changed, only replaced. */
export type Content =
	| { readonly kind: 'disk'; readonly blocks: readonly Uint8Array[] }
	| { readonly kind: 'folder'; readonly files: ReadonlyMap<string, Uint8Array> };

export type RunChoice = {
	readonly method: ChainMethod;
	readonly requested?: 'full' | 'synthetic' | 'increment';
	readonly differential?: boolean;
	readonly singleFile?: boolean;
	readonly adHoc?: AdHoc | undefined;
};

const blockSizeBytes = 262_144;
const zeros = new Uint8Array(blockSizeBytes);
const maxChunk = 8192;
/** Small pieces, so that one file in some has a list of extents that does not fit beside its name. */
const pieceBytes = 64;
const signal = new AbortController().signal;
export const modelJob = { id: 'modeljob', name: 'Model' };

/** Objects that change, and every point that was made of them, beside a repository that is written through the product's own code. */
export class Model {
	readonly repositoryPath: string;
	readonly random: Random;
	/** All chains are encrypted with it; null: none is. */
	key: MasterKey | null;
	readonly objects: { readonly spec: SourceSpec; content: Content }[];
	/** Every point that was ever begun: whether it must be there is the caller's to say. */
	readonly points: Map<string, Content>;
	now: number;
	/** The job that runs. */
	job: { readonly id: string; readonly name: string } = modelJob;
	/** What happens when a run has written everything and is about to commit. */
	beforeCommit: () => Promise<void> = async () => undefined;

	constructor(repositoryPath: string, random: Random, kinds: readonly Content['kind'][], key: MasterKey | null = null) {
		this.repositoryPath = repositoryPath;
		if (existsSync(repositoryPath)) writeFileSync(join(repositoryPath, markerName), markerWith('0'.repeat(32)));
		this.key = key;
		this.random = random;
		this.now = Date.UTC(2026, 0, 1);
		this.points = new Map();
		this.objects = kinds.map((kind, i) => ({ spec: { kind, path: `/model/${kind}-${i}` }, content: this.#newContent(kind) }));
	}

	/** The same, with its repository elsewhere and chance of its own: what happens to the one does not touch the other. */
	at(repositoryPath: string, random: Random): Model {
		const copy = new Model(repositoryPath, random, [], this.key);
		copy.objects.push(...this.objects.map((object) => ({ ...object })));
		for (const [id, content] of this.points) copy.points.set(id, content);
		copy.now = this.now;
		return copy;
	}

	/** The repository with the key that opens it. */
	get place(): RepositoryFolder {
		return this.key ? { path: this.repositoryPath, keys: [this.key] } : this.repositoryPath;
	}

	/** Another storage at the same place. */
	on(storage: Storage): Vault {
		return { storage, keys: openVault(this.place).keys };
	}

	#newContent(kind: Content['kind']): Content {
		if (kind === 'disk') return { kind, blocks: Array.from({ length: 2 + this.random.below(3) }, () => this.#newBlock()) };
		const files = new Map<string, Uint8Array>();
		for (let i = 0; i < 6; i++) files.set(this.#newName(), this.#newFile());
		return { kind, files };
	}

	#newBlock(): Uint8Array {
		const block = new Uint8Array(blockSizeBytes);
		if (!this.random.chance(0.15)) block.set(this.random.bytes(100 + this.random.below(400)), this.random.below(blockSizeBytes - 512));
		return block;
	}

	readonly #newName = (): string => `${this.random.chance(0.4) ? 'inner/' : ''}file-${this.random.below(10_000)}`;

	#newFile(): Uint8Array {
		if (this.random.chance(0.1)) return this.random.bytes(300 * pieceBytes); // its extents fill more than a page's share
		return this.random.bytes(this.random.below(2000));
	}

	/** Some of one object changes. */
	change(object = this.random.pick(this.objects)): void {
		const { content } = object;
		if (content.kind === 'disk') {
			const blocks = [...content.blocks];
			for (let i = 1 + this.random.below(2); i > 0; i--) blocks[this.random.below(blocks.length)] = this.#newBlock();
			// what was there before may come back: a chunk that a chain is about to give up
			if (this.random.chance(0.3)) blocks[0] = content.blocks[blocks.length - 1] as Uint8Array;
			object.content = { kind: 'disk', blocks };
			return;
		}
		const files = new Map(content.files);
		const names = [...files.keys()];
		if (names.length > 3 && this.random.chance(0.5)) files.delete(this.random.pick(names));
		if (names.length > 0) files.set(this.random.pick(names), this.#newFile());
		files.set(this.#newName(), this.#newFile());
		object.content = { kind: 'folder', files };
	}

	/** A whole run for the given objects, into one chain. Its points are in `points` from its beginning on. @returns their ids */
	async run(storage: Storage, choice: RunChoice, objects: readonly Model['objects'][number][], options: StepOptions = { signal }): Promise<string[]> {
		this.now += 1000;
		const { requested = 'increment', differential = false, singleFile = false, method, adHoc } = choice;
		const chainObjects = objects.map(({ spec }) => spec);
		const { place: repositoryPath, now, job } = this;
		const keyId = this.key?.id ?? null;
		const spec = { repositoryPath, job, objects: chainObjects, method, differential, singleFile, requested, renewAfterPoints: null, adHoc, keyId, now };
		const ids = objects.map((_, i) => `p${now / 1000}.${i}`);
		for (const [i, { content }] of objects.entries()) this.points.set(ids[i] as string, content);
		await using run = await ChainRun.begin(spec, this.on(storage));
		await using base = run.base ? new ChainReader(run.base, storage) : null;
		const pipe = new ModelPipe(run, base);
		const roots = objects.map(({ content }) => pipe.storeContent(content));
		await pipe.end();
		const points = roots.map((hash, i): PointManifest => {
			const { spec: object, content } = objects[i] as Model['objects'][number];
			const mode = { requested: 'increment', actual: run.actual, reason: run.fallbackReason } as const;
			const root = { kind: content.kind, hash: Buffer.from(hash).toString('hex') };
			const sizes = { sourceBytes: 0, itemCount: 1, storedBytes: 0, warningCount: 0 };
			return { id: ids[i] as string, object, createdAt: now, sessionId: 's', mode, consistency: 'crash', root, ...sizes };
		});
		await this.beforeCommit();
		await run.commit(points, options);
		return ids;
	}

	chains(): Promise<readonly ChainRecord[]> {
		return listChains(this.place).then(({ chains, problems }) => {
			assert.deepEqual(problems, []);
			return chains;
		});
	}

	/**
	 * Every point that the repository lists without a problem gives back what the model has.
	 * @param given points that are being given up, and need not
	 * @returns the ids of all that did
	 */
	async verify(given: ReadonlySet<string> = new Set()): Promise<Set<string>> {
		const vault = openVault(this.place);
		const { chains } = await readChains(vault);
		const listed = new Set<string>();
		const described = new Map((await this.chains()).flatMap((chain) => chain.points).map((point) => [point.id, point]));
		for (const stored of chains) {
			for (const file of stored.metadata.files) {
				if (described.get(file.points[0]?.id ?? '')?.problem) continue;
				const paths = filesNeeded(stored, file).map(({ name }) => `${stored.folder}/${name}`);
				if (file.points.length === 0) continue;
				await using reader = new ChainReader(await loadChain(vault, paths));
				for (const { id, root } of file.points) {
					if (given.has(id)) continue;
					assert(!listed.has(id), `${id} is listed twice`);
					listed.add(id);
					await assertContent(reader, Buffer.from(root.hash, 'hex'), this.points.get(id), `${id} in ${file.name}`);
				}
			}
		}
		return listed;
	}

	/** Files that no chain names. */
	async unowned(): Promise<string[]> {
		const owned = new Set<string>();
		for (const { path, folder, metadata } of (await readChains(openVault(this.place))).chains)
			for (const name of [path, ...metadata.files.map((file) => `${folder}/${file.name}`)]) owned.add(name);
		return allFiles(this.repositoryPath).filter((path) => !owned.has(path));
	}
}

export const allFiles = (root: string): string[] =>
	readdirSync(root, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && entry.name !== markerName)
		.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
		.sort();

/** What the mover does with content, in a few lines. */
class ModelPipe {
	readonly #run: ChainRun;
	readonly #base: ChainReader | null;
	readonly #written = new Set<string>();
	readonly #writes: Promise<void>[] = [];
	readonly #packer: Packer;

	constructor(run: ChainRun, base: ChainReader | null) {
		this.#run = run;
		this.#base = base;
		this.#packer = new Packer((raw, chunks) => {
			const buffer = Buffer.alloc(sealedBytes(raw.byteLength));
			const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, 1, this.#run.writer.cipher);
			const writing = this.#run.writer.append(buffer.subarray(0, totalBytes), header, chunks);
			writing.catch(() => undefined); // `end` reports it
			this.#writes.push(writing);
		}, run.writer.cipher);
	}

	readonly #store = (chunk: Uint8Array): Uint8Array => {
		if (Buffer.compare(chunk, zeros.subarray(0, chunk.byteLength)) === 0) return zeroHash;
		return this.#packer.put(chunk.slice(), (hash) => {
			const name = Buffer.from(hash).toString('hex');
			if (this.#base?.has(hash) || this.#written.has(name)) return false;
			this.#written.add(name);
			return true;
		});
	};

	storeContent(content: Content): Uint8Array {
		if (content.kind === 'disk') {
			const segment = this.#store(Buffer.concat(content.blocks.map(this.#store)));
			return this.#store(encodeDiskMap({ sizeBytes: content.blocks.length * blockSizeBytes, blockSizeBytes, segments: [segment] }));
		}
		const names = [...content.files.keys()];
		const inner = names.filter((name) => name.startsWith('inner/'));
		const entries = names.filter((name) => !inner.includes(name)).map((name) => this.#fileEntry(name, content.files.get(name)));
		const folder = this.#pages(inner.map((name) => this.#fileEntry(name.slice('inner/'.length), content.files.get(name))));
		entries.push({ ...head('inner', 'directory'), ...folder });
		const root = this.#pages([{ ...head('root', 'directory'), ...this.#pages(entries) }]).pages[0];
		assert(root, 'a tree has a root page');
		return root.hash;
	}

	#pages(entries: readonly TreeEntry[]): Pick<TreeEntry, 'pages' | 'totals'> {
		const writer = new PageWriter(this.#store);
		for (const entry of entries.toSorted((a, b) => Buffer.compare(a.name, b.name))) writer.add(entry);
		return writer.end();
	}

	#fileEntry(name: string, bytes: Uint8Array = new Uint8Array()): TreeEntry {
		const extents = new ByteWriter();
		const step = bytes.byteLength >= 256 * pieceBytes ? pieceBytes : maxChunk;
		for (let at = 0; at < bytes.byteLength; at += step) {
			const piece = bytes.subarray(at, at + step);
			const hash = this.#store(piece);
			writeExtent(extents, isZeroHash(hash) ? { kind: 'zero', lengthBytes: piece.byteLength } : { kind: 'data', lengthBytes: piece.byteLength, hash });
		}
		return { ...head(name, 'file'), sizeBytes: bytes.byteLength, extents: packExtents(extents.view(), name, this.#store) };
	}

	async end(): Promise<void> {
		this.#packer.flush();
		await Promise.all(this.#writes);
	}
}

const head = (name: string, type: TreeEntry['type']): TreeEntry => ({
	...noContent,
	name: Buffer.from(name),
	type,
	mode: 0o644,
	uid: 0,
	gid: 0,
	mtimeNs: 0n,
	ctimeNs: 0n,
	inode: 0n,
	linkDevice: null,
	xattrs: [],
});

async function assertContent(reader: ChunkReader, root: Uint8Array, expected: Content | undefined, what: string): Promise<void> {
	assert(expected, `${what} was never made`);
	if (expected.kind === 'disk') {
		const { segments } = parseDiskMap(await reader.readChunk(root), what);
		const [segment = zeroHash] = segments;
		const hashes = isZeroHash(segment) ? new Uint8Array(expected.blocks.length * hashBytes) : await reader.readChunk(segment);
		for (const [i, block] of expected.blocks.entries()) {
			const hash = hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
			assert(Buffer.from(isZeroHash(hash) ? new Uint8Array(blockSizeBytes) : await reader.readChunk(hash)).equals(block), `${what}: block ${i}`);
		}
		return;
	}
	const found = new Map<string, Uint8Array>();
	const walk = async (page: Uint8Array, prefix: string): Promise<void> => {
		for (const entry of parsePage(await reader.readChunk(page), what)) {
			const name = prefix + Buffer.from(entry.name).toString();
			if (entry.type === 'file') found.set(name, await readExtents(reader, entry.extents));
			for (const inner of entry.pages) await walk(inner.hash, name === 'root' && prefix === '' ? '/' : `${name}/`);
		}
	};
	await walk(root, '');
	assert.deepEqual([...found.keys()].sort(), [...expected.files.keys()].map((name) => `/${name}`).sort(), `${what}: names`);
	for (const [name, bytes] of expected.files) assert(Buffer.from(found.get(`/${name}`) ?? []).equals(bytes), `${what}: ${name}`);
}

async function readExtents(reader: ChunkReader, extents: Uint8Array): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	for (const extent of parseExtents(extents, 'extents')) {
		if (extent.kind === 'list') parts.push(await readExtents(reader, await reader.readChunk(extent.hash)));
		else parts.push(extent.kind === 'data' ? await reader.readChunk(extent.hash) : new Uint8Array(extent.lengthBytes));
	}
	return Buffer.concat(parts);
}
