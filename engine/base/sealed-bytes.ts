import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

/** AES-256-GCM (NIST SP 800-38D) with a tag of 16 bytes: the one way in which bytes are sealed. */
export const sealNonceBytes = 12;
export const sealTagBytes = 16;

type Key = KeyObject | Uint8Array;

/**
 * @param nonce 12 bytes that were never used before with this key
 * @param context what the bytes belong to: they open with the same context only
 * @returns ciphertext, as long as `plain`, and tag
 */
export function sealBytes(key: Key, nonce: Uint8Array, context: Uint8Array, plain: Uint8Array): { readonly sealed: Uint8Array; readonly tag: Uint8Array } {
	const cipher = createCipheriv('aes-256-gcm', key, nonce);
	cipher.setAAD(context);
	const sealed = cipher.update(plain);
	cipher.final();
	return { sealed, tag: cipher.getAuthTag() };
}

/** @param sealed ciphertext and tag @returns null when these are not the bytes that were sealed with this key in this context */
export function openBytes(key: Key, nonce: Uint8Array, context: Uint8Array, sealed: Uint8Array): Uint8Array | null {
	const end = sealed.byteLength - sealTagBytes;
	if (end < 0) return null;
	const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: sealTagBytes });
	cipher.setAAD(context);
	cipher.setAuthTag(sealed.subarray(end));
	const plain = cipher.update(sealed.subarray(0, end));
	try {
		cipher.final();
		return plain;
	} catch {
		return null; // the tag does not fit
	}
}
