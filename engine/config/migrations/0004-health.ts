import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { strict } from './entity-table.ts';

/** What health checks know of each chain, and how far the timetable of each repository's checks has got. */
export const health: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('chain_health')
			.addColumn('repository_id', 'text', (column) => column.notNull().references('repositories.id').onDelete('cascade'))
			.addColumn('chain_id', 'text', (column) => column.notNull())
			.addColumn('health', 'text', (column) => column.notNull())
			.addPrimaryKeyConstraint('chain_health_key', ['repository_id', 'chain_id'])
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('check_state')
			.addColumn('repository_id', 'text', (column) => column.primaryKey().references('repositories.id').onDelete('cascade'))
			.addColumn('schedule', 'text', (column) => column.notNull())
			.addColumn('handled_at', 'integer', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
	},
};
