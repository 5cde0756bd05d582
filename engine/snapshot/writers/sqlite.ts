/** A database of SQLite: while it is frozen a write transaction of ours keeps all others out, so that the database and its log belong together. */
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../base/index.ts';
import type { SnapshotWriter, WriterFactory, WriterOptions } from '../writer.ts';

const sqliteBusy = 5;
const retryMs = 20;

export class SqliteWriter implements SnapshotWriter {
	readonly spec: string;
	readonly #path: string;
	#db: DatabaseSync | null = null;

	/** @throws `usage.invalid` */
	constructor(path: string) {
		if (!isAbsolute(path))
			throw new EngineError('usage.invalid', `The writer sqlite:${path} needs the whole path of a database.`, {
				hint: 'Write for example sqlite:/var/lib/app/app.db',
				data: { field: 'writers' },
			});
		this.#path = path;
		this.spec = `sqlite:${path}`;
	}

	async identify() {
		try {
			if (!(await stat(this.#path)).isFile()) throw new Error('it is not a file');
			using db = this.#open();
			db.prepare('SELECT count(*) FROM sqlite_schema').get(); // opening reads nothing yet
		} catch (cause) {
			throw new EngineError('snapshot.writer', `${this.#path} cannot be opened as a database of SQLite.`, { hint: 'Check its path and permissions.', cause });
		}
		return { title: `SQLite ${this.#path}`, paths: [this.#path, `${this.#path}-wal`] };
	}

	async prepare(): Promise<void> {}

	/** Takes its turn like any other writer, without making the thread wait for it. */
	async freeze({ signal }: WriterOptions): Promise<void> {
		const db = this.#open();
		this.#db = db;
		for (;;) {
			try {
				db.exec('BEGIN IMMEDIATE');
				return;
			} catch (error) {
				if (!isBusy(error)) throw new EngineError('snapshot.writer', `${this.#path} cannot be held still.`, { cause: error });
				await sleep(retryMs, undefined, { signal });
			}
		}
	}

	async thaw(): Promise<'held' | 'lost'> {
		const db = this.#db;
		this.#db = null;
		if (db === null) return 'lost';
		const isHeld = db.isTransaction;
		if (isHeld) db.exec('ROLLBACK');
		db.close();
		return isHeld ? 'held' : 'lost';
	}

	async postSnapshot() {
		return [];
	}

	async end(): Promise<void> {}

	#open(): DatabaseSync {
		return new DatabaseSync(this.#path, { timeout: 0 });
	}
}

const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === sqliteBusy;

export const sqliteWriters: WriterFactory = { kind: 'sqlite', usage: '/path/to/database', open: (spec) => new SqliteWriter(spec) };
