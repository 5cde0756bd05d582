/**
 * A data plane and a chain store in memory: small, real in what the jobs can see, and ill-behaved on demand.
 * Sources are whatever the test says they hold; chains live as long as the fake.
 */
import { posix } from 'node:path';
import { EngineError } from '../../base/index.ts';
import type { BrowseEntry, CheckResult, RepositoryLocation, RestorePlan, RunMode, SessionStep, SourceSpec, TaskCounters } from '../../contract/index.ts';
import type { Medium } from '../../platform/index.ts';
import type { ImportFindings, MendOutcome, Suspect } from '../../repository/index.ts';
import type { BackupRun, ChainRecord, ChainStep, ChainStore, CheckPart, DataPlane, ObjectOutcome, PointRecord, RunOptions, TaskObserver } from '../ports.ts';
import { applyRetention } from '../retention.ts';

export type FakeFiles = Readonly<Record<string, string>>;

export type FakePlaneOptions = { readonly now: () => number };

/** A fault that is waiting to happen. `fired` tells a test that it did. */
export type Fault = { readonly fired: boolean };
type ArmedFault = { fired: boolean; readonly object: string | null; readonly act: (options: RunOptions) => Promise<void> };

const waitForAbort = (signal: AbortSignal | undefined): Promise<never> =>
	new Promise((_, reject) => {
		if (signal?.aborted) reject(signal.reason);
		signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
	});

export class FakePlane implements DataPlane, ChainStore {
	readonly #now: () => number;
	readonly #sources = new Map<string, FakeFiles>();
	readonly #chains = new Map<string, ChainRecord[]>();
	readonly #contents = new Map<string, FakeFiles>();
	readonly #faults: ArmedFault[] = [];
	readonly #tellings: ((observer: TaskObserver, options: RunOptions) => Promise<void>)[] = [];
	readonly #unreachable = new Set<string>();
	/** What is needed to mend them. */
	readonly #damagedPoints = new Map<string, 'copy' | 'source'>();
	#nextId = 1;
	freeBytes = 10 * 2 ** 30;
	capacityBytes = 100 * 2 ** 30;
	medium: Medium = 'unknown';
	/** Every run that was asked for, in order. */
	readonly runs: BackupRun[] = [];
	/** Chains that were given new secrets. */
	readonly relocked: string[] = [];
	readonly cleanedJobs: string[] = [];
	readonly checks: { readonly chainId: string; readonly part: CheckPart | null }[] = [];
	readonly steps: { readonly chainId: string; readonly step: ChainStep }[] = [];
	readonly restored: { pointId: string; paths: readonly string[]; to: string | null }[] = [];
	running = 0;
	peakRunning = 0;

	constructor({ now }: FakePlaneOptions) {
		this.#now = now;
	}

	/** What a source holds from now on; a source that was never put is missing. */
	putSource(source: SourceSpec, files: FakeFiles): void {
		this.#sources.set(key(source), files);
	}

	/** The next run (of the object, if one is given) fails so. */
	failNext(error: Error, object: SourceSpec | null = null): Fault {
		return this.#arm(object, async () => {
			throw error;
		});
	}

	/** The next run hangs until it is cancelled, or until `release` is called. */
	hangNext(object: SourceSpec | null = null): Fault & { release(): void; readonly begun: Promise<void> } {
		const gate = Promise.withResolvers<void>();
		const begun = Promise.withResolvers<void>();
		const fault = this.#arm(object, async ({ signal }) => {
			begun.resolve();
			await Promise.race([gate.promise, waitForAbort(signal)]);
		});
		return Object.assign(fault, { release: () => gate.resolve(), begun: begun.promise });
	}

	/** The next step on a chain says that it is so far, and hangs until it is cancelled or `release` is called; several are gone through in turn. */
	tellNext(step: SessionStep): { readonly told: Promise<void>; release(): void } {
		const gate = Promise.withResolvers<void>();
		const told = Promise.withResolvers<void>();
		this.#tellings.push(async (observer, { signal }) => {
			observer.step?.(step);
			told.resolve();
			await Promise.race([gate.promise, waitForAbort(signal)]);
		});
		return { told: told.promise, release: () => gate.resolve() };
	}

	/** How many faults still wait: a test that armed one which never happened shows nothing. */
	get waitingFaults(): number {
		return this.#faults.length + this.#tellings.length;
	}

	setReachable(repositoryPath: string, isReachable: boolean): void {
		if (isReachable) this.#unreachable.delete(repositoryPath);
		else this.#unreachable.add(repositoryPath);
	}

	damagePoint(pointId: string, needs: 'copy' | 'source' = 'source'): void {
		this.#damagedPoints.set(pointId, needs);
	}

	async backUp(run: BackupRun, observers: readonly TaskObserver[], options: RunOptions): Promise<readonly ObjectOutcome[]> {
		this.runs.push(run);
		this.running++;
		this.peakRunning = Math.max(this.peakRunning, this.running);
		try {
			const { mode } = this.#decide(run);
			for (const observer of observers) observer.mode(mode);
			for (const object of run.objects) await this.#misbehave(object, options);
			options.signal?.throwIfAborted();
			this.#refuseUnreachable(run.repository);
			return this.#commit(run, observers);
		} finally {
			this.running--;
		}
	}

	async restoreFiles(
		{ repository, pointId, paths, to }: { repository: RepositoryLocation; pointId: string; paths: readonly string[]; to: string | null },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<void> {
		const point = this.#point(repository, pointId);
		await this.#misbehave(point.object, options);
		const bytes = this.#filesIn(pointId, paths).reduce((sum, [, content]) => sum + content.length, 0);
		observer.counters(counters(bytes, paths.length));
		this.restored.push({ pointId, paths, to });
	}

	async restoreDisk(
		{ repository, pointId, to }: { repository: RepositoryLocation; pointId: string; to: string; overwrite: boolean },
		observer: TaskObserver,
		options: RunOptions,
	) {
		await this.restoreFiles({ repository, pointId, paths: ['/'], to }, observer, options);
	}

	async bringBackMachine(
		{ repository, pointId }: { repository: RepositoryLocation; pointId: string },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<void> {
		await this.restoreFiles({ repository, pointId, paths: ['/'], to: null }, observer, options);
	}

	async restoreMachine(
		{ repository, pointId, disks }: { repository: RepositoryLocation; pointId: string; disks: readonly { readonly to: string }[] },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<readonly string[]> {
		await this.restoreFiles({ repository, pointId, paths: ['/'], to: null }, observer, options);
		return disks.map(({ to }) => to);
	}

	async planRestore({ pointId, paths }: { pointId: string; paths: readonly string[] }): Promise<RestorePlan> {
		const files = this.#filesIn(pointId, paths);
		const bytes = files.reduce((sum, [, content]) => sum + content.length, 0);
		return {
			files: files.length,
			directories: 0,
			links: 0,
			others: 0,
			bytes,
			overwritten: 0,
			kept: 0,
			overwrittenPaths: [],
			freeBytes: this.freeBytes,
			fits: bytes <= this.freeBytes,
		};
	}

	async verifyPoint(
		{ repository, pointId }: { repository: RepositoryLocation; pointId: string },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<CheckResult> {
		const point = this.#point(repository, pointId);
		await this.#misbehave(point.object, options);
		observer.counters(counters(point.storedBytes, 1));
		const damaged = this.#damagedPoints.has(pointId) ? [{ file: point.file, point: pointId, path: '/', reason: 'a byte was flipped' }] : [];
		return { chain: point.chainId, readBytes: point.storedBytes, damaged, unreadable: [] };
	}

	async checkChain(
		{ repository, chainId, part = null }: { repository: RepositoryLocation; chainId: string; part?: CheckPart | null },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<CheckResult> {
		this.checks.push({ chainId, part });
		this.#refuseUnreachable(repository);
		const chain = this.#chainsIn(repository).find(({ id }) => id === chainId);
		if (chain === undefined) throw new EngineError('not-found.chain', `There is no chain ${chainId}.`);
		const results: CheckResult[] = [];
		for (const { id } of chain.points) results.push(await this.verifyPoint({ repository, pointId: id }, observer, options));
		return {
			chain: chainId,
			readBytes: results.reduce((sum, { readBytes }) => sum + readBytes, 0),
			damaged: results.flatMap(({ damaged }) => damaged),
			unreadable: [],
		};
	}

	async runStep(
		{ repository, chainId, step }: { repository: RepositoryLocation; chainId: string; step: ChainStep },
		observer: TaskObserver,
		options: RunOptions,
	) {
		const chains = this.#chainsIn(repository);
		const chain = chains.find(({ id }) => id === chainId);
		if (chain === undefined) throw new EngineError('not-found.chain', `There is no chain ${chainId}.`);
		const [object] = chain.objects;
		if (object !== undefined) await this.#misbehave(object, options);
		this.steps.push({ chainId, step });
		for (const tell of this.#tellings.splice(0)) await tell(observer, options);
		observer.counters(counters(chain.files[1]?.sizeBytes ?? 0, 1));
		if (step.kind === 'merge') this.#chains.set(repository.path, applyRetention(chains, [{ ...step, chainId }]));
		if (step.kind === 'mend') return { savedBytes: 0, mend: this.#mend(chain, step.suspects) };
		return { savedBytes: step.kind === 'merge' ? 1 : 0 };
	}

	async browse({ pointId, path, offset, limit }: { pointId: string; path: string; offset: number; limit: number }) {
		const folder = path.endsWith('/') ? path : `${path}/`;
		const entries = new Map<string, BrowseEntry>();
		for (const [name, content] of Object.entries(this.#contents.get(pointId) ?? {})) {
			if (!name.startsWith(folder)) continue;
			const [first, ...rest] = name.slice(folder.length).split('/');
			const isFile = rest.length === 0;
			if (first)
				entries.set(first, {
					name: first,
					type: isFile ? 'file' : 'directory',
					sizeBytes: isFile ? content.length : 0,
					modifiedAt: 0,
					mode: 0o644,
					owner: 'root',
					target: null,
				});
		}
		const sorted = [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
		return { path, total: sorted.length, entries: sorted.slice(offset, offset + limit) };
	}

	async stat({ pointId, path }: { pointId: string; path: string }) {
		const content = this.#contents.get(pointId)?.[path];
		return content === undefined ? null : { sizeBytes: content.length, modifiedAt: 0 };
	}

	async openDownload({ pointId, paths }: { pointId: string; paths: readonly string[] }) {
		const [first] = this.#filesIn(pointId, paths);
		if (first === undefined) throw new EngineError('not-found.path', `There is no ${paths[0]} in the restore point.`);
		const [name, content] = first;
		return {
			fileName: posix.basename(name),
			mediaType: 'application/octet-stream',
			sizeBytes: content.length,
			content: (async function* () {
				yield Buffer.from(content);
			})(),
		};
	}

	async measure({ source }: { source: SourceSpec }) {
		const files = this.#files(source);
		return { bytes: sizeOf(files), items: Object.keys(files).length, complete: true };
	}

	async prepare(repository: RepositoryLocation) {
		this.#refuseUnreachable(repository);
		return { medium: this.medium };
	}

	async release(): Promise<void> {}

	async mediumOf(repository: RepositoryLocation) {
		this.#refuseUnreachable(repository);
		return this.medium;
	}

	async space(repository: RepositoryLocation) {
		this.#refuseUnreachable(repository);
		return { capacityBytes: this.capacityBytes, freeBytes: this.freeBytes };
	}

	async checkStorage(repository: RepositoryLocation) {
		const error = this.#unreachable.has(repository.path) ? ({ code: 'repository.unreachable', message: 'It cannot be reached.' } as const) : null;
		return [{ promise: 'what was written is read back', error }];
	}

	async list(repository: RepositoryLocation) {
		this.#refuseUnreachable(repository);
		return { chains: structuredClone(this.#chainsIn(repository)), problems: [] };
	}

	async cleanUp(repository: RepositoryLocation, job: { readonly id: string }) {
		this.#refuseUnreachable(repository);
		this.cleanedJobs.push(job.id);
		return { removed: [], adopted: [] };
	}

	async importChains(repository: RepositoryLocation): Promise<ImportFindings> {
		this.#refuseUnreachable(repository);
		return { rebuilt: [], unfinished: [], problems: [] };
	}

	async finishChain(repository: RepositoryLocation): Promise<void> {
		this.#refuseUnreachable(repository);
	}

	async relock(repository: RepositoryLocation, chainId: string): Promise<void> {
		this.#refuseUnreachable(repository);
		this.relocked.push(chainId);
	}

	async locks() {
		return [];
	}

	async takeOver(repository: RepositoryLocation, chainId: string, job: { readonly id: string; readonly name: string }): Promise<void> {
		this.#refuseUnreachable(repository);
		this.#chains.set(
			repository.path,
			this.#chainsIn(repository).map((chain) => (chain.id === chainId ? { ...chain, job: { ...job } } : chain)),
		);
	}

	async removeChain(repository: RepositoryLocation, chainId: string): Promise<void> {
		this.#refuseUnreachable(repository);
		this.#chains.set(
			repository.path,
			this.#chainsIn(repository).filter(({ id }) => id !== chainId),
		);
	}

	async removeFile(repository: RepositoryLocation, chainId: string, path: string): Promise<void> {
		this.#refuseUnreachable(repository);
		const chain = this.#chainsIn(repository).find(({ id }) => id === chainId);
		const file = chain?.files.find((candidate) => candidate.path === path);
		if (file?.kind === 'full' || chain?.files.some(({ dependsOn }) => dependsOn === path))
			throw new EngineError('usage.conflict', `${path} cannot be removed alone.`);
		this.#chains.set(repository.path, applyRetention(this.#chainsIn(repository), [{ kind: 'remove-file', chainId, path }]));
	}

	#decide(run: BackupRun): { current: ChainRecord | undefined; isFull: boolean; mode: RunMode } {
		const chains = this.#chainsIn(run.repository);
		const current = chains.findLast(
			(chain) =>
				chain.job.id === run.job.id &&
				!chain.adHoc &&
				chain.method === run.method &&
				chain.objects.some((object) => run.objects.some((other) => key(other) === key(object))),
		);
		const isTooLong = current !== undefined && run.renewAfterPoints !== null && current.files.length >= run.renewAfterPoints;
		const isFull = run.requested !== 'increment' || current === undefined || isTooLong;
		const reason =
			run.requested !== 'increment' ? run.reason : current === undefined ? 'There is no chain to build on.' : isTooLong ? 'The chain is complete.' : '';
		const mode = { requested: run.requested === 'increment' ? 'increment' : 'full', actual: isFull ? 'full' : 'increment', reason } as const;
		return { current, isFull, mode };
	}

	/** A damaged point is mended once a run has read its source again, or at once. */
	#mend(chain: ChainRecord, suspects: readonly Suspect[]): MendOutcome {
		const mended: { file: string; what: string }[] = [];
		const left: { file: string; what: string }[] = [];
		for (const point of chain.points) {
			if (!this.#damagedPoints.has(point.id) || !suspects.some(({ file }) => file === point.file)) continue;
			const needs = this.#damagedPoints.get(point.id);
			if (needs === 'source' && !this.runs.some((run) => run.suspects.some(({ file }) => file === point.file)))
				left.push({ file: point.file, what: 'no other copy' });
			else {
				this.#damagedPoints.delete(point.id);
				mended.push({ file: point.file, what: 'replaced by a good copy' });
			}
		}
		return { mended, left };
	}

	#commit(run: BackupRun, observers: readonly TaskObserver[]): ObjectOutcome[] {
		const all = run.objects.map((object) => this.#files(object));
		const chains = this.#chainsIn(run.repository);
		const { current, isFull, mode } = this.#decide(run);
		const createdAt = this.#now();
		const chainId = isFull ? `chain-${this.#nextId++}` : (current?.id ?? '');
		const file = `${run.job.name}/${chainId}-${this.#nextId++}.${isFull ? 'hbk' : 'hib'}`;
		const kind = isFull || run.method === 'reverse' ? 'full' : 'increment';
		const points = run.objects.map((object, i): PointRecord => {
			const files = all[i] ?? {};
			const id = `point-${this.#nextId++}`;
			this.#contents.set(id, files);
			const warnings = Object.keys(files).filter((name) => name.endsWith('.unreadable'));
			for (const path of warnings) observers[i]?.warning({ code: 'source.unreadable', message: `${path} cannot be read.`, path });
			const common = { id, chainId, object, createdAt, kind, consistency: 'file-system', mode, sessionId: run.sessionId, file, problem: null } as const;
			return { ...common, storedBytes: sizeOf(files), sourceBytes: sizeOf(files), itemCount: Object.keys(files).length, warningCount: warnings.length };
		});
		const newFile = {
			path: file,
			dependsOn: isFull ? null : ((run.differential ? current?.files[0] : current?.files.at(-1))?.path ?? null),
			kind,
			sizeBytes: points.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
			createdAt,
			pointIds: points.map(({ id }) => id),
			problem: null,
		} as const;
		const base: ChainRecord =
			isFull || current === undefined
				? {
						id: chainId,
						job: run.job,
						objects: run.objects,
						method: run.method,
						createdAt,
						encrypted: run.keyId !== null,
						keyId: run.keyId,
						...(run.adHoc && { adHoc: run.adHoc }),
						files: [],
						points: [],
					}
				: current;
		const next =
			run.method === 'reverse' && !isFull ? rollBack(base, newFile, points) : { ...base, files: [...base.files, newFile], points: [...base.points, ...points] };
		this.#chains.set(run.repository.path, isFull ? [...chains, next] : chains.map((chain) => (chain.id === chainId ? next : chain)));
		return points.map((point, i): ObjectOutcome => {
			const outcome = counters(point.sourceBytes, point.itemCount, point.warningCount);
			observers[i]?.counters(outcome);
			const busyPercent = { source: 70, proxy: 20, network: 0, target: 30 };
			return {
				object: point.object,
				pointId: point.id,
				mode,
				counters: outcome,
				bottleneck: { stage: 'source', reason: 'Reading the source takes longest.', busyPercent },
			};
		});
	}

	#files(source: SourceSpec): FakeFiles {
		const files = this.#sources.get(key(source));
		if (files === undefined) throw new EngineError('source.missing', `The source ${source.path} does not exist.`, { data: { path: source.path } });
		return files;
	}

	#filesIn(pointId: string, paths: readonly string[]): [string, string][] {
		return Object.entries(this.#contents.get(pointId) ?? {}).filter(([name]) =>
			paths.some((path) => path === '/' || name === path || name.startsWith(`${path}/`)),
		);
	}

	#chainsIn({ path }: RepositoryLocation): ChainRecord[] {
		return this.#chains.get(path) ?? [];
	}

	#point(repository: RepositoryLocation, pointId: string): PointRecord {
		const point = this.#chainsIn(repository)
			.flatMap(({ points }) => points)
			.find(({ id }) => id === pointId);
		if (point === undefined) throw new EngineError('not-found.point', `There is no restore point ${pointId}.`);
		return point;
	}

	#refuseUnreachable({ path }: RepositoryLocation): void {
		if (this.#unreachable.has(path)) throw new EngineError('repository.unreachable', `The repository ${path} cannot be reached.`);
	}

	#arm(object: SourceSpec | null, act: ArmedFault['act']): ArmedFault {
		const fault: ArmedFault = { fired: false, object: object === null ? null : key(object), act };
		this.#faults.push(fault);
		return fault;
	}

	async #misbehave(object: SourceSpec, options: RunOptions): Promise<void> {
		const at = this.#faults.findIndex((fault) => fault.object === null || fault.object === key(object));
		const [fault] = at < 0 ? [] : this.#faults.splice(at, 1);
		if (fault === undefined) return;
		fault.fired = true;
		await fault.act(options);
	}
}

/** Reverse incremental: the full becomes the newest point, and the one before moves into a file of its own. */
function rollBack(chain: ChainRecord, newest: ChainRecord['files'][number], points: readonly PointRecord[]): ChainRecord {
	const [full, ...older] = chain.files;
	if (full === undefined) return chain;
	const reverse = { ...full, path: `${newest.path}.hrb`, kind: 'reverse', dependsOn: full.path } as const;
	const moved = new Set(full.pointIds);
	return {
		...chain,
		files: [
			{ ...newest, path: full.path, dependsOn: null },
			reverse,
			...older.map((file) => (file.dependsOn === full.path ? { ...file, dependsOn: reverse.path } : file)),
		],
		points: [
			...chain.points.map((point): PointRecord => (moved.has(point.id) ? { ...point, kind: 'reverse', file: reverse.path } : point)),
			...points.map((point) => ({ ...point, file: full.path })),
		],
	};
}

const key = ({ kind, path }: SourceSpec): string => `${kind}:${path}`;
const sizeOf = (files: FakeFiles): number => Object.values(files).reduce((sum, content) => sum + content.length, 0);
const counters = (bytes: number, items: number, warningCount = 0): TaskCounters => ({
	totalBytes: bytes,
	doneBytes: bytes,
	readBytes: bytes,
	transferredBytes: bytes,
	storedBytes: bytes,
	totalItems: items,
	doneItems: items,
	unchangedItems: 0,
	warningCount,
});
