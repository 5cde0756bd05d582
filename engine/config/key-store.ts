import type { Database } from './database.ts';
import { createSealingKey, openSealed, readSealingKey, sealSecret } from './secrets.ts';

/** A key of chains, with the ways to open it as they lie in the files. The store does not look inside. */
export type StoredKey = {
	readonly id: string;
	readonly createdAt: number;
	readonly secret: Uint8Array;
	readonly slots: readonly { readonly kind: 'password' | 'recovery'; readonly bytes: Uint8Array }[];
	readonly recoveryKeyConfirmedAt: number | null;
};

/** Keys are in the database sealed under a key of their own, which lies in a file beside it: a copy of the database alone opens nothing. */
export interface KeyStore {
	/** Oldest first. Those that cannot be opened, because the file is lost, are left out: their chains are locked until they are unlocked again. */
	list(): Promise<StoredKey[]>;
	/** `data-folder.unusable` when the file cannot be written. */
	put(key: StoredKey): Promise<void>;
	remove(id: string): Promise<void>;
}

export function createKeyStore(db: Database, secretPath: string): KeyStore {
	return {
		async list() {
			const rows = await db.selectFrom('encryption_keys').selectAll().orderBy('created_at').execute();
			const sealing = rows.length === 0 ? null : readSealingKey(secretPath);
			if (sealing === null) return [];
			const opened = rows.map((row) => ({ row, secret: openSealed(row.sealed_secret, sealing, row.id) }));
			return opened.flatMap(({ row, secret }) =>
				secret === null
					? []
					: {
							id: row.id,
							createdAt: row.created_at,
							secret,
							slots: (JSON.parse(row.slots) as { kind: 'password' | 'recovery'; bytes: string }[]).map(({ kind, bytes }) => ({
								kind,
								bytes: new Uint8Array(Buffer.from(bytes, 'base64')),
							})),
							recoveryKeyConfirmedAt: row.recovery_confirmed_at,
						},
			);
		},
		async put({ id, createdAt, secret, slots, recoveryKeyConfirmedAt }) {
			const facts = {
				sealed_secret: sealSecret(secret, readSealingKey(secretPath) ?? createSealingKey(secretPath), id),
				slots: JSON.stringify(slots.map(({ kind, bytes }) => ({ kind, bytes: Buffer.from(bytes).toString('base64') }))),
				recovery_confirmed_at: recoveryKeyConfirmedAt,
			};
			await db
				.insertInto('encryption_keys')
				.values({ id, created_at: createdAt, ...facts })
				.onConflict((conflict) => conflict.column('id').doUpdateSet(facts))
				.execute();
		},
		async remove(id) {
			await db.deleteFrom('encryption_keys').where('id', '=', id).execute();
		},
	};
}
