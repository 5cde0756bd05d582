/** Secrets are in the database sealed under a key of their own, which lies in a file beside it: a copy of the database alone opens nothing. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { EngineError, openBytes, sealBytes, sealNonceBytes, systemErrorCode } from '../base/index.ts';

const sealingBytes = 32;

/** @param id what the secret belongs to: it opens for the same only */
export function sealSecret(secret: Uint8Array, key: Uint8Array, id: string): Uint8Array {
	const nonce = randomBytes(sealNonceBytes);
	const { sealed, tag } = sealBytes(key, nonce, Buffer.from(id), secret);
	return Buffer.concat([nonce, sealed, tag]);
}

/** Null when it was sealed under another file. */
export function openSealed(sealed: Uint8Array, key: Uint8Array, id: string): Uint8Array | null {
	const secret = openBytes(key, sealed.subarray(0, sealNonceBytes), Buffer.from(id), sealed.subarray(sealNonceBytes));
	return secret && new Uint8Array(secret);
}

/** 32 bytes of chance; null when the file is lost. */
export function readSealingKey(path: string): Uint8Array | null {
	try {
		const key = readFileSync(path);
		return key.byteLength === sealingBytes ? key : null;
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') return null;
		throw unusable(path, error);
	}
}

/** Only the owner may read it. What an old one sealed stays lost. */
export function createSealingKey(path: string): Uint8Array {
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
	new EngineError('data-folder.unusable', `The file ${path}, which guards the secrets of this data folder, cannot be used: ${(cause as Error).message}.`, {
		hint: 'Check that the owner of the data folder may read and write it.',
		data: { path },
		cause,
	});
