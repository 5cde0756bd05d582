import { EngineError } from '../base/index.ts';
import { type RevisedServerSettings, type ServerSettings, serverSettings } from '../contract/index.ts';
import type { Database } from './database.ts';

/** What holds for the whole backup server. */
export interface ServerSettingsStore {
	get(): Promise<RevisedServerSettings>;
	/** `stale.revision` with the newer state in `data.current`. */
	update(revision: number, settings: ServerSettings): Promise<RevisedServerSettings>;
}

const onlyId = 1;

export function createServerSettingsStore(db: Database): ServerSettingsStore {
	const store: ServerSettingsStore = {
		async get() {
			const row = await db.selectFrom('server_settings').selectAll().where('id', '=', onlyId).executeTakeFirst();
			return { revision: row?.revision ?? 0, settings: serverSettings.parse(row === undefined ? {} : JSON.parse(row.settings)) };
		},
		async update(revision, settings) {
			return db.transaction().execute(async (tx) => {
				const current = await createServerSettingsStore(tx).get();
				if (current.revision !== revision)
					throw new EngineError('stale.revision', 'Somebody else has changed the settings of the server meanwhile.', {
						hint: 'Look at them, and change them again if need be.',
						data: { current },
					});
				const row = { revision: revision + 1, settings: JSON.stringify(settings) };
				await tx
					.insertInto('server_settings')
					.values({ id: onlyId, ...row })
					.onConflict((conflict) => conflict.column('id').doUpdateSet(row))
					.execute();
				return { revision: row.revision, settings };
			});
		},
	};
	return store;
}
