import { createCipheriv, createHmac, createSecretKey, type KeyObject, randomFillSync } from 'node:crypto';
import { openBytes, sealBytes } from '../base/index.ts';
import { chunkHash } from './chunk.ts';
import type { ChainKeys } from './lock.ts';

/**
 * Names and seals the bytes of one encrypted chain.
 * Chunks are named by HMAC-SHA-256, so that nobody can look for content that he knows. Payloads are sealed with AES-256-GCM (NIST SP 800-38D) under a
 * nonce of chance: 2^32 records may share a key, which are petabytes. Headers are masked with AES-256-CTR, so that where one record ends and
 * another begins, and with it the sizes of files, cannot be seen.
 */
export class ChainCipher {
	/** For other threads. */
	readonly keys: ChainKeys;
	readonly #names: KeyObject;
	readonly #payloads: KeyObject;
	readonly #headers: KeyObject;
	readonly #fingerprints: KeyObject;

	constructor(keys: ChainKeys) {
		this.keys = keys;
		this.#names = createSecretKey(keys.names);
		this.#payloads = createSecretKey(keys.payloads);
		this.#headers = createSecretKey(keys.headers);
		this.#fingerprints = createSecretKey(keys.fingerprints);
	}

	name(chunk: Uint8Array): Buffer {
		return createHmac('sha256', this.#names).update(chunk).digest();
	}

	/**
	 * GMAC under a fixed nonce: a universal hash, at ten times the speed of a name. Two different blocks of up to 4 MiB that were not made with knowledge of the key have the same one with
	 * a chance of less than 2^-109 (NIST SP 800-38D, appendix C). Never shown outside of the encrypted chain, where it would give the key away.
	 * @returns 16 bytes
	 */
	fingerprint(block: Uint8Array): Buffer {
		const gmac = createCipheriv('aes-256-gcm', this.#fingerprints, fixedNonce);
		gmac.setAAD(block);
		gmac.final();
		return gmac.getAuthTag();
	}

	/** A nonce that was never used before. */
	static fillNonce(nonce: Uint8Array): void {
		randomFillSync(nonce);
	}

	/** @returns ciphertext and tag, in pieces */
	seal(nonce: Uint8Array, context: Uint8Array, plain: Uint8Array): { readonly sealed: Uint8Array; readonly tag: Uint8Array } {
		return sealBytes(this.#payloads, nonce, context, plain);
	}

	/** @returns null when these are not the bytes that were sealed in this context */
	open(nonce: Uint8Array, context: Uint8Array, sealed: Uint8Array): Uint8Array | null {
		return openBytes(this.#payloads, nonce, context, sealed);
	}

	/** Masks or unmasks: the exclusive or with a stream that follows from the nonce. */
	mask(nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
		const start = new Uint8Array(16);
		start.set(nonce);
		return createCipheriv('aes-256-ctr', this.#headers, start).update(bytes);
	}
}

const fixedNonce = new Uint8Array(12);

/** How a chain names its chunks: by SHA-256, or by the cipher of an encrypted chain. */
export const nameChunk = (chunk: Uint8Array, cipher: ChainCipher | null): Buffer => (cipher ? cipher.name(chunk) : chunkHash(chunk));

export const cipherOf = (keys: ChainKeys | null): ChainCipher | null => (keys ? new ChainCipher(keys) : null);
