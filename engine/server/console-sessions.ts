import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '../base/index.ts';
import { isSameToken, newToken } from './token.ts';

const idleLimitMs = 12 * 3_600_000; // a working day: whoever leaves the console open overnight signs in again
const sessionLimit = 200;

/**
 * Browsers that have traded the token for a cookie. A cookie is `issued at . chance . signature` under the token, so that a restart of the server
 * signs nobody out who signed in within the idle limit. Cookies are held as hashes, so that a memory dump holds no usable one.
 */
export class ConsoleSessions {
	readonly #clock: Clock;
	readonly #token: string;
	readonly #lastSeen = new Map<string, number>();
	/** Signed out: their signature alone must not let them in again. */
	readonly #closed = new Set<string>();

	constructor(token: string, clock: Clock) {
		this.#token = token;
		this.#clock = clock;
	}

	/** A new session's cookie value. */
	open(): string {
		const claim = `${this.#clock.now()}.${newToken()}`;
		const cookie = `${claim}.${this.#sign(claim)}`;
		this.#see(hash(cookie));
		return cookie;
	}

	#sign(claim: string): string {
		return createHmac('sha256', this.#token).update(`console session ${claim}`).digest('base64url');
	}

	#see(key: string): void {
		this.#lastSeen.delete(key);
		const oldest = this.#lastSeen.keys().next();
		if (this.#lastSeen.size >= sessionLimit && !oldest.done) this.#lastSeen.delete(oldest.value);
		this.#lastSeen.set(key, this.#clock.now()); // last in the map: the first is always the one not seen for longest
	}

	/** True for a live session, which thereby stays alive. */
	isOpen(cookie: string): boolean {
		const key = hash(cookie);
		const lastSeen = this.#lastSeen.get(key) ?? this.#issuedAt(cookie);
		if (lastSeen === null || this.#closed.has(key) || this.#clock.now() - lastSeen > idleLimitMs) {
			this.#lastSeen.delete(key);
			return false;
		}
		this.#see(key);
		return true;
	}

	/** When a cookie that this server, or one before it with the same token, has signed was made. */
	#issuedAt(cookie: string): number | null {
		const [issuedAt = '', chance = '', signature = ''] = cookie.split('.');
		return isSameToken(signature, this.#sign(`${issuedAt}.${chance}`)) ? Number(issuedAt) : null;
	}

	close(cookie: string): void {
		const key = hash(cookie);
		this.#lastSeen.delete(key);
		this.#closed.add(key);
		const [oldest] = this.#closed;
		if (this.#closed.size > sessionLimit && oldest !== undefined) this.#closed.delete(oldest);
	}
}

const hash = (cookie: string): string => createHash('sha256').update(cookie).digest('base64');
