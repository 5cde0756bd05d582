import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../../base/index.ts';
import type { View } from '../../volume.ts';
import type { SnapshotWriter, WriterFactory, WriterIdentity, WriterOptions } from '../../writer.ts';
import { withoutPassword } from '../without-password.ts';
import { OnlineBackup } from './online-backup.ts';
import { leftOut, writeRecoveryFiles } from './recovery-files.ts';

/**
 * PostgreSQL by its low-level backup API. The server is not held still: whatever is copied between `prepare` and `postSnapshot`, and in whatever order, becomes
 * consistent by the write-ahead log, which the point gets in the place of the folder pg_wal. Nothing is left behind by a death: the backup belongs to the session.
 * @param workFolder for the log on its way to the point; may not exist yet, and what a death left in it may be removed at any start
 */
export const postgresqlWriters = (workFolder: string): WriterFactory => ({
	kind: 'postgresql',
	usage: 'the folder of the socket of a server, e.g. /var/run/postgresql, or its address as postgresql://user@host/database',
	open(target) {
		if (!/^(\/|postgres(ql)?:\/\/)/.test(target))
			throw new EngineError('usage.invalid', `“${target}” is neither a folder nor an address of PostgreSQL.`, {
				hint: 'Say postgresql:/var/run/postgresql, or postgresql:postgresql://user@host/database.',
				data: { field: 'writer' },
			});
		if (withoutPassword(target) !== target)
			throw new EngineError('usage.invalid', 'The password of PostgreSQL would be kept in the settings of the job.', {
				hint: 'Put it into ~/.pgpass of the user that Holdfast runs as, and leave it out of the address.',
				data: { field: 'writer' },
			});
		return new PostgresqlWriter(target, join(workFolder, `postgresql-${randomBytes(6).toString('hex')}`));
	},
});

class PostgresqlWriter implements SnapshotWriter {
	readonly spec: string;
	readonly #target: string;
	readonly #folder: string;
	#session: OnlineBackup | undefined;

	constructor(target: string, folder: string) {
		this.spec = `postgresql:${target}`;
		this.#target = target;
		this.#folder = folder;
	}

	async identify(): Promise<WriterIdentity> {
		await using session = await OnlineBackup.connect(this.#target);
		const { version, dataDirectory, tablespaces } = await session.cluster();
		return { title: `PostgreSQL ${version} at ${this.#target}`, paths: [dataDirectory, ...tablespaces] };
	}

	async prepare({ signal }: WriterOptions): Promise<void> {
		this.#session = await OnlineBackup.connect(this.#target);
		await this.#session.start('Holdfast', signal);
	}

	async freeze(): Promise<void> {
		// What changes meanwhile is in the log.
	}

	async thaw(): Promise<'held' | 'lost'> {
		return 'held'; // A session that was lost fails the end of the backup.
	}

	async postSnapshot(_snapshots: unknown, { signal }: WriterOptions): Promise<readonly View[]> {
		if (!this.#session) throw new Error('Defect: a writer is prepared before the snapshot');
		const { dataDirectory } = await this.#session.cluster();
		const end = await this.#session.stop(signal);
		const views = await writeRecoveryFiles(this.#folder, dataDirectory, end);
		return [...views, ...leftOut.map((name) => ({ path: join(dataDirectory, name), at: null }))];
	}

	async end(): Promise<void> {
		await this.#session?.[Symbol.asyncDispose]();
		this.#session = undefined;
		await fs.rm(this.#folder, { recursive: true, force: true });
	}
}
