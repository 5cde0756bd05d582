import * as fs from 'node:fs';
import { bytesFromText, compileExclusions, EngineError, isEngineError, newId, systemClock } from '../base/index.ts';
import { isNbdUri } from '../block/index.ts';
import type { ErrorCode, RunMode, SourceSpec } from '../contract/index.ts';
import { hashText, type PointManifest, parseDiskMap } from '../format/index.ts';
import { openPlatform } from '../platform/index.ts';
import { type ChunkReader, folderPath } from '../repository/index.ts';
import { Reading } from '../source/index.ts';
import { DatabaseWatch } from './database-watch.ts';
import { efforts } from './effort.ts';
import { Pipe } from './pipe.ts';
import { protectDisk } from './protect-disk.ts';
import { FolderTask } from './protect-folder.ts';
import { protectMachine } from './protect-machine.ts';
import { StepMeter } from './step-meter.ts';
import { LocalRun } from './target-run.ts';
import { type BackupRun, type MutableCounters, noCounters, type ObjectOutcome, type ObjectSource, type TaskObserver } from './task.ts';
import { tellRegularly } from './tell-regularly.ts';
import { noShares } from './throttle/index.ts';
import { isRemotePlace } from './wire/place.ts';
import type { ReachOptions } from './wire/remote-repository.ts';
import { isTargetPort, PortLink } from './wire/target-port.ts';

/** How a repository on another machine is reached matters only where it is not by TLS. */
export type RunOptions = ReachOptions & { readonly signal: AbortSignal };

/**
 * A whole run of the pipe: decides on full or increment, protects each object, commits one file with one point per object.
 * All or nothing: what throws leaves no file behind and the chain as it was.
 */
export async function runBackup(run: BackupRun, observers: readonly TaskObserver[], options: RunOptions): Promise<readonly ObjectOutcome[]> {
	if (run.via) return (await import('./wire/protect-there.ts')).protectThere({ ...run, via: run.via }, observers, options);
	const { signal, ...reach } = options;
	const exclude = compileExclusions(run.exclude);
	const { repositoryPath, shares = noShares, sources = [], ...spec } = run;
	for (const [i, object] of run.objects.entries()) checkSource(object, sources[i] ?? null);
	const beganAt = systemClock.now();
	const now = run.now ?? beganAt;
	await using target = isRemotePlace(repositoryPath)
		? await (await import('./wire/remote-run.ts')).RemoteRun.begin(repositoryPath, { ...spec, now }, { ...reach, shares, signal })
		: isTargetPort(repositoryPath)
			? await (await import('./wire/remote-run.ts')).RemoteRun.over(new PortLink(repositoryPath), { ...spec, now }, { shares, signal })
			: await LocalRun.begin({ ...spec, repositoryPath, now }, { shares, signal });
	const { base, doubts } = target;
	const mode: RunMode = {
		requested: run.requested === 'increment' ? 'increment' : 'full',
		actual: target.actual,
		reason: target.fallbackReason || run.reason,
	};
	for (const observer of observers) observer.mode(mode);
	if (doubts) {
		const count = doubts.lostChunks;
		observers[0]?.info(`${count > 0 ? `${count} chunks` : 'Parts'} of the chain are damaged: what they held is read again, wherever the source still has it.`);
	}
	const diskBlockSizes = await Promise.all(target.previous.map((point) => previousBlockSize(point, base)));
	await using pipe = new Pipe({
		target,
		blockSizeBytes: Math.max(run.blockSizeBytes, ...diskBlockSizes.map((size) => size ?? 0)),
		effort: efforts[run.compression],
		signal,
	});
	const platform = openPlatform();
	const repository = isRemotePlace(repositoryPath) || isTargetPort(repositoryPath) ? null : fs.statSync(folderPath(repositoryPath), { bigint: true });
	const outcomes: ObjectOutcome[] = [];
	const points: PointManifest[] = [];
	for (const [i, object] of run.objects.entries()) {
		const observer = observers[i] as TaskObserver;
		const previous = target.previous[i] ?? null;
		const source = sources[i] ?? null;
		const reading = new Reading(source?.views ?? [], platform);
		const counters: MutableCounters = { ...noCounters };
		const sentBefore = pipe.transferredBytes;
		const progress: TaskObserver = {
			mode: (decided) => observer.mode(decided),
			activity: (text) => observer.activity(text),
			warning: (warning) => observer.warning(warning),
			info: (message) => observer.info(message),
			bottleneck: (bottleneck) => observer.bottleneck(bottleneck),
			counters: (now) => {
				const sent = pipe.transferredBytes - sentBefore;
				observer.counters({ ...now, transferredBytes: sent, storedBytes: sent });
				observer.bottleneck(pipe.bottleneck(now));
			},
		};
		using _telling = tellRegularly(() => progress.counters({ ...counters }));
		const createdAt = now + systemClock.now() - beganAt; // by the clock of the backup server, wherever it is read
		let root: Uint8Array;
		let stamp: string | null = null;
		let objectMode = mode;
		let reason = '';
		if (object.kind === 'vm') {
			const machine = source?.machine;
			if (!machine) throw new EngineError('source.unsupported', `${object.path}: there is no snapshot of the virtual machine to read.`);
			counters.totalBytes = previous?.sourceBytes ?? null;
			({ root, stamp, reason } = await protectMachine({
				...{ pipe, title: object.path, machine, doubts, counters, observer: progress, storeUnused: run.storeUnused },
				instantAt: source.snapshot.createdAt ?? createdAt,
				blockSizeBytes: run.blockSizeBytes,
				previous: previous && base ? { root: Buffer.from(previous.root.hash, 'hex'), stamp: previous.sourceStamp ?? null, reader: base } : null,
			}));
		} else if (object.kind === 'disk') {
			const isHurt = previous && doubts ? await doubts.isDiskHurt(Buffer.from(previous.root.hash, 'hex')) : false;
			if (isHurt) observer.info(`${object.path} is read again, because what is stored of it is damaged.`);
			const before = previous && base && !isHurt ? { root: Buffer.from(previous.root.hash, 'hex'), stamp: previous.sourceStamp ?? null, reader: base } : null;
			const blockSizeBytes = diskBlockSizes[i] ?? run.blockSizeBytes;
			({ root, stamp, reason } = await protectDisk({
				pipe,
				path: object.path,
				reading,
				blockSizeBytes,
				previous: before,
				storeUnused: run.storeUnused,
				counters,
				observer: progress,
			}));
			if (reason !== '') observer.info(reason);
		} else {
			const databases = run.databases ? new DatabaseWatch(run.databases) : null;
			const task = new FolderTask({
				pipe,
				path: object.path,
				reading,
				exclude,
				databases,
				platform,
				previous: previous && base ? { root: Buffer.from(previous.root.hash, 'hex'), reader: base } : null,
				doubts,
				skip: repository ? [{ device: repository.dev, inode: repository.ino }] : [],
				counters,
				observer: progress,
			});
			counters.totalBytes = previous?.sourceBytes ?? null;
			counters.totalItems = previous?.itemCount ?? null;
			const tree = await task.run();
			databases?.report(progress, counters);
			root = tree.root;
			counters.totalBytes = counters.doneBytes;
			counters.totalItems = counters.doneItems;
		}
		if (reason !== '') {
			objectMode = { ...mode, reason: [mode.reason, reason].filter(Boolean).join(' ') };
			observer.mode(objectMode);
		}
		observer.activity('writing');
		await pipe.flush();
		counters.transferredBytes = pipe.transferredBytes - sentBefore;
		counters.storedBytes = counters.transferredBytes;
		observer.counters({ ...counters });
		const pointId = newId(createdAt);
		points.push({
			id: pointId,
			object,
			createdAt,
			sessionId: run.sessionId,
			mode: objectMode,
			consistency: source?.consistency ?? 'crash',
			root: { kind: object.kind === 'disk' ? 'disk' : 'folder', hash: hashText(root) },
			sourceBytes: counters.doneBytes,
			itemCount: counters.doneItems,
			storedBytes: counters.storedBytes,
			warningCount: counters.warningCount,
			...(stamp !== null && { sourceStamp: stamp }),
			...(source && { snapshot: source.snapshot }),
		});
		outcomes.push({ object, pointId, mode: objectMode, counters, bottleneck: pipe.bottleneck(counters) });
	}
	signal.throwIfAborted();
	for (const observer of observers) observer.activity('committing');
	const progress = new StepMeter((step) => observers[0]?.step?.(step));
	await target.commit(points, { signal, progress });
	return outcomes;
}

function checkSource({ kind, path }: SourceSpec, source: ObjectSource | null): void {
	if (kind === 'vm') return; // it has its snapshot already
	if (source?.snapshot.proxy) return; // it lies on another machine
	if (kind === 'disk' && isNbdUri(path)) return; // some servers end with their first client
	if (fs.existsSync(bytesFromText(path))) return;
	throw new EngineError('source.missing' satisfies ErrorCode, `${path} does not exist.`, { hint: 'Connect or mount it, or take it out of the job.' });
}

async function previousBlockSize(point: PointManifest | null, base: ChunkReader | null): Promise<number | null> {
	if (point?.root.kind !== 'disk' || !base) return null;
	try {
		return parseDiskMap(await base.readChunk(Buffer.from(point.root.hash, 'hex')), `the disk map of ${point.id}`).blockSizeBytes;
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return null; // then it is cut as the job says, which is the same unless that was changed
		throw error;
	}
}
