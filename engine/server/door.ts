/**
 * Who may come in: every request passes here before anything else looks at it.
 *
 * A page of another site can make a browser send requests to this machine, with cookies of this machine (the port does not
 * count for cookies), and after DNS rebinding even under its own name. So the Host must be a loopback name with our port, and
 * an Origin, where a browser sends one, must be the very same.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { EngineError } from '../base/index.ts';
import type { ConsoleSessions } from './console-sessions.ts';
import { isSameToken } from './token.ts';

const loopbackNames = ['127.0.0.1', 'localhost', '[::1]'];

/** Throws `auth.refused` unless the request was made to this machine's own names and by no foreign page. */
export function checkAddress(headers: IncomingHttpHeaders, port: number): void {
	const host = headers.host ?? '';
	const isOurs = loopbackNames.some((name) => host === `${name}:${port}` || (port === 80 && host === name));
	if (!isOurs)
		throw new EngineError('auth.refused', 'This server answers only under the names of its own machine.', { hint: `Open http://127.0.0.1:${port}/` });
	if (headers.origin !== undefined && headers.origin !== `http://${host}`) {
		throw new EngineError('auth.refused', 'Requests from pages of another origin are refused.');
	}
}

/**
 * Links and pictures on foreign pages carry no Origin, but browsers tell where they come from. A link to the console's own
 * page is harmless, as it holds nothing; what needs a session may only be asked for by the console.
 */
export function checkFetchSite(headers: IncomingHttpHeaders): void {
	const site = headers['sec-fetch-site'];
	if (site !== undefined && site !== 'same-origin' && site !== 'none')
		throw new EngineError('auth.refused', 'Requests from pages of another origin are refused.');
}

/** Cookies are shared between all ports of a machine; the port in the name keeps two servers apart. */
export const cookieName = (port: number): string => `holdfast-${port}`;

export const sessionCookie = (port: number, value: string): string => `${cookieName(port)}=${value}; Path=/; HttpOnly; SameSite=Strict`;

export const expiredCookie = (port: number): string => `${cookieName(port)}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;

export function readCookie(headers: IncomingHttpHeaders, port: number): string | undefined {
	for (const part of (headers.cookie ?? '').split(';')) {
		const [name, value] = part.split('=', 2);
		if (name?.trim() === cookieName(port)) return value?.trim();
	}
	return undefined;
}

export type Keys = { readonly token: string; readonly sessions: ConsoleSessions; readonly port: number };

/** A program shows the token itself, a browser the cookie that it got for it. */
export function isSignedIn(headers: IncomingHttpHeaders, { token, sessions, port }: Keys): boolean {
	const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
	if (bearer !== undefined) return isSameToken(bearer, token);
	const cookie = readCookie(headers, port);
	return cookie !== undefined && sessions.isOpen(cookie);
}
