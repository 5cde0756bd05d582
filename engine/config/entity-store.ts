import { sql } from 'kysely';
import type { z } from 'zod';
import { EngineError, newId } from '../base/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { Database } from './database.ts';

export type Entity<Settings> = { readonly id: string; readonly revision: number; readonly createdAt: number; readonly settings: Settings };

/** Jobs, repositories, throttling rules, machines, hosts: named settings under optimistic concurrency. Names are unique without regard to case: those of jobs and repositories become folder names. */
export interface EntityStore<Settings> {
	/** Oldest first. */
	list(): Promise<Entity<Settings>[]>;
	/** `not-found.*`. */
	get(id: string): Promise<Entity<Settings>>;
	find(id: string): Promise<Entity<Settings> | undefined>;
	findByName(name: string): Promise<Entity<Settings> | undefined>;
	/** `exists.name`. @param id for what had to have one before */
	insert(settings: Settings, id?: string): Promise<Entity<Settings>>;
	/** `stale.revision` with the newer entity in `data.current`; `exists.name`; `not-found.*`. */
	update(id: string, revision: number, settings: Settings): Promise<Entity<Settings>>;
	remove(id: string, revision: number): Promise<void>;
}

const nameKey = (name: string): string => name.normalize('NFC').toLowerCase();

type EntityWords = {
	readonly table: 'jobs' | 'repositories' | 'throttle_rules' | 'machines' | 'devices' | 'hosts';
	readonly noun: string;
	readonly notFound: ErrorCode;
};
type Row = { id: string; revision: number; created_at: number; settings: string };

export function createEntityStore<Settings extends { readonly name: string }>(
	db: Database,
	schema: z.ZodType<Settings>,
	{ table, noun, notFound }: EntityWords,
	now: () => number,
): EntityStore<Settings> {
	const entity = (row: Row): Entity<Settings> => ({
		id: row.id,
		revision: row.revision,
		createdAt: row.created_at,
		settings: schema.parse(JSON.parse(row.settings)),
	});
	const missing = (id: string) => new EngineError(notFound, `There is no ${noun} ${id}.`, { data: { id } });

	const store: EntityStore<Settings> = {
		async list() {
			return (await db.selectFrom(table).selectAll().orderBy('created_at').orderBy(sql`rowid`).execute()).map(entity);
		},
		async get(id) {
			const found = await store.find(id);
			if (found === undefined) throw missing(id);
			return found;
		},
		async find(id) {
			const row = await db.selectFrom(table).selectAll().where('id', '=', id).executeTakeFirst();
			return row && entity(row);
		},
		async findByName(name) {
			const row = await db.selectFrom(table).selectAll().where('name_key', '=', nameKey(name)).executeTakeFirst();
			return row && entity(row);
		},
		async insert(settings, id) {
			return db.transaction().execute(async (tx) => {
				const inside = createEntityStore(tx, schema, { table, noun, notFound }, now);
				await refuseTakenName(inside, noun, settings.name);
				const at = now();
				const row = { id: id ?? newId(at), revision: 1, name_key: nameKey(settings.name), created_at: at, settings: JSON.stringify(settings) };
				await tx.insertInto(table).values(row).execute();
				return entity(row);
			});
		},
		async update(id, revision, settings) {
			return db.transaction().execute(async (tx) => {
				const inside = createEntityStore(tx, schema, { table, noun, notFound }, now);
				const current = await inside.get(id);
				if (current.revision !== revision) throw stale(noun, current);
				await refuseTakenName(inside, noun, settings.name, id);
				const next = { revision: revision + 1, name_key: nameKey(settings.name), settings: JSON.stringify(settings) };
				await tx.updateTable(table).set(next).where('id', '=', id).execute();
				return { ...current, revision: next.revision, settings };
			});
		},
		async remove(id, revision) {
			await db.transaction().execute(async (tx) => {
				const current = await createEntityStore(tx, schema, { table, noun, notFound }, now).get(id);
				if (current.revision !== revision) throw stale(noun, current);
				await tx.deleteFrom(table).where('id', '=', id).execute();
			});
		},
	};
	return store;
}

const stale = (noun: string, current: Entity<{ readonly name: string }>): EngineError =>
	new EngineError('stale.revision', `Somebody else has saved the ${noun} “${current.settings.name}” in the meantime.`, {
		hint: 'Load it again to see the newer state, then make the change once more.',
		data: { current },
	});

async function refuseTakenName(store: EntityStore<{ readonly name: string }>, noun: string, name: string, ownId?: string): Promise<void> {
	const other = await store.findByName(name);
	if (other === undefined || other.id === ownId) return;
	throw new EngineError('exists.name', `A ${noun} named “${other.settings.name}” exists already.`, {
		hint: 'Choose another name.',
		data: { field: 'name', id: other.id },
	});
}
