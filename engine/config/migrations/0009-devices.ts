import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createEntityTable } from './entity-table.ts';

/** Devices that are served; entities as jobs and repositories are. */
export const devices: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await createEntityTable(db, 'devices');
	},
};
