import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createEntityTable } from './entity-table.ts';

/** Rules that cap traffic between ranges of addresses; entities as jobs and repositories are. */
export const throttleRules: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await createEntityTable(db, 'throttle_rules');
	},
};
