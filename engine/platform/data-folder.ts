import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EngineError, systemErrorCode } from '../base/index.ts';
import type { LockPort } from './port.ts';

/** Who holds a data folder; `address` is where its server listens, null while it serves nobody but its own process. */
export type DataFolderHolder = { readonly pid: number; readonly startedAt: number; readonly address: string | null };

/** Exactly one engine has it open. The kernel ends the lock with the process, however that dies. */
export interface DataFolder extends AsyncDisposable {
	readonly path: string;
	readonly databasePath: string;
	readonly logPath: string;
	/** Tells the next face where to connect. */
	setAddress(address: string | null): void;
}

/** HOLDFAST_DATA, else the platform's folder for application data of this user. */
export function defaultDataFolder(environment: Readonly<Record<string, string | undefined>> = process.env, platform: string = process.platform): string {
	if (environment.HOLDFAST_DATA) return resolve(environment.HOLDFAST_DATA);
	const home = environment.HOME ?? homedir();
	if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'Holdfast');
	if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Holdfast');
	return join(environment.XDG_DATA_HOME || join(home, '.local', 'share'), 'holdfast');
}

const unusable = (path: string, cause: unknown): EngineError =>
	new EngineError('data-folder.unusable', `The data folder ${path} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}.`, {
		hint: 'Choose a folder that you can write to, with --data or HOLDFAST_DATA.',
		data: { path },
		cause,
	});

/** The holder as its lock file tells; null when the file is empty or half written. */
function readHolder(lockPath: string): DataFolderHolder | null {
	try {
		const holder: unknown = JSON.parse(readFileSync(lockPath, 'utf8'));
		if (typeof holder !== 'object' || holder === null || !('pid' in holder) || typeof holder.pid !== 'number') return null;
		const startedAt = 'startedAt' in holder && typeof holder.startedAt === 'number' ? holder.startedAt : 0;
		const address = 'address' in holder && typeof holder.address === 'string' ? holder.address : null;
		return { pid: holder.pid, startedAt, address };
	} catch {
		// The holder is writing it at this moment, or the system does not let us read a locked file: busy all the same.
		return null;
	}
}

function writeHolder(fd: number, holder: DataFolderHolder | null): void {
	const text = holder === null ? '' : `${JSON.stringify(holder)}\n`;
	ftruncateSync(fd, 0);
	writeSync(fd, text, 0);
}

/**
 * Creates the folder (only its owner may look in) and takes its lock.
 * `busy.data-folder` with `data.holder` (a DataFolderHolder or null) when another engine has it; `data-folder.unusable` when it cannot be written.
 */
export async function openDataFolder(folder: string, locks: LockPort, nowMs: number): Promise<DataFolder> {
	const path = resolve(folder);
	const lockPath = join(path, 'engine.lock');
	let fd: number;
	try {
		await mkdir(path, { recursive: true, mode: 0o700 });
		if (!(await stat(path)).isDirectory()) throw new Error('it is not a folder');
		fd = openSync(lockPath, constants.O_RDWR | constants.O_CREAT, 0o600);
	} catch (error) {
		throw unusable(path, systemErrorCode(error) === 'EEXIST' ? new Error('it is not a folder') : error);
	}
	try {
		if (!locks.tryLock(fd)) throw busy(path, readHolder(lockPath));
		const holder = { pid: process.pid, startedAt: nowMs };
		writeHolder(fd, { ...holder, address: null });
		return {
			path,
			databasePath: join(path, 'holdfast.db'),
			logPath: join(path, 'engine.log'),
			setAddress: (address) => writeHolder(fd, { ...holder, address }),
			// The file stays: removing it would let two engines lock two files of the same name.
			async [Symbol.asyncDispose]() {
				writeHolder(fd, null);
				closeSync(fd);
			},
		};
	} catch (error) {
		closeSync(fd);
		throw error instanceof EngineError ? error : unusable(path, error);
	}
}

function busy(path: string, holder: DataFolderHolder | null): EngineError {
	const who = holder === null ? 'another engine' : `process ${holder.pid}`;
	return new EngineError('busy.data-folder', `The data folder ${path} is in use by ${who}.`, {
		hint: holder?.address
			? `Connect to it at ${holder.address}.`
			: 'Close the console or end the process that holds it, or choose another data folder with --data.',
		data: { path, holder },
	});
}
