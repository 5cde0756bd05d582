import { hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { EngineError, openBytes, sealBytes, sealNonceBytes, sealTagBytes } from '../base/index.ts';
import { damaged } from './cursor.ts';

/**
 * How an encrypted chain is opened. A **master key** is chance, and never written down in the clear. Each of its **slots** holds it sealed by one
 * secret: a password (scrypt, RFC 7914) or a recovery key (HKDF-SHA-256, RFC 5869). A chain's own keys follow from the master key and the chain's salt.
 * So a password can be changed without touching data, and every file can be opened with nothing but itself and one secret.
 *
 * The **lock** lies in both superblocks of every file and in the chain metadata:
 *
 * ```
 *   0  id of the master key, 8 bytes          a slot:
 *   8  salt of the chain, 16 bytes             0  kind: 1 password, 2 recovery key   16  salt, 16 bytes
 *  24  number of slots, u8, at most 4          1  scrypt: log2 N, r, p (zero for 2)  32  nonce, 12 bytes
 *  25  zero up to 32                           4  zero up to 16                      44  sealed master key, 32 bytes, and tag, 16 bytes
 *  32  slots of 96 bytes                                                             92  zero up to 96
 * ```
 */
export const lockBytes = 32 + 4 * 96;
const slotsAt = 32;
const slotBytes = 96;
const maxSlots = 4;
const saltBytes = 16;
const masterBytes = 32;

export type SlotKind = 'password' | 'recovery';
const slotKinds = { password: 1, recovery: 2 } as const;

/** One way to the master key, as it lies in the files: 96 bytes. */
export type KeySlot = { readonly kind: SlotKind; readonly bytes: Uint8Array };

/** Opens all chains that were locked with it. Passes between threads; never leaves the process but sealed. */
export type MasterKey = { readonly id: string; readonly secret: Uint8Array; readonly slots: readonly KeySlot[] };
export type KeyRing = readonly MasterKey[];

export type ChainLock = { readonly keyId: string; readonly salt: Uint8Array; readonly slots: readonly KeySlot[] };

/** What a chain's bytes are named and sealed with. */
export type ChainKeys = { readonly names: Uint8Array; readonly payloads: Uint8Array; readonly headers: Uint8Array; readonly fingerprints: Uint8Array };

const expand = (secret: Uint8Array, salt: Uint8Array, info: string, length: number): Uint8Array =>
	new Uint8Array(hkdfSync('sha256', secret, salt, `holdfast ${info}`, length));

/** The id tells which key a chain needs, and nothing about the key. */
const keyIdOf = (secret: Uint8Array): string => Buffer.from(expand(secret, new Uint8Array(), 'key id', 8)).toString('hex');

export const chainKeys = ({ secret }: Pick<MasterKey, 'secret'>, salt: Uint8Array): ChainKeys => ({
	names: expand(secret, salt, 'names', 32),
	payloads: expand(secret, salt, 'payloads', 32),
	headers: expand(secret, salt, 'headers', 32),
	fingerprints: expand(secret, salt, 'fingerprints', 32),
});

export const newChainLock = ({ id, slots }: MasterKey): ChainLock => ({ keyId: id, salt: new Uint8Array(randomBytes(saltBytes)), slots });

export function encodeLock({ keyId, salt, slots }: ChainLock): Uint8Array {
	const bytes = new Uint8Array(lockBytes);
	bytes.set(Buffer.from(keyId, 'hex'), 0);
	bytes.set(salt, 8);
	bytes[24] = slots.length;
	for (const [i, slot] of slots.entries()) bytes.set(slot.bytes, slotsAt + i * slotBytes);
	return bytes;
}

/** @throws `repository.damaged` */
export function parseLock(bytes: Uint8Array, where: string): ChainLock {
	const count = bytes[24] ?? 0;
	if (bytes.byteLength < lockBytes || count < 1 || count > maxSlots) throw damaged(where, 24, 'its lock has an impossible number of slots');
	const slots = Array.from({ length: count }, (_, i) =>
		parseSlot(Uint8Array.from(bytes.subarray(slotsAt + i * slotBytes, slotsAt + (i + 1) * slotBytes)), where),
	);
	return { keyId: Buffer.from(bytes.subarray(0, 8)).toString('hex'), salt: Uint8Array.from(bytes.subarray(8, 24)), slots };
}

/** scrypt may take this much memory and time: whoever made the file must not decide. */
const maxScryptBytes = 512 * 1024 * 1024;
const maxScryptP = 4;

function parseSlot(bytes: Uint8Array, where: string): KeySlot {
	const [kind = 0, logN = 0, r = 0, p = 0] = bytes;
	if (kind === slotKinds.recovery) return { kind: 'recovery', bytes };
	const isBearable = logN >= 10 && logN <= 24 && r >= 1 && p >= 1 && p <= maxScryptP && 128 * r * 2 ** logN <= maxScryptBytes;
	if (kind !== slotKinds.password || !isBearable) throw damaged(where, slotsAt, 'a slot of its lock is of no known kind');
	return { kind: 'password', bytes };
}

/** 2^17 · 8: 128 MiB and about half a second for each guess (OWASP's advice for scrypt). Done when a secret is set or typed in, not when a job runs. */
const passwordCost = { logN: 17, r: 8, p: 1 } as const;
/** Cheap passwords for tests of everything but their cost. */
export const testPasswordCost = { logN: 10, r: 1, p: 1 } as const;
export type PasswordCost = { readonly logN: number; readonly r: number; readonly p: number };

/** What seals and opens a slot. */
async function slotKey(slot: Uint8Array, secret: string | Uint8Array): Promise<Uint8Array> {
	const salt = slot.subarray(16, 32);
	const [kind = 0, logN = 0, r = 0, p = 0] = slot;
	if (kind === slotKinds.recovery) return expand(secret as Uint8Array, salt, 'recovery key', 32);
	const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
	// the same text typed on another system may come as other code points: RFC 8265
	const password = Buffer.from((secret as string).normalize('NFC'), 'utf8');
	scrypt(password, salt, 32, { N: 2 ** logN, r, p, maxmem: maxScryptBytes + 2 ** 20 }, (error, key) => (error ? reject(error) : resolve(key)));
	return promise;
}

async function sealSlot(kind: SlotKind, secret: string | Uint8Array, master: Uint8Array, cost: PasswordCost): Promise<KeySlot> {
	const bytes = new Uint8Array(slotBytes);
	bytes[0] = slotKinds[kind];
	if (kind === 'password') bytes.set([cost.logN, cost.r, cost.p], 1);
	bytes.set(randomBytes(saltBytes), 16);
	bytes.set(randomBytes(sealNonceBytes), 32);
	const { sealed, tag } = sealBytes(await slotKey(bytes, secret), bytes.subarray(32, 44), bytes.subarray(0, 32), master);
	bytes.set(sealed, 44);
	bytes.set(tag, 44 + masterBytes);
	return { kind, bytes };
}

/** The master key in a slot; null when the secret is not the slot's. */
async function openSlot({ bytes }: KeySlot, secret: string | Uint8Array): Promise<Uint8Array | null> {
	const sealed = bytes.subarray(44, 44 + masterBytes + sealTagBytes);
	const master = openBytes(await slotKey(bytes, secret), bytes.subarray(32, 44), bytes.subarray(0, 32), sealed);
	return master && new Uint8Array(master);
}

/** Makes a master key that the password and a new recovery key open. */
export async function createMasterKey(password: string, cost: PasswordCost = passwordCost): Promise<{ key: MasterKey; recoveryKey: string }> {
	const secret = new Uint8Array(randomBytes(masterBytes));
	const recovery = randomBytes(recoveryBytes);
	const slots = [await sealSlot('password', password, secret, cost), await sealSlot('recovery', recovery, secret, cost)];
	return { key: { id: keyIdOf(secret), secret, slots }, recoveryKey: formatRecoveryKey(recovery) };
}

/** The same key with another password; the recovery key stays. */
export async function withPassword(key: MasterKey, password: string, cost: PasswordCost = passwordCost): Promise<MasterKey> {
	return { ...key, slots: [await sealSlot('password', password, key.secret, cost), ...key.slots.filter(({ kind }) => kind !== 'password')] };
}

/** The same key with another recovery key; the password stays. */
export async function withNewRecoveryKey(key: MasterKey): Promise<{ key: MasterKey; recoveryKey: string }> {
	const recovery = randomBytes(recoveryBytes);
	const slots = [...key.slots.filter(({ kind }) => kind !== 'recovery'), await sealSlot('recovery', recovery, key.secret, passwordCost)];
	return { key: { ...key, slots }, recoveryKey: formatRecoveryKey(recovery) };
}

/** What a user may have at hand. */
export type Secret = { readonly password: string } | { readonly recoveryKey: string };

/** Opens a lock with a secret; null when it is not one of the lock's. @throws `usage.invalid` for what can be no recovery key */
export async function openLock({ slots }: Pick<ChainLock, 'slots'>, secret: Secret): Promise<MasterKey | null> {
	const [kind, value] = 'password' in secret ? (['password', secret.password] as const) : (['recovery', parseRecoveryKey(secret.recoveryKey)] as const);
	for (const slot of slots) {
		const master = slot.kind === kind ? await openSlot(slot, value) : null;
		if (master) return { id: keyIdOf(master), secret: master, slots };
	}
	return null;
}

const recoveryBytes = 20;
const recoveryAlphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'; // Crockford's base 32
const groupLength = 6;

/** 36 characters in six groups: 32 of the key, 4 that notice a slip of the pen. */
function formatRecoveryKey(key: Uint8Array): string {
	const all = Buffer.concat([key, checkOf(key)]);
	let text = '';
	for (let bit = 0; bit + 5 <= 36 * 5; bit += 5) {
		const at = bit >> 3;
		const pair = ((all[at] as number) << 8) | (all[at + 1] ?? 0);
		text += recoveryAlphabet[(pair >> (11 - (bit & 7))) & 31];
	}
	return text.match(new RegExp(`.{${groupLength}}`, 'g'))?.join('-') ?? text;
}

const checkOf = (key: Uint8Array): Uint8Array => expand(key, new Uint8Array(), 'recovery key check', 3).map((byte, i) => (i === 2 ? byte & 0xf0 : byte));

/** Forgives spaces, hyphens, case, and letters that look like digits. @throws `usage.invalid` */
export function parseRecoveryKey(text: string): Uint8Array {
	const letters = text.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
	const bytes = Buffer.alloc(recoveryBytes + 3);
	for (const [i, letter] of [...letters.slice(0, 36)].entries()) {
		const value = recoveryAlphabet.indexOf(letter);
		for (let bit = 0; bit < 5; bit++) {
			const at = i * 5 + bit;
			if (value & (16 >> bit)) bytes[at >> 3] = (bytes[at >> 3] as number) | (128 >> (at & 7));
		}
	}
	const key = bytes.subarray(0, recoveryBytes);
	const isWhole = letters.length === 36 && [...letters].every((letter) => recoveryAlphabet.includes(letter));
	if (isWhole && Buffer.compare(bytes.subarray(recoveryBytes), checkOf(key)) === 0) return key;
	throw new EngineError('usage.invalid', 'This is no recovery key of Holdfast, or it was mistyped.', {
		hint: 'It has six groups of six letters and digits, such as 4GK0ZT-….',
		data: { field: 'recoveryKey' },
	});
}

/** The ring's key for a lock. @throws `repository.locked` */
export function keyFor(ring: KeyRing, { keyId }: Pick<ChainLock, 'keyId'>, where: string): MasterKey {
	const key = ring.find(({ id }) => id === keyId);
	if (key) return key;
	throw new EngineError('repository.locked', `${where} is encrypted, and this installation does not have its key.`, {
		hint: 'Unlock the repository with the password or the recovery key: "holdfast key unlock REPOSITORY --password-file FILE".',
		data: { keyId },
	});
}
