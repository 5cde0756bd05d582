import { type EngineError, isEngineError, textFromBytes, toErrorShape } from '../base/index.ts';
import type { CheckResult, Damage } from '../contract/index.ts';
import {
	cipherOf,
	damaged,
	FileIndex,
	firstRecordOffset,
	hashBytes,
	isZeroHash,
	parseSuperblocks,
	recordHeaderBytes,
	type TreeEntry,
} from '../format/index.ts';
import { limitReads, RateLimiter, type TaskObserver } from '../mover/index.ts';
import {
	ChainReader,
	findPoint,
	listChains,
	loadChain,
	type RepositoryFolder,
	readRecord,
	type StorageFile,
	storageAt,
	unknownChain,
} from '../repository/index.ts';
import { childPath, PointView } from './point-view.ts';
import { RestoreProgress } from './progress.ts';
import { readDiskMap, readSegments } from './restore-disk.ts';
import { RestorePool } from './restore-pool.ts';

type Findings = { readBytes: number; readonly damaged: Damage[]; readonly unreadable: Damage[] };
/** A chain that lies in ruins must not fill the memory with its complaints. */
const maxFindings = 10_000;

function note(findings: Findings, isUnreadable: boolean, damage: Damage): void {
	const list = isUnreadable ? findings.unreadable : findings.damaged;
	if (list.length < maxFindings) list.push(damage);
}

/** Reads everything that one point needs, through the same steps as a restore, and writes nothing. */
export async function verifyPoint(
	task: { readonly repositoryPath: RepositoryFolder; readonly pointId: string; readonly readLimit?: number | null },
	[observer]: readonly TaskObserver[],
	{ signal }: { readonly signal: AbortSignal },
): Promise<CheckResult> {
	const { point, files, chain } = await findPoint(task.repositoryPath, task.pointId);
	const findings: Findings = { readBytes: 0, damaged: [], unreadable: [] };
	const result = (): CheckResult => ({ chain: chain.id, ...findings });
	const file = files.at(-1) ?? '';
	let handle: Awaited<ReturnType<typeof loadChain>>;
	try {
		handle = await loadChain(task.repositoryPath, files);
	} catch (error) {
		if (!isEngineError(error)) throw error;
		note(findings, error.code !== 'repository.damaged', { file, point: point.id, path: null, reason: error.message });
		return result();
	}
	const progress = new RestoreProgress(observer as TaskObserver);
	await using view = new PointView(point, new ChainReader(handle));
	const requested = new Map<number, readonly string[]>();
	await using pool = new RestorePool(handle, task.readLimit, (reply) => {
		if (reply.type !== 'chunks') return;
		const paths = requested.get(reply.id) ?? [];
		requested.delete(reply.id);
		findings.readBytes += reply.readBytes;
		progress.counters.readBytes += reply.readBytes;
		for (const failure of reply.failures)
			note(findings, failure.isUnreadable, { file, point: point.id, path: paths[failure.index] ?? null, reason: failure.message });
		progress.report();
	});
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
			for (let at = 0; at < segment.hashes.byteLength; at += hashBytes) {
				const hash = segment.hashes.subarray(at, at + hashBytes);
				if (!isZeroHash(hash)) await add(hash, point.object.path);
			}
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

/** Reads every stored byte of a chain against the checksums of its index, and every point's tree against its chunks. */
export async function checkChain(
	task: { readonly repositoryPath: RepositoryFolder; readonly chainId: string; readonly readLimit?: number | null },
	observers: readonly TaskObserver[],
	options: { readonly signal: AbortSignal },
): Promise<CheckResult> {
	const { chains } = await listChains(task.repositoryPath);
	const chain = chains.find((candidate) => candidate.id === task.chainId);
	if (!chain) throw unknownChain(task.chainId);
	const progress = new RestoreProgress(observers[0] as TaskObserver);
	const findings: Findings = { readBytes: 0, damaged: [], unreadable: [] };
	progress.counters.totalBytes = chain.files.reduce((sum, file) => sum + file.sizeBytes, 0);
	progress.counters.totalItems = chain.files.length;
	const folder = storageAt(task.repositoryPath);
	const storage = task.readLimit ? limitReads(folder, new RateLimiter(task.readLimit)) : folder;
	for (const { path, pointIds } of chain.files) {
		progress.observer.activity(path);
		const damage = (error: EngineError): void =>
			note(findings, error.code !== 'repository.damaged', { file: path, point: pointIds[0] ?? null, path: null, reason: error.message });
		try {
			const handle = await loadChain(task.repositoryPath, [path]);
			const cipher = cipherOf(handle.keys);
			await using file = await storage.open(path, 'read');
			await warnOfLostSuperblock(file, progress.observer);
			for (const record of new FileIndex((handle.files[0] as { index: SharedArrayBuffer }).index).records()) {
				options.signal.throwIfAborted();
				const bytes = recordHeaderBytes + record.storedBytes;
				try {
					const { header } = await readRecord(file, { offset: record.offset, bytes }, cipher);
					if (header.payloadCrc !== record.payloadCrc || header.type !== 'chunks')
						throw damaged(path, record.offset, 'the record is not the one that the index names');
				} catch (error) {
					if (!isEngineError(error)) throw error;
					damage(error);
				}
				findings.readBytes += bytes;
				progress.counters.readBytes += bytes;
				progress.counters.doneBytes += bytes;
				progress.report();
			}
		} catch (error) {
			if (!isEngineError(error) || error.code === 'cancelled') throw error;
			damage(error);
		}
		progress.counters.doneItems++;
	}
	await verifyPoints(
		task.repositoryPath,
		chain.points.map((point) => point.id),
		findings,
		progress.observer,
		options,
	);
	progress.counters.doneBytes = progress.counters.totalBytes;
	progress.report();
	return { chain: chain.id, readBytes: findings.readBytes, damaged: withoutRepeats(findings.damaged), unreadable: withoutRepeats(findings.unreadable) };
}

/** A file opens with either of its superblocks; that one is left is no damage to a point, and worth knowing. */
async function warnOfLostSuperblock(file: StorageFile, observer: TaskObserver): Promise<void> {
	const head = Buffer.alloc(firstRecordOffset);
	const { length } = parseSuperblocks(head.subarray(0, await file.read(head, 0)), file.path);
	if (length >= 2) return;
	const message = `${file.path}: one of its two superblocks cannot be read. Its points are not hurt; check the disk that holds it.`;
	observer.warning({ code: 'repository.damaged', message, path: file.path });
}

/** Which points and files a damage hurts is found by walking them; a sound chain needs only its newest walked, since every record was read. */
async function verifyPoints(
	repositoryPath: RepositoryFolder,
	pointIds: readonly string[],
	findings: Findings,
	observer: TaskObserver,
	options: { readonly signal: AbortSignal },
): Promise<void> {
	const isSound = findings.damaged.length + findings.unreadable.length === 0;
	const quiet: TaskObserver = { ...observer, counters: () => undefined, bottleneck: () => undefined };
	for (const pointId of isSound ? pointIds.slice(-1) : pointIds) {
		try {
			const found = await verifyPoint({ repositoryPath, pointId }, [quiet], options);
			findings.damaged.push(...found.damaged);
			findings.unreadable.push(...found.unreadable);
		} catch (error) {
			if (!isEngineError(error) || error.code === 'cancelled') throw error;
			note(findings, false, { file: '', point: pointId, path: null, reason: toErrorShape(error).message });
		}
	}
}

const withoutRepeats = (list: readonly Damage[]): Damage[] => [
	...new Map(list.map((damage) => [JSON.stringify([damage.file, damage.point, damage.path]), damage])).values(),
];
