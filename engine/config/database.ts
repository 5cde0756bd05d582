import { DatabaseSync } from 'node:sqlite';
import { Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { EngineError } from '../base/index.ts';
import { migrations } from './migrations/index.ts';
import type { Tables } from './schema.ts';
import { nodeSqliteDialect } from './sqlite-dialect.ts';

export type Database = Kysely<Tables>;

/** Result codes of SQLite (https://www.sqlite.org/rescode.html); extended codes carry the primary one in the low byte. */
const SQLITE_FULL = 13;
const SQLITE_IOERR = 10;
const SQLITE_CANTOPEN = 14;
const SQLITE_READONLY = 8;
const damagedCodes = [11 /* SQLITE_CORRUPT */, 26 /* SQLITE_NOTADB */];

const primaryCode = (error: unknown): number | undefined =>
	error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;

const damaged = (path: string, cause: unknown): EngineError =>
	new EngineError('database.damaged', `The configuration database ${path} is damaged: ${cause instanceof Error ? cause.message : String(cause)}.`, {
		hint: 'It was left as it is. Move it and its -wal and -shm files aside to begin with an empty configuration; the repositories keep all restore points and can be added again.',
		data: { path },
		cause,
	});

function translateFor(path: string): (error: unknown) => unknown {
	return (error) => {
		const code = primaryCode(error);
		if (code === undefined) return error;
		if (damagedCodes.includes(code)) return damaged(path, error);
		if (code === SQLITE_FULL || code === SQLITE_IOERR || code === SQLITE_CANTOPEN || code === SQLITE_READONLY) {
			return new EngineError('data-folder.unusable', `The configuration database ${path} cannot be written: ${(error as Error).message}.`, {
				hint: 'Check that the disk of the data folder has room and is writable.',
				data: { path },
				cause: error,
			});
		}
		return error;
	};
}

function openSqlite(path: string): DatabaseSync {
	const sqlite = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5000 });
	try {
		sqlite.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
		const [finding] = sqlite.prepare('pragma quick_check(1)').all() as { quick_check: string }[];
		if (finding?.quick_check !== 'ok') throw damaged(path, new Error(finding?.quick_check ?? 'the check gave no result'));
		return sqlite;
	} catch (error) {
		sqlite.close();
		throw error;
	}
}

async function refuseNewer(db: Database, path: string): Promise<void> {
	const tables = await sql<{ name: string }>`select name from sqlite_master where type = 'table' and name = 'kysely_migration'`.execute(db);
	if (tables.rows.length === 0) return;
	const done = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
	const unknown = done.rows.map(({ name }) => name).filter((name) => !(name in migrations));
	if (unknown.length === 0) return;
	throw new EngineError('database.newer', `The configuration database ${path} was written by a newer version of Holdfast.`, {
		hint: 'Install that version again, or choose another data folder. Nothing was changed.',
		data: { path, unknownMigrations: unknown },
	});
}

/**
 * Opens the database, creating or migrating it as needed. `database.newer` and `database.damaged` leave the file as it is.
 * The caller holds the lock of the data folder.
 */
export async function openDatabase(path: string): Promise<Database> {
	const translate = translateFor(path);
	let sqlite: DatabaseSync;
	try {
		sqlite = openSqlite(path);
	} catch (error) {
		throw translate(error);
	}
	const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(sqlite, translate) });
	try {
		await refuseNewer(db, path);
		const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
		const { error } = await migrator.migrateToLatest();
		if (error !== undefined) throw error;
		return db;
	} catch (error) {
		await db.destroy();
		throw error;
	}
}
