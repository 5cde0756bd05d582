import { type Kysely, sql } from 'kysely';

export const strict = sql`strict`;

/** The table of an entity store (entity-store.ts). Migrations that were released use it: it is never changed. */
export const createEntityTable = (db: Kysely<unknown>, name: string): Promise<void> =>
	db.schema
		.createTable(name)
		.addColumn('id', 'text', (column) => column.primaryKey())
		.addColumn('revision', 'integer', (column) => column.notNull())
		.addColumn('name_key', 'text', (column) => column.notNull().unique())
		.addColumn('created_at', 'integer', (column) => column.notNull())
		.addColumn('settings', 'text', (column) => column.notNull())
		.modifyEnd(strict)
		.execute();
