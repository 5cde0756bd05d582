import { createHash, timingSafeEqual } from 'node:crypto';
import type { z } from 'zod';
import { errorShape, type MachineSettings, type MachineStatus, machineSettings, machineStatus } from '../contract/index.ts';
import type { Database } from './database.ts';
import { createEntityStore, type EntityStore } from './entity-store.ts';
import { createSealingKey, openSealed, readSealingKey, sealSecret } from './secrets.ts';

/** What was last heard of a machine. */
export type MachineState = { readonly seenAt: number | null; readonly status: MachineStatus | null; readonly problem: z.infer<typeof errorShape> | null };

/** What signs the certificates of this installation's machines. */
export type StoredAuthority = { readonly id: string; readonly certificate: string; readonly key: string };

export type TokenClaim = 'taken' | 'unknown' | 'used' | 'expired';

export interface MachineStore {
	readonly machines: EntityStore<MachineSettings>;
	/** By the id of the machine. */
	states(): Promise<Map<string, MachineState>>;
	/** Nothing happens when the machine was removed meanwhile. */
	putState(machineId: string, state: MachineState): Promise<void>;
	/** Null when there is none, or its key cannot be opened because the file that guards it is lost. */
	authority(): Promise<StoredAuthority | null>;
	/** Replaces one whose key is lost. `data-folder.unusable` when the file that guards it cannot be written. */
	putAuthority(authority: StoredAuthority): Promise<void>;
	addToken(token: { readonly id: string; readonly secret: Uint8Array; readonly expiresAt: number }): Promise<void>;
	/** Whether it could be taken now. */
	lookAtToken(token: { readonly id: string; readonly secret: Uint8Array }): Promise<TokenClaim>;
	/** Of several at the same time, one takes it. */
	takeToken(token: { readonly id: string; readonly secret: Uint8Array }): Promise<TokenClaim>;
}

const hashOf = (secret: Uint8Array): string => createHash('sha256').update(secret).digest('hex');
const isSame = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
/** Used tokens are remembered for as long as somebody may wonder why they do not work. */
const rememberTokensMs = 7 * 86_400_000;

export function createMachineStore(db: Database, secretPath: string, now: () => number): MachineStore {
	async function look(tx: Database, { id, secret }: { readonly id: string; readonly secret: Uint8Array }): Promise<TokenClaim> {
		const row = await tx.selectFrom('pairing_tokens').selectAll().where('id', '=', id).executeTakeFirst();
		if (row === undefined || !isSame(row.secret_hash, hashOf(secret))) return 'unknown';
		if (row.used_at !== null) return 'used';
		return row.expires_at < now() ? 'expired' : 'taken';
	}
	return {
		machines: createEntityStore(db, machineSettings, { table: 'machines', noun: 'machine', notFound: 'not-found.machine' }, now),
		async states() {
			const rows = await db.selectFrom('machine_states').selectAll().execute();
			return new Map(
				rows.map((row) => [
					row.machine_id,
					{
						seenAt: row.seen_at,
						// what an older version wrote down may lack a field: the next rescan brings it
						status: row.status === null ? null : (machineStatus.safeParse(JSON.parse(row.status)).data ?? null),
						problem: row.problem === null ? null : errorShape.parse(JSON.parse(row.problem)),
					},
				]),
			);
		},
		async putState(machineId, { seenAt, status, problem }) {
			const facts = { seen_at: seenAt, status: status && JSON.stringify(status), problem: problem && JSON.stringify(problem) };
			await db.transaction().execute(async (tx) => {
				const machine = await tx.selectFrom('machines').select('id').where('id', '=', machineId).executeTakeFirst();
				if (machine === undefined) return;
				await tx
					.insertInto('machine_states')
					.values({ machine_id: machineId, ...facts })
					.onConflict((conflict) => conflict.column('machine_id').doUpdateSet(facts))
					.execute();
			});
		},
		async authority() {
			const row = await db.selectFrom('machine_authorities').selectAll().orderBy('created_at', 'desc').limit(1).executeTakeFirst();
			const sealing = row && readSealingKey(secretPath);
			const key = sealing ? openSealed(row.sealed_key, sealing, row.id) : null;
			return row && key ? { id: row.id, certificate: row.certificate, key: Buffer.from(key).toString() } : null;
		},
		async putAuthority({ id, certificate, key }) {
			const sealed = sealSecret(Buffer.from(key), readSealingKey(secretPath) ?? createSealingKey(secretPath), id);
			await db.transaction().execute(async (tx) => {
				await tx.deleteFrom('machine_authorities').execute();
				await tx.insertInto('machine_authorities').values({ id, created_at: now(), certificate, sealed_key: sealed }).execute();
			});
		},
		async addToken({ id, secret, expiresAt }) {
			await db
				.deleteFrom('pairing_tokens')
				.where('expires_at', '<', now() - rememberTokensMs)
				.execute();
			await db
				.insertInto('pairing_tokens')
				.values({ id, secret_hash: hashOf(secret), expires_at: expiresAt, used_at: null })
				.execute();
		},
		lookAtToken: (token) => look(db, token),
		takeToken: (token) =>
			db.transaction().execute(async (tx) => {
				const claim = await look(tx, token);
				if (claim === 'taken') await tx.updateTable('pairing_tokens').set({ used_at: now() }).where('id', '=', token.id).execute();
				return claim;
			}),
	};
}
