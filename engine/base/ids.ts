import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford's base 32: no i, l, o, u

/** A new id: eight characters of time (sortable until the year 3000), eight of chance. */
export function newId(nowMs: number): string {
	let time = '';
	for (let rest = Math.floor(nowMs / 1000), i = 0; i < 8; i++, rest = Math.floor(rest / 32)) time = (alphabet[rest % 32] as string) + time;
	return time + [...randomBytes(8)].map((byte) => alphabet[byte % 32]).join('');
}
