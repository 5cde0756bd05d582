import { sql } from 'kysely';
import type { Database } from './database.ts';

/** What must be undone after a snapshot; the entries are the snapshot module's own, and any JSON here. */
export interface SnapshotJournalStore<Entry extends { readonly id: string }> {
	/** All or none. */
	add(entries: readonly Entry[]): Promise<void>;
	/** Nothing happens when it is gone. */
	update(entry: Entry): Promise<void>;
	remove(id: string): Promise<void>;
	/** Oldest first. */
	list(): Promise<readonly Entry[]>;
}

export function createSnapshotJournalStore<Entry extends { readonly id: string }>(db: Database): SnapshotJournalStore<Entry> {
	return {
		async add(entries) {
			if (entries.length === 0) return;
			await db
				.insertInto('snapshot_journal')
				.values(entries.map((entry) => ({ id: entry.id, entry: JSON.stringify(entry) })))
				.execute();
		},
		async update(entry) {
			await db
				.updateTable('snapshot_journal')
				.set({ entry: JSON.stringify(entry) })
				.where('id', '=', entry.id)
				.execute();
		},
		async remove(id) {
			await db.deleteFrom('snapshot_journal').where('id', '=', id).execute();
		},
		async list() {
			return (await db.selectFrom('snapshot_journal').select('entry').orderBy(sql`rowid`).execute()).map(({ entry }) => JSON.parse(entry) as Entry);
		},
	};
}

export type StoredVolumeSettings = { readonly provider: string; readonly maxSnapshots: number };

/** What was chosen for single volumes, by their ids. */
export interface VolumeSettingsStore {
	all(): Promise<ReadonlyMap<string, StoredVolumeSettings>>;
	put(volumeId: string, settings: StoredVolumeSettings): Promise<void>;
}

export function createVolumeSettingsStore(db: Database): VolumeSettingsStore {
	return {
		async all() {
			const rows = await db.selectFrom('volume_settings').selectAll().execute();
			return new Map(rows.map((row) => [row.volume_id, { provider: row.provider, maxSnapshots: row.max_snapshots }]));
		},
		async put(volumeId, { provider, maxSnapshots }) {
			const row = { provider, max_snapshots: maxSnapshots };
			await db
				.insertInto('volume_settings')
				.values({ volume_id: volumeId, ...row })
				.onConflict((conflict) => conflict.column('volume_id').doUpdateSet(row))
				.execute();
		},
	};
}
