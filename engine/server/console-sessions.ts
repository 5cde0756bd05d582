import { createHash } from 'node:crypto';
import type { Clock } from '../base/index.ts';
import { newToken } from './token.ts';

const idleLimitMs = 12 * 3_600_000; // a working day: whoever leaves the console open overnight signs in again
const sessionLimit = 200;

/**
 * Browsers that have traded the token for a cookie. Kept in memory only: a restart of the server signs everybody out.
 * Cookies are held as hashes, so that a memory dump holds no usable one.
 */
export class ConsoleSessions {
	readonly #clock: Clock;
	readonly #lastSeen = new Map<string, number>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** A new session's cookie value. */
	open(): string {
		const oldest = this.#lastSeen.keys().next();
		if (this.#lastSeen.size >= sessionLimit && !oldest.done) this.#lastSeen.delete(oldest.value);
		const cookie = newToken();
		this.#lastSeen.set(hash(cookie), this.#clock.now());
		return cookie;
	}

	/** True for a live session, which thereby stays alive. */
	isOpen(cookie: string): boolean {
		const key = hash(cookie);
		const lastSeen = this.#lastSeen.get(key);
		this.#lastSeen.delete(key);
		if (lastSeen === undefined || this.#clock.now() - lastSeen > idleLimitMs) return false;
		this.#lastSeen.set(key, this.#clock.now()); // last in the map: the first is always the one not seen for longest
		return true;
	}

	close(cookie: string): void {
		this.#lastSeen.delete(hash(cookie));
	}
}

const hash = (cookie: string): string => createHash('sha256').update(cookie).digest('base64');
