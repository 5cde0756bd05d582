import type { Damage, Schedule } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { ScheduleStateStore } from './history-stores.ts';

/** What is known of the health of one chain in one repository: a copy of a repository holds chains of the same id. */
export type StoredHealth = {
	readonly repositoryId: string;
	readonly chainId: string;
	readonly checkedAt: number | null;
	/** When each slice of the rotation was read last; null: never. */
	readonly readAt: readonly (number | null)[];
	readonly mendedAt: number | null;
	readonly damaged: readonly Damage[];
	readonly unreadable: readonly Damage[];
};

export interface HealthStore {
	get(repositoryId: string, chainId: string): Promise<StoredHealth | undefined>;
	list(): Promise<StoredHealth[]>;
	put(health: StoredHealth): Promise<void>;
	/** Forgets the chains of a repository that are not among those named. */
	keepOnly(repositoryId: string, chainIds: readonly string[]): Promise<void>;
}

type Kept = Omit<StoredHealth, 'repositoryId' | 'chainId'>;

export function createHealthStore(db: Database): HealthStore {
	const toHealth = (row: { repository_id: string; chain_id: string; health: string }): StoredHealth => ({
		repositoryId: row.repository_id,
		chainId: row.chain_id,
		...(JSON.parse(row.health) as Kept),
	});
	return {
		async get(repositoryId, chainId) {
			const row = await db.selectFrom('chain_health').selectAll().where('repository_id', '=', repositoryId).where('chain_id', '=', chainId).executeTakeFirst();
			return row && toHealth(row);
		},
		async list() {
			return (await db.selectFrom('chain_health').selectAll().execute()).map(toHealth);
		},
		async put({ repositoryId, chainId, ...kept }) {
			const health = JSON.stringify(kept satisfies Kept);
			await db
				.insertInto('chain_health')
				.values({ repository_id: repositoryId, chain_id: chainId, health })
				.onConflict((conflict) => conflict.columns(['repository_id', 'chain_id']).doUpdateSet({ health }))
				.execute();
		},
		async keepOnly(repositoryId, chainIds) {
			const kept = new Set(chainIds);
			for (const row of await db.selectFrom('chain_health').select('chain_id').where('repository_id', '=', repositoryId).execute())
				if (!kept.has(row.chain_id))
					await db.deleteFrom('chain_health').where('repository_id', '=', repositoryId).where('chain_id', '=', row.chain_id).execute();
		},
	};
}

/** Where the timetable of a repository's checks stands; they are not retried, the next one makes up for what was missed. */
export function createCheckStateStore(db: Database): ScheduleStateStore {
	return {
		async get(repositoryId) {
			const row = await db.selectFrom('check_state').selectAll().where('repository_id', '=', repositoryId).executeTakeFirst();
			return row && { schedule: JSON.parse(row.schedule) as Schedule, handledAt: row.handled_at, retry: null };
		},
		async put(repositoryId, { schedule, handledAt }) {
			const row = { schedule: JSON.stringify(schedule), handled_at: handledAt };
			await db
				.insertInto('check_state')
				.values({ repository_id: repositoryId, ...row })
				.onConflict((conflict) => conflict.column('repository_id').doUpdateSet(row))
				.execute();
		},
		async remove(repositoryId) {
			await db.deleteFrom('check_state').where('repository_id', '=', repositoryId).execute();
		},
	};
}
