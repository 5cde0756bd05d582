import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { EngineError, openBytes, sealBytes, sealNonceBytes, systemErrorCode } from '../base/index.ts';
import type { Database } from './database.ts';

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

const sealingBytes = 32;

export function createKeyStore(db: Database, secretPath: string): KeyStore {
	return {
		async list() {
			const rows = await db.selectFrom('encryption_keys').selectAll().orderBy('created_at').execute();
			const sealing = rows.length === 0 ? null : readSealingKey(secretPath);
			if (sealing === null) return [];
			const opened = rows.map((row) => ({ row, secret: open(row.sealed_secret, sealing, row.id) }));
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
				sealed_secret: seal(secret, readSealingKey(secretPath) ?? createSealingKey(secretPath), id),
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

function seal(secret: Uint8Array, key: Uint8Array, id: string): Uint8Array {
	const nonce = randomBytes(sealNonceBytes);
	const { sealed, tag } = sealBytes(key, nonce, Buffer.from(id), secret);
	return Buffer.concat([nonce, sealed, tag]);
}

/** Null when it was sealed under another file. */
function open(sealed: Uint8Array, key: Uint8Array, id: string): Uint8Array | null {
	const secret = openBytes(key, sealed.subarray(0, sealNonceBytes), Buffer.from(id), sealed.subarray(sealNonceBytes));
	return secret && new Uint8Array(secret);
}

/** 32 bytes of chance; null when the file is lost. */
function readSealingKey(path: string): Uint8Array | null {
	try {
		const key = readFileSync(path);
		return key.byteLength === sealingBytes ? key : null;
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') return null;
		throw unusable(path, error);
	}
}

/** Only the owner may read it. What an old one sealed stays lost. */
function createSealingKey(path: string): Uint8Array {
	const key = randomBytes(sealingBytes);
	try {
		rmSync(path, { force: true });
		const fd = openSync(path, 'wx', 0o600);
		try {
			writeSync(fd, key);
			fsyncSync(fd);
		} finally {
			closeSync(fd);
		}
	} catch (error) {
		throw unusable(path, error);
	}
	return key;
}

const unusable = (path: string, cause: unknown): EngineError =>
	new EngineError(
		'data-folder.unusable',
		`The file ${path}, which guards the encryption keys of this data folder, cannot be used: ${(cause as Error).message}.`,
		{
			hint: 'Check that the owner of the data folder may read and write it.',
			data: { path },
			cause,
		},
	);
