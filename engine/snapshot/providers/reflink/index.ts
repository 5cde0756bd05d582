/**
 * Clones of the selected files in a hidden folder of the same volume, where the file system can share blocks (XFS, btrfs). Each file has an instant
 * of its own, so that files belong together only while writers hold their applications still.
 */
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, endThread, startThread, systemErrorCode } from '../../../base/index.ts';
import { mustRun, type RunCommand, runCommand } from '../../command.ts';
import { hiddenFolderName, removeIfEmpty } from '../../hidden-folder.ts';
import { safeLeaseId } from '../../lease-id.ts';
import type { Lease, Protectable, Snapshot, SnapshotProvider, VolumeRequest } from '../../provider.ts';
import { isWithin, type View, type Volume } from '../../volume.ts';
import type { CloneAnswer, CloneWork } from './clone-thread.ts';

/** XFS_SUPER_MAGIC and BTRFS_SUPER_MAGIC, as statfs(2) gives them. */
const magics: readonly number[] = [0x58465342, 0x9123683e];

const no = (reason: string): Protectable => ({ can: false, reason });

export class ReflinkProvider implements SnapshotProvider {
	readonly name = 'reflink';
	readonly capabilities = {
		method: 'copy-on-write',
		isHardware: false,
		isTransportable: false,
		isReadOnly: false,
		survivesSourceLoss: false,
		maxSnapshotsPerVolume: 16,
		isSerialised: false,
		instant: 'file',
	} as const;
	readonly #run: RunCommand;

	constructor(run: RunCommand = runCommand) {
		this.#run = run;
	}

	async canProtect({ fileSystem, mountPoint, isReadOnly }: Volume, options: { readonly signal: AbortSignal }): Promise<Protectable> {
		if ((fileSystem !== 'xfs' && fileSystem !== 'btrfs') || mountPoint === null) return no('files of its file system cannot share blocks.');
		if (isReadOnly) return no('it is mounted read-only: clones would have to be made on it.');
		if (process.getuid?.() !== 0) return no('only root may clone all files and keep their owners.');
		if (fileSystem === 'btrfs') return { can: true };
		try {
			const facts = await mustRun(this.#run, 'xfs_info', [mountPoint], options);
			return /\breflink=1\b/.test(facts) ? { can: true } : no('this XFS was made without reflink=1, and cannot share blocks.');
		} catch (error) {
			return no(error instanceof Error ? error.message : String(error));
		}
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		const createdAt = Date.now();
		const work: (CloneWork[number] & { readonly lease: Lease })[] = [];
		for (const { lease, paths, exclusions = null } of requests) {
			const folder = folderOf(lease);
			await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
				throw new EngineError('snapshot.failed', `No folder for the clones can be made on ${lease.volume.id} (${systemErrorCode(cause)}).`, { cause });
			});
			const outermost = paths.filter((path) => !paths.some((other) => other !== path && isWithin(path, other)));
			work.push(...outermost.map((source, i) => ({ source, target: join(folder, String(i)), exclusions, lease })));
		}
		const refused = await cloneInThread(
			work.map(({ lease: _, ...each }) => each),
			signal,
		);
		return requests.map(({ lease }) => {
			const own = work.map((each, i) => ({ ...each, refused: refused[i] ?? [] })).filter((each) => each.lease.id === lease.id);
			const live = own.flatMap((each) => each.refused);
			const views: View[] = own.map(({ source, target }) => ({ path: source, at: target, hasOrigins: true }));
			return {
				leaseId: lease.id,
				createdAt,
				views: [...views, ...live.map((path) => ({ path, at: path }))],
				device: null,
				details: null,
				notes: live.length === 0 ? [] : [`${live.length} files of ${lease.volume.id} cannot be cloned and are read live, ${live[0]} among them.`],
			};
		});
	}

	async release(lease: Lease): Promise<void> {
		const { mountPoint } = lease.volume;
		if (mountPoint === null) return;
		if (!magics.includes((await statfs(mountPoint)).type))
			throw new EngineError('snapshot.failed', `${mountPoint} is not mounted: the clones on it cannot be removed.`, { hint: 'Mount it again.' });
		await rm(folderOf(lease), { recursive: true, force: true });
		await removeIfEmpty(join(mountPoint, hiddenFolderName));
	}
}

function folderOf({ id, volume }: Lease): string {
	return join(volume.mountPoint ?? '/', hiddenFolderName, safeLeaseId(id));
}

async function cloneInThread(work: CloneWork, signal: AbortSignal): Promise<readonly (readonly string[])[]> {
	signal.throwIfAborted();
	const { promise, resolve, reject } = Promise.withResolvers<CloneAnswer>();
	const worker = startThread(new URL('./clone-thread.ts', import.meta.url), work);
	worker.once('message', resolve).once('error', reject);
	worker.once('exit', () => reject(new EngineError('snapshot.failed', 'Cloning the files ended before it was done.')));
	const stop = (): void => void endThread(worker);
	signal.addEventListener('abort', stop, { once: true });
	try {
		const answer = await promise;
		if ('failure' in answer)
			throw new EngineError('snapshot.failed', `The files could not be cloned: ${answer.failure.message}`, { hint: answer.failure.hint });
		return answer.refused;
	} finally {
		signal.removeEventListener('abort', stop);
		await endThread(worker); // nothing is written any more when this returns
	}
}
