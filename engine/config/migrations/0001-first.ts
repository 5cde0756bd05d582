import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createEntityTable, strict } from './entity-table.ts';

export const first: Migration = {
	// A migration sees the database as it was, not as the current table types describe it.
	async up(db: Kysely<unknown>): Promise<void> {
		for (const table of ['repositories', 'jobs']) await createEntityTable(db, table);
		await db.schema
			.createTable('sessions')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('kind', 'text', (column) => column.notNull())
			.addColumn('job_id', 'text', (column) => column.references('jobs.id').onDelete('set null'))
			.addColumn('title', 'text', (column) => column.notNull())
			.addColumn('title_folded', 'text', (column) => column.notNull())
			.addColumn('trigger', 'text', (column) => column.notNull())
			.addColumn('state', 'text', (column) => column.notNull())
			.addColumn('queued_at', 'integer', (column) => column.notNull())
			.addColumn('started_at', 'integer')
			.addColumn('ended_at', 'integer')
			.addColumn('attempt', 'integer', (column) => column.notNull())
			.addColumn('counters', 'text', (column) => column.notNull())
			.addColumn('bottleneck', 'text')
			.addColumn('error', 'text')
			.addColumn('input', 'text', (column) => column.notNull())
			.addColumn('task_count', 'integer', (column) => column.notNull())
			.addColumn('tasks', 'text', (column) => column.notNull())
			.addColumn('throughput', 'text', (column) => column.notNull())
			.addColumn('result', 'text')
			.modifyEnd(strict)
			.execute();
		await db.schema.createIndex('sessions_job').on('sessions').columns(['job_id', 'queued_at']).execute();
		await db.schema.createIndex('sessions_time').on('sessions').columns(['queued_at']).execute();
		await db.schema
			.createTable('session_log')
			.addColumn('session_id', 'text', (column) => column.notNull().references('sessions.id').onDelete('cascade'))
			.addColumn('seq', 'integer', (column) => column.notNull())
			.addColumn('at', 'integer', (column) => column.notNull())
			.addColumn('severity', 'text', (column) => column.notNull())
			.addColumn('code', 'text')
			.addColumn('message', 'text', (column) => column.notNull())
			.addColumn('path', 'text')
			.addPrimaryKeyConstraint('session_log_key', ['session_id', 'seq'])
			.modifyEnd(sql`strict, without rowid`)
			.execute();
		await db.schema
			.createTable('chains')
			.addColumn('id', 'text', (column) => column.notNull())
			.addColumn('repository_id', 'text', (column) => column.notNull().references('repositories.id').onDelete('cascade'))
			.addColumn('record', 'text', (column) => column.notNull())
			.addPrimaryKeyConstraint('chains_key', ['repository_id', 'id'])
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('catalogue_state')
			.addColumn('repository_id', 'text', (column) => column.primaryKey().references('repositories.id').onDelete('cascade'))
			.addColumn('read_at', 'integer', (column) => column.notNull())
			.addColumn('problems', 'text', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('verifications')
			.addColumn('target', 'text', (column) => column.notNull())
			.addColumn('target_id', 'text', (column) => column.notNull())
			.addColumn('session_id', 'text', (column) => column.notNull())
			.addColumn('at', 'integer', (column) => column.notNull())
			.addColumn('damaged_count', 'integer', (column) => column.notNull())
			.addColumn('unreadable_count', 'integer', (column) => column.notNull())
			.addPrimaryKeyConstraint('verifications_key', ['target', 'target_id'])
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('usage_samples')
			.addColumn('repository_id', 'text', (column) => column.notNull().references('repositories.id').onDelete('cascade'))
			.addColumn('day_at', 'integer', (column) => column.notNull())
			.addColumn('used_bytes', 'integer', (column) => column.notNull())
			.addPrimaryKeyConstraint('usage_samples_key', ['repository_id', 'day_at'])
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('schedule_state')
			.addColumn('job_id', 'text', (column) => column.primaryKey().references('jobs.id').onDelete('cascade'))
			.addColumn('schedule', 'text', (column) => column.notNull())
			.addColumn('handled_at', 'integer', (column) => column.notNull())
			.addColumn('retry', 'text')
			.modifyEnd(strict)
			.execute();
	},
};
