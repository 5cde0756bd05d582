/**
 * `npm run bench -- --chains`: how fast chunks move between the files of a chain, beside plain durable copies of the same number of bytes, and how much
 * room a forever forward chain takes over its live data after many days.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleFolder } from '../engine/cli/bundle.js';
import type { ChainMethod, SessionStep, SourceSpec, StepPart } from '../engine/contract/index.ts';
import { createMasterKey, type MasterKey, recordHeaderBytes, testPasswordCost } from '../engine/format/index.ts';
import { runBackup } from '../engine/mover/backup-task.ts';
import { type BackupRun, deafObserver, type MaintainTask, runInThread, type TaskObserver } from '../engine/mover/index.ts';
import {
	type ChainStep,
	folderPath,
	LocalFolder,
	listChains,
	markRepository,
	openVault,
	type RepositoryFolder,
	readCommittedFile,
	readIndex,
} from '../engine/repository/index.ts';
import { measure } from './measure.ts';
import { median } from './report.ts';
import type { Workload } from './workloads.ts';

/** What was moved, and how long it took. */
type Movement = Timing & { readonly movedBytes: number };
/** One measured step, and what followed to keep the full tidy: that has a commit of its own. */
type StepSample = Movement & { readonly tidy: Movement | null };
type CopySample = { readonly cpSeconds: number; readonly cpProcessorSeconds: number; readonly loopSeconds: number; readonly loopProcessorSeconds: number };
export type ChainStepResult = {
	readonly step: 'merge' | 'large merge' | 'tidy' | 'synthetic full' | 'reverse' | 'compact';
	readonly movedBytes: number;
	readonly seconds: number;
	/** Of all threads, the kernel's share included: what a busy machine changes least. */
	readonly processorSeconds: number;
	/** Plain copies of as many bytes. */
	readonly cpSeconds: number;
	/** 0 where the system does not tell. */
	readonly cpProcessorSeconds: number;
	readonly loopSeconds: number;
	readonly loopProcessorSeconds: number;
};
export type RoomResult = {
	readonly days: number;
	readonly retainedPoints: number;
	readonly fileBytes: number;
	readonly liveBytes: number;
	readonly incrementBytes: number;
	/** The worst of all days from the first merge on, and the last day's: files over live data and one increment. */
	readonly worst: number;
	readonly last: number;
	/** Of all days with a merge: bytes that merges moved, and bytes rewritten beyond them, as shares of the full. */
	readonly mergedShare: number;
	readonly rewrittenShare: number;
};
export type ChainsResult = { readonly subject: string; readonly description: string; readonly steps: readonly ChainStepResult[]; readonly room: RoomResult };

/** Of the bundle. */
const maintainThread = pathToFileURL(join(bundleFolder(join(import.meta.dirname, '..')), 'maintain-thread.js'));
const retained = 7;
/** Of 3 % each: an increment that is large enough to measure how fast it is moved, and not what a commit costs. */
const changesOfLarge = 8;
const job = { id: 'benchjob', name: 'bench' };

export type ChainsSettings = { readonly scratch: string; readonly runs: number; readonly encrypt: boolean; readonly days: number };

export class ChainsBench {
	readonly #scratch: string;
	readonly #runs: number;
	readonly #days: number;
	readonly #signal: AbortSignal;
	/** Null: the chains are not encrypted. */
	readonly #key: MasterKey | null;

	private constructor({ scratch, runs, days }: ChainsSettings, key: MasterKey | null, signal: AbortSignal) {
		this.#scratch = scratch;
		this.#runs = runs;
		this.#days = days;
		this.#key = key;
		this.#signal = signal;
	}

	static async create(settings: ChainsSettings, { signal }: { readonly signal: AbortSignal }): Promise<ChainsBench> {
		return new ChainsBench(settings, settings.encrypt ? (await createMasterKey('bench', testPasswordCost)).key : null, signal);
	}

	async run(workload: Workload): Promise<ChainsResult> {
		const { name, description, subject } = workload;
		const object: SourceSpec = { kind: subject.kind === 'tree' ? 'folder' : 'disk', path: subject.path };
		const repositories = {
			forward: await this.#repository('forward'),
			'forever-forward': await this.#repository('forever'),
			reverse: await this.#repository('reverse'),
		};
		const methods = Object.keys(repositories) as ChainMethod[];
		const backUp = (method: ChainMethod, requested: BackupRun['requested'] = 'increment'): Promise<StepSample> =>
			this.#backUp(repositories[method], object, method, requested);
		for (const method of methods) await backUp(method);
		const reverse: StepSample[] = [];
		for (let run = 0; run < this.#runs; run++) {
			workload.change();
			for (const method of methods) {
				const sample = await backUp(method);
				if (method === 'reverse') reverse.push(sample);
			}
		}
		const merges: StepSample[] = [];
		for (let run = 0; run < this.#runs; run++) merges.push(await this.#step(repositories['forever-forward'], { kind: 'merge', count: 1 }));
		const large: StepSample[] = [];
		for (let run = 0; run < this.#runs; run++) {
			for (let i = 0; i < changesOfLarge; i++) workload.change();
			await backUp('forever-forward');
			large.push(await this.#step(repositories['forever-forward'], { kind: 'merge', count: 1 }));
		}
		const synthetic: StepSample[] = [];
		for (let run = 0; run < this.#runs; run++) synthetic.push(await backUp('forward', 'synthetic'));
		const tidied = large.map(({ tidy }) => tidy).filter((tidy) => tidy !== null);
		const steps = [
			await this.#compared('merge', merges),
			await this.#compared('large merge', large),
			...(tidied.length > 0 ? [await this.#compared('tidy', tidied)] : []),
			await this.#compared('reverse', reverse),
			await this.#compared('synthetic full', synthetic),
		];
		for (const method of ['forward', 'reverse'] as const) rmSync(folderPath(repositories[method]), { recursive: true });
		const room = await this.#age(workload, repositories['forever-forward'], object);
		const compactions: StepSample[] = [];
		for (let run = 0; run < this.#runs; run++) compactions.push(await this.#compactCopy(folderPath(repositories['forever-forward'])));
		steps.push(await this.#compared('compact', compactions));
		rmSync(join(this.#scratch, 'chains'), { recursive: true });
		return { subject: name, description, steps, room };
	}

	async #repository(name: string): Promise<RepositoryFolder> {
		const folder = join(this.#scratch, 'chains', name);
		mkdirSync(folder, { recursive: true });
		await markRepository(new LocalFolder(folder));
		return this.#place(folder);
	}

	#place(path: string): RepositoryFolder {
		return this.#key ? { path, keys: [this.#key] } : path;
	}

	/** What was compacted once has nothing left to compact. */
	async #compactCopy(path: string): Promise<StepSample> {
		const copy = `${path}-compacted`;
		cpSync(path, copy, { recursive: true });
		const sample = await this.#step(this.#place(copy), { kind: 'compact' });
		rmSync(copy, { recursive: true });
		return sample;
	}

	/** A run into a chain. The sample is of what follows when its own records are written. */
	async #backUp(repositoryPath: RepositoryFolder, object: SourceSpec, method: ChainMethod, requested: BackupRun['requested']): Promise<StepSample> {
		const run: BackupRun = {
			repositoryPath,
			job,
			sessionId: 'bench',
			objects: [object],
			exclude: [],
			method,
			singleFile: false,
			blockSizeBytes: 1 << 20,
			compression: 'optimal',
			differential: false,
			storeUnused: false,
			requested,
			reason: '',
			suspects: [],
			renewAfterPoints: null,
			keyId: this.#key?.id ?? null,
		};
		let clock: StepClock | undefined;
		const observer: TaskObserver = {
			counters: () => undefined,
			activity(text) {
				if (text === 'committing') clock = new StepClock(settle(fullIn(repositoryPath)));
			},
			warning: ({ message }) => console.error(message),
			mode: () => undefined,
			info: () => undefined,
			bottleneck: () => undefined,
			step: (step) => clock?.take(step),
		};
		await runBackup(run, [observer], { signal: this.#signal });
		if (!clock) throw new Error('A run has committed nothing.');
		return clock.sample();
	}

	/** In a thread of its own, as an installed engine does it: its start is part of what it costs. */
	async #step(repositoryPath: RepositoryFolder, step: ChainStep): Promise<StepSample> {
		const chainId = (await listChains(repositoryPath)).chains.at(-1)?.id ?? '';
		const clock = new StepClock(settle(fullIn(repositoryPath)));
		const task: MaintainTask = { repositoryPath, chainId, step };
		await runInThread(maintainThread, task, [{ ...deafObserver, step: (state) => clock.take(state) }], { signal: this.#signal });
		return clock.sample();
	}

	async #compared(step: ChainStepResult['step'], samples: readonly Movement[]): Promise<ChainStepResult> {
		const movedBytes = Math.round(median(samples.map((sample) => sample.movedBytes)));
		const copies: CopySample[] = [];
		for (let run = 0; run < Math.max(3, this.#runs); run++) copies.push(await this.#copy(movedBytes));
		const result = {
			step,
			movedBytes,
			seconds: median(samples.map(({ seconds }) => seconds)),
			processorSeconds: median(samples.map(({ processorSeconds }) => processorSeconds)),
			cpSeconds: median(copies.map(({ cpSeconds }) => cpSeconds)),
			cpProcessorSeconds: median(copies.map(({ cpProcessorSeconds }) => cpProcessorSeconds)),
			loopSeconds: median(copies.map(({ loopSeconds }) => loopSeconds)),
			loopProcessorSeconds: median(copies.map(({ loopProcessorSeconds }) => loopProcessorSeconds)),
		};
		console.log(`${step}: ${JSON.stringify(result)} of ${JSON.stringify(samples)}`);
		return result;
	}

	/**
	 * Copies so many bytes of the full, durably: with cp as it is, which copies within the kernel (and shares extents where the file system does: then there is
	 * nothing to compare with), and with a loop of our own.
	 */
	async #copy(lengthBytes: number): Promise<CopySample> {
		const [source, target] = [join(this.#scratch, 'copied-from'), join(this.#scratch, 'copied-to')];
		const full = fullIn(join(this.#scratch, 'chains', 'forever'));
		if (full === null) throw new Error('There is no full to copy from.');
		await copyLoop(full, source, lengthBytes);
		settle(source);
		const commands = [await measure({ program: 'cp', args: [source, target] }), await measure({ program: 'sync', args: [target] })];
		const cpSeconds = commands.reduce((sum, { seconds }) => sum + seconds, 0);
		const cpProcessorSeconds = commands.reduce((sum, { processorSeconds }) => sum + (processorSeconds ?? 0), 0);
		rmSync(target);
		const measured = settle(source);
		await copyLoop(source, target, lengthBytes);
		const { seconds: loopSeconds, processorSeconds: loopProcessorSeconds } = measured();
		rmSync(target);
		rmSync(source);
		return { cpSeconds, cpProcessorSeconds, loopSeconds, loopProcessorSeconds };
	}

	/** Days of change, a run a day, merged down to the retained points. */
	async #age(workload: Workload, repositoryPath: RepositoryFolder, object: SourceSpec): Promise<RoomResult> {
		let worst = 0;
		let last: Awaited<ReturnType<typeof measureRoom>> | undefined;
		let [mergedBytes, rewrittenBytes, fullBytes] = [0, 0, 0];
		for (let day = 1; day <= this.#days; day++) {
			workload.change();
			await this.#backUp(repositoryPath, object, 'forever-forward', 'increment');
			const [chain] = (await listChains(repositoryPath)).chains;
			const count = (chain?.files.length ?? 0) - retained;
			if (count <= 0) continue;
			const { movedBytes, tidy } = await this.#step(repositoryPath, { kind: 'merge', count });
			const tidiedBytes = tidy?.movedBytes ?? 0;
			last = await measureRoom(repositoryPath);
			mergedBytes += movedBytes;
			rewrittenBytes += tidiedBytes;
			fullBytes += last.fullBytes;
			worst = Math.max(worst, last.overhead);
			console.log(`day ${day}: overhead ${last.overhead.toFixed(4)}, merged ${movedBytes}, rewritten ${tidiedBytes}`);
		}
		if (last === undefined) throw new Error('There was no merge.');
		const { fileBytes, liveBytes, incrementBytes, overhead } = last;
		const shares = { mergedShare: mergedBytes / fullBytes, rewrittenShare: rewrittenBytes / fullBytes };
		return { days: this.#days, retainedPoints: retained, fileBytes, liveBytes, incrementBytes, worst, last: overhead, ...shares };
	}
}

/** What a step moves from now on, and how long that takes. */
class StepClock {
	readonly #measured: () => Timing;
	readonly #bytes: Partial<Record<StepPart, number>> = {};
	#last = 0;
	/** When tidying began. */
	#own: Timing | null = null;

	constructor(measured: () => Timing) {
		this.#measured = measured;
	}

	take({ part, movedBytes }: SessionStep): void {
		if (part === 'tidy') this.#own ??= this.#measured();
		this.#bytes[part] = (this.#bytes[part] ?? 0) + movedBytes - this.#last;
		this.#last = movedBytes;
	}

	sample(): StepSample {
		const all = this.#measured();
		const { tidy: tidiedBytes = 0, verify: _, ...moved } = this.#bytes;
		const movedBytes = Object.values(moved).reduce((sum, bytes) => sum + bytes, 0);
		if (this.#own === null) return { ...all, movedBytes, tidy: null };
		const { seconds, processorSeconds } = this.#own;
		const tidy = { seconds: all.seconds - seconds, processorSeconds: all.processorSeconds - processorSeconds, movedBytes: tidiedBytes };
		return { seconds, processorSeconds, movedBytes, tidy };
	}
}

/** The newest full of the job; null before its first run. */
function fullIn(repository: RepositoryFolder): string | null {
	const folder = join(folderPath(repository), job.name);
	const fulls = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.hbk')) : [];
	const newest = fulls.sort().at(-1);
	return newest === undefined ? null : join(folder, newest);
}

type Timing = { readonly seconds: number; readonly processorSeconds: number };

/**
 * What was written before must not slow down what is measured now, and of two that are compared neither must be the one that first makes the machine find the
 * memory: a copy of a file about as large as what will be written is made, and removed. @returns what tells how long it took since then
 */
function settle(alike: string | null): () => Timing {
	if (alike !== null) copyFileSync(alike, `${alike}.warm`);
	execFileSync('sync');
	if (alike !== null) rmSync(`${alike}.warm`);
	const [beganAt, usage] = [performance.now(), process.cpuUsage()];
	return () => {
		const { user, system } = process.cpuUsage(usage);
		return { seconds: (performance.now() - beganAt) / 1000, processorSeconds: (user + system) / 1e6 };
	};
}

/** What the processor's caches hold: with larger ones the loop takes up to twice as long. */
const loopBufferBytes = 256 << 10;

async function copyLoop(from: string, to: string, lengthBytes: number): Promise<void> {
	await using source = await fs.open(from, 'r');
	await using target = await fs.open(to, 'w');
	const buffer = Buffer.allocUnsafeSlow(loopBufferBytes);
	for (let done = 0; done < lengthBytes; ) {
		const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.byteLength, lengthBytes - done), done % statSync(from).size);
		await target.write(buffer, 0, bytesRead);
		done += bytesRead;
	}
	await target.sync();
}

/**
 * Live is what the retained points need: of each record the share of its stored bytes that belongs to chunks which a commit names, with its header; and
 * what each file needs besides: superblocks, index and root. Whatever an index names is needed by a retained point: a commit of the full
 * leaves out the rest.
 */
export async function measureRoom(
	repositoryPath: RepositoryFolder,
): Promise<{ fileBytes: number; fullBytes: number; liveBytes: number; incrementBytes: number; overhead: number }> {
	const { storage, keys } = openVault(repositoryPath);
	const [chain] = (await listChains(repositoryPath)).chains;
	let [fileBytes, fullBytes, liveBytes, incrementBytes] = [0, 0, 0, 0];
	for (const { path, kind } of chain?.files ?? []) {
		await using file = await storage.open(path, 'read');
		const committed = await readCommittedFile(file, keys);
		if (committed === null) throw new Error(`${path} was never completed.`);
		const { root, superblock } = committed;
		const index = await readIndex(file, committed);
		const sizeBytes = await file.sizeBytes();
		fileBytes += sizeBytes;
		if (kind === 'full') fullBytes = sizeBytes;
		else incrementBytes = Math.max(incrementBytes, sizeBytes);
		liveBytes += 8192 + superblock.rootBytes + root.index.reduce((sum, { bytes }) => sum + bytes, 0);
		const needed = new Float64Array(index.recordCount);
		for (const { recordNumber, rawBytes } of index.chunks()) needed[recordNumber] = (needed[recordNumber] ?? 0) + rawBytes + 36;
		let number = 0;
		for (const { storedBytes, rawBytes } of index.records())
			liveBytes += recordHeaderBytes + storedBytes * Math.min(1, ((needed[number++] ?? 0) + 4) / rawBytes);
	}
	return { fileBytes, fullBytes, liveBytes, incrementBytes, overhead: fileBytes / (liveBytes + incrementBytes) };
}
