import { hash } from 'node:crypto';

/** A chunk is bytes named by their SHA-256 (FIPS 180-4). */
export const hashBytes = 32;

/** A fingerprint tells, for who has the keys of the chain, whether bytes are those that lay in the same place before. It is no name: nothing is looked up by it. */
export const fingerprintBytes = 16;

/** The name of every run of zeros: 32 zero bytes. Such chunks take no room and are never looked up. */
export const zeroHash: Uint8Array = new Uint8Array(hashBytes);

/** No chunk and no record holds more than this, stored or raw: what a reader must be ready to allocate. */
export const maxChunkBytes = 16 * 1024 * 1024;

export const chunkHash = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

export const sameHash = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
export const isZeroHash = (value: Uint8Array): boolean => value[0] === 0 && sameHash(value, zeroHash);
export const hashText = (value: Uint8Array): string => Buffer.from(value).toString('hex');
