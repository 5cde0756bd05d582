/** What a copy of a data directory, taken while the server ran, needs so that a server starts from it. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, systemErrorCode } from '../../../base/index.ts';
import type { View } from '../../volume.ts';
import type { BackupEnd } from './online-backup.ts';
import { isSegment, segmentsOf } from './wal.ts';

/** What a server makes anew at its start, and must not find from another life ("Backing Up the Data Directory" in its manual). */
const emptied = ['pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'];
/** Says which server runs in the directory: a copy that has it does not start beside that one. */
export const leftOut = ['postmaster.pid', 'postmaster.opts'];

/**
 * Label, map of tablespaces and the needed write-ahead log, and empty folders for what belongs to the running server. The log lies in the data directory then, also where a link led
 * from there before.
 * @param folder made here; what is in it belongs to the user of the server
 * @param live the data directory of the running server
 * @throws EngineError `snapshot.writer` when a piece of the log is gone; what the file system says otherwise
 */
export async function writeRecoveryFiles(folder: string, live: string, { label, tablespaceMap, wal }: BackupEnd): Promise<View[]> {
	const { uid, gid } = await fs.stat(live);
	const own = async (path: string, mode: number): Promise<void> => {
		await fs.chown(path, uid, gid);
		await fs.chmod(path, mode);
	};
	const put = async (name: string, content: string): Promise<void> => {
		await fs.writeFile(join(folder, name), content);
		await own(join(folder, name), 0o600);
	};
	const makeFolder = async (name: string): Promise<void> => {
		await fs.mkdir(join(folder, name));
		await own(join(folder, name), 0o700);
	};

	await fs.mkdir(folder, { recursive: true, mode: 0o700 });
	const files = ['backup_label', ...(tablespaceMap === '' ? [] : ['tablespace_map'])];
	await put('backup_label', label);
	if (tablespaceMap !== '') await put('tablespace_map', tablespaceMap);
	const folders = ['pg_wal', ...(await there(live, emptied))];
	for (const name of folders) await makeFolder(name);
	await makeFolder(join('pg_wal', 'archive_status'));
	for (const name of segmentsOf(wal)) {
		const to = join(folder, 'pg_wal', name);
		await copySegment(join(live, 'pg_wal', name), to, name, wal.segmentBytes);
		await own(to, 0o600);
	}
	return [...files, ...folders].map((name) => ({ path: join(live, name), at: join(folder, name) }));
}

const there = async (folder: string, names: readonly string[]): Promise<string[]> => {
	const present = new Set(await fs.readdir(folder));
	return names.filter((name) => present.has(name));
};

async function copySegment(from: string, to: string, name: string, segmentBytes: number): Promise<void> {
	const gone = (cause?: unknown): EngineError =>
		new EngineError('snapshot.writer', `PostgreSQL has recycled ${name}, a piece of its write-ahead log that the backup needs`, {
			hint: 'Give the user the right to make replication slots (REPLICATION, max_replication_slots), or raise wal_keep_size.',
			cause,
		});
	await fs.copyFile(from, to, fs.constants.COPYFILE_FICLONE).catch((error: unknown) => {
		throw systemErrorCode(error) === 'ENOENT' ? gone(error) : error;
	});
	const file = await fs.open(to);
	try {
		const page = new Uint8Array(16);
		const { bytesRead } = await file.read(page, 0, page.length, 0);
		const { size } = await file.stat();
		if (bytesRead < page.length || size !== segmentBytes || !isSegment(page, name, segmentBytes)) throw gone();
	} finally {
		await file.close();
	}
}
