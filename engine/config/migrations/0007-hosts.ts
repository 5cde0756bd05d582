import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createEntityTable } from './entity-table.ts';

/** Hypervisor hosts; entities as jobs and repositories are. */
export const hosts: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await createEntityTable(db, 'hosts');
	},
};
