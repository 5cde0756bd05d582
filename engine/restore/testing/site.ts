/** For tests only: a repository and a source in a folder of their own, and the data plane's verbs with few words. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { CheckResult, ItemWarning, OverwriteRule, RunMode, SourceSpec, TaskCounters } from '../../contract/index.ts';
import type { KeyRing } from '../../format/index.ts';
import { type BackupRun, backUp, noCounters, type ObjectOutcome, type TaskObserver } from '../../mover/index.ts';
import { type ChainRecord, LocalFolder, listChains, markRepository, type RepositoryFolder } from '../../repository/index.ts';
import { checkChain, type RestoreDiskTask, restoreDisk, restoreFiles, verifyPoint } from '../index.ts';

enableCompileCache(); // threads of one test file start in a fraction of the time

/** Listens to one object and remembers everything. */
export class Witness implements TaskObserver {
	readonly warnings: ItemWarning[] = [];
	readonly infos: string[] = [];
	readonly activities: string[] = [];
	readonly modes: RunMode[] = [];
	last: TaskCounters = noCounters;
	/** Called at each report: where a test steps in. */
	onReport: () => void = () => undefined;

	counters(counters: TaskCounters): void {
		this.last = counters;
		this.onReport();
	}

	activity(text: string): void {
		this.activities.push(text);
		this.onReport();
	}

	warning(warning: ItemWarning): void {
		this.warnings.push(warning);
	}

	info(message: string): void {
		this.infos.push(message);
	}

	bottleneck(): void {}

	mode(mode: RunMode): void {
		this.modes.push(mode);
	}
}

export type Site = {
	readonly root: string;
	readonly repositoryPath: string;
	readonly source: string;
	/** Of encrypted chains. */
	readonly keys?: KeyRing;
};
const placeOf = ({ repositoryPath, keys = [] }: Site): RepositoryFolder => ({ path: repositoryPath, keys });

/** Everything lies below one temporary folder, which goes when the test ends. */
export async function openSite(t: TestContext, root = mkdtempSync(join(tmpdir(), 'holdfast-plane-'))): Promise<Site> {
	t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }));
	const site = { root, repositoryPath: join(root, 'repository'), source: join(root, 'source') };
	await mkdir(site.repositoryPath);
	await markRepository(new LocalFolder(site.repositoryPath));
	await mkdir(site.source);
	return site;
}

export const job = { id: 'testjob000000001', name: 'Everything' };

export const backupRun = (site: Site, more: Partial<BackupRun> = {}): BackupRun => ({
	repositoryPath: placeOf(site),
	job,
	sessionId: 'session',
	objects: [{ kind: 'folder', path: site.source }],
	exclude: [],
	method: 'forward',
	singleFile: false,
	differential: false,
	storeUnused: false,
	blockSizeBytes: 1_048_576,
	compression: 'fast',
	requested: 'increment',
	keyId: site.keys?.[0]?.id ?? null,
	reason: '',
	renewAfterPoints: null,
	suspects: [],
	...more,
});

export type Ran = { readonly outcomes: readonly ObjectOutcome[]; readonly witnesses: readonly Witness[]; readonly witness: Witness; readonly pointId: string };

/** One run; without other words an increment (or the first full) of the site's source. */
export async function protect(site: Site, more: Partial<BackupRun> = {}, options: { signal?: AbortSignal; witness?: Witness } = {}): Promise<Ran> {
	const run = backupRun(site, more);
	const witnesses = run.objects.map((_, i) => (i === 0 && options.witness) || new Witness());
	const outcomes = await backUp(run, witnesses, options);
	return { outcomes, witnesses, witness: witnesses[0] as Witness, pointId: outcomes[0]?.pointId ?? '' };
}

export type RestoreOptions = {
	readonly to: string | null;
	readonly paths?: readonly string[];
	readonly overwrite?: OverwriteRule;
	readonly signal?: AbortSignal;
	readonly witness?: Witness;
};

export async function giveBack(site: Site, pointId: string, options: RestoreOptions): Promise<Witness> {
	const { to, paths = ['/'], overwrite = 'never', signal, witness = new Witness() } = options;
	await restoreFiles({ repositoryPath: placeOf(site), pointId, paths, to, overwrite }, witness, { signal });
	return witness;
}

export async function giveBackDisk(site: Site, pointId: string, to: string, { disk = null, format = 'raw' }: Partial<RestoreDiskTask> = {}): Promise<Witness> {
	const witness = new Witness();
	await restoreDisk({ repositoryPath: placeOf(site), pointId, disk, to, format, overwrite: false }, witness, {});
	return witness;
}

export const verify = (site: Site, pointId: string): Promise<CheckResult> => verifyPoint({ repositoryPath: placeOf(site), pointId }, new Witness(), {});

export async function check(site: Site, witness = new Witness()): Promise<CheckResult> {
	const chain = await newestChain(site);
	return checkChain({ repositoryPath: placeOf(site), chainId: chain.id }, witness, {});
}

export async function newestChain(site: Site): Promise<ChainRecord> {
	const { chains } = await listChains(placeOf(site));
	const newest = chains.at(-1);
	if (!newest) throw new Error('the repository holds no chain');
	return newest;
}

export const folder = (path: string): SourceSpec => ({ kind: 'folder', path });
export const disk = (path: string): SourceSpec => ({ kind: 'disk', path });

/** mulberry32: whole numbers in [0, below). */
export function seededRandom(seed: number): (below: number) => number {
	let state = seed >>> 0;
	return (below) => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
	};
}

/** Bytes that do not compress, fast. */
export function noise(random: (below: number) => number, length: number): Buffer {
	const bytes = Buffer.allocUnsafe(length);
	const words = new Uint32Array(bytes.buffer, bytes.byteOffset - (bytes.byteOffset % 4) + (bytes.byteOffset % 4 ? 4 : 0), Math.max(0, (length - 4) >> 2));
	let state = (random(2 ** 31) << 1) | 1;
	bytes.fill(state & 0xff);
	for (let i = 0; i < words.length; i++) {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		words[i] = state;
	}
	return bytes;
}
