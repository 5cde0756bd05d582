/** The one place that chooses the SQL dialect: Kysely's SQLite dialect driving Node's own SQLite. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { SqliteAdapter, type SqliteDatabase, SqliteDialect } from 'kysely';

/** SQLite's DDL is transactional: a migration that dies half-way leaves nothing. */
class TransactionalSqliteAdapter extends SqliteAdapter {
	override get supportsTransactionalDdl(): boolean {
		return true;
	}
}

class NodeSqliteDialect extends SqliteDialect {
	override createAdapter(): SqliteAdapter {
		return new TransactionalSqliteAdapter();
	}
}

function asKyselyDatabase(database: DatabaseSync, translate: (error: unknown) => unknown): SqliteDatabase {
	const guarded = <T>(work: () => T): T => {
		try {
			return work();
		} catch (error) {
			throw translate(error);
		}
	};
	return {
		close: () => database.close(),
		prepare: (sql) => {
			const statement = guarded(() => database.prepare(sql));
			const bind = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
			return {
				reader: statement.columns().length > 0,
				all: (parameters) => guarded(() => statement.all(...bind(parameters))),
				run: (parameters) => guarded(() => statement.run(...bind(parameters))),
				iterate: (parameters) => guarded(() => statement.iterate(...bind(parameters))),
			};
		},
	};
}

/** `translate` turns what SQLite throws into what the caller of a store should see. */
export const nodeSqliteDialect = (database: DatabaseSync, translate: (error: unknown) => unknown): SqliteDialect =>
	new NodeSqliteDialect({ database: asKyselyDatabase(database, translate) });
