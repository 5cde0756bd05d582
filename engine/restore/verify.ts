import { type EngineError, isEngineError, textFromBytes } from '../base/index.ts';
import type { CheckResult, Damage } from '../contract/index.ts';
import { hashBytes, storedBlocks, type TreeEntry } from '../format/index.ts';
import type { TaskObserver, TaskShares } from '../mover/index.ts';
import { ChainReader, type FoundInChain, findPoint, loadChain, maxFindings } from '../repository/index.ts';
import { readDiskMap, readSegments } from './disk-content.ts';
import { childPath, PointView } from './point-view.ts';
import { RestoreProgress } from './progress.ts';
import { type RestorePlace, reach, type TaskSignal } from './reached.ts';
import { RestorePool } from './restore-pool.ts';

type Findings = { readBytes: number; readonly damaged: Damage[]; readonly unreadable: Damage[] };

function note(findings: Findings, isUnreadable: boolean, damage: Damage): void {
	const list = isUnreadable ? findings.unreadable : findings.damaged;
	if (list.length < maxFindings) list.push(damage);
}

export type VerifyTask = {
	readonly repositoryPath: RestorePlace;
	readonly pointId: string;
	/** Absent: it is looked up there. */
	readonly found?: FoundInChain | undefined;
	readonly shares?: TaskShares | undefined;
};

/** Reads everything that one point needs, through the same steps as a restore, and writes nothing. */
export async function verifyPoint(task: VerifyTask, [observer]: readonly TaskObserver[], options: TaskSignal): Promise<CheckResult> {
	await using repository = await reach(task.repositoryPath, options);
	const { vault, signal } = repository;
	const lookUp = async (): Promise<FoundInChain> => {
		const { point, files, chain } = await findPoint(vault, task.pointId);
		return { point, files, chainId: chain.id };
	};
	const { point, files, chainId } = task.found ?? (await lookUp());
	const findings: Findings = { readBytes: 0, damaged: [], unreadable: [] };
	const result = (): CheckResult => ({ chain: chainId, ...findings });
	const file = files.at(-1) ?? '';
	let handle: Awaited<ReturnType<typeof loadChain>>;
	try {
		handle = await loadChain(vault, files);
	} catch (error) {
		if (!isEngineError(error)) throw error;
		note(findings, error.code !== 'repository.damaged', { file, point: point.id, path: null, reason: error.message });
		return result();
	}
	const progress = new RestoreProgress(observer as TaskObserver);
	await using view = new PointView(point, new ChainReader(handle, vault.storage));
	const requested = new Map<number, readonly string[]>();
	await using pool = new RestorePool(handle, repository, task.shares, {
		onAnswer(answer) {
			if (answer.type !== 'chunks') return;
			const paths = requested.get(answer.id) ?? [];
			requested.delete(answer.id);
			findings.readBytes += answer.readBytes;
			progress.counters.readBytes += answer.readBytes;
			for (const failure of answer.failures)
				note(findings, failure.isUnreadable, { file, point: point.id, path: paths[failure.index] ?? null, reason: failure.message });
			progress.report();
		},
	});
	using _telling = progress.tellRegularly(pool);
	let id = 0;
	let hashes: Uint8Array[] = [];
	let paths: string[] = [];
	const give = async (): Promise<void> => {
		if (hashes.length === 0) return;
		requested.set(id, paths);
		await pool.give({ type: 'chunks', id: id++, hashes: Buffer.concat(hashes) }, signal);
		hashes = [];
		paths = [];
	};
	const add = async (hash: Uint8Array, path: string): Promise<void> => {
		hashes.push(hash);
		paths.push(path);
		if (hashes.length === 64) await give();
	};
	const { counters } = progress;
	counters.totalBytes = point.sourceBytes;
	counters.totalItems = point.itemCount;
	const attempt = async (path: string, action: () => Promise<void>): Promise<void> => {
		try {
			await action();
		} catch (error) {
			if (!isEngineError(error) || !error.code.startsWith('repository.')) throw error;
			note(findings, error.code !== 'repository.damaged', { file, point: point.id, path, reason: error.message });
		}
	};
	const visit = async (path: string, entry: TreeEntry): Promise<void> => {
		signal.throwIfAborted();
		counters.doneItems++;
		counters.doneBytes += entry.sizeBytes;
		progress.observer.activity(path);
		await attempt(path, async () => {
			if (entry.type === 'file') for await (const extent of view.extents(entry)) if (extent.kind === 'data') await add(extent.hash, path);
			if (entry.type !== 'directory') return;
			const onDamage = (error: EngineError): void => note(findings, false, { file, point: point.id, path, reason: error.message });
			for await (const child of view.children(entry, 0, onDamage)) await visit(childPath(path, textFromBytes(child.name)), child);
		});
	};
	await attempt('/', async () => {
		if (point.root.kind === 'folder') return visit('/', await view.root());
		const map = await readDiskMap(view);
		for await (const segment of readSegments(view, map)) {
			for (const hash of storedBlocks(segment)) await add(hash, point.object.path);
			counters.doneBytes = Math.min(point.sourceBytes, (segment.firstBlock + segment.hashes.byteLength / hashBytes) * map.blockSizeBytes);
			progress.report();
		}
		counters.doneItems = 1;
	});
	await give();
	await pool.drain(signal);
	progress.bottleneck(pool);
	progress.report();
	return result();
}
