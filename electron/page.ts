/**
 * The console's files as `holdfast://console/…`. A scheme of our own instead of `file:` gives the page a real origin, lets the
 * content security policy come as a header that no page can leave out, and keeps every other file of the disk out of reach.
 */
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';

export const pageScheme = 'holdfast';
export const pageOrigin = `${pageScheme}://console`;

/** True for the console's own page, the only one that may talk to the main process. */
export function isOwnPage(url: string | undefined): boolean {
	return url !== undefined && (url === pageOrigin || url.startsWith(`${pageOrigin}/`));
}

/** The system's browser is opened for `https:` links to these origins and no others. */
export function isAllowedOutside(url: string, allowedOrigins: readonly string[]): boolean {
	try {
		const { protocol, origin } = new URL(url);
		return protocol === 'https:' && allowedOrigins.includes(origin);
	} catch {
		return false;
	}
}

const contentSecurityPolicy = [
	"default-src 'none'",
	"script-src 'self'",
	// The component library sets styles on elements.
	"style-src 'self' 'unsafe-inline'",
	"img-src 'self' data: blob:",
	"font-src 'self' data:",
	"connect-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
].join('; ');

const mediaTypes: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.png': 'image/png',
	'.ico': 'image/x-icon',
	'.woff2': 'font/woff2',
	'.json': 'application/json',
	'.webmanifest': 'application/manifest+json',
};

/** Answers requests from `folder`, where the built console lies. */
export function pageServer(folder: string): (request: Request) => Promise<Response> {
	return async (request) => {
		const path = filePath(folder, request.url);
		if (!path || request.method !== 'GET') return new Response('Not found', { status: 404 });
		try {
			const mediaType = mediaTypes[extname(path)] ?? 'application/octet-stream';
			return new Response(await readFile(path), {
				headers: { 'content-type': mediaType, 'content-security-policy': contentSecurityPolicy, 'x-content-type-options': 'nosniff' },
			});
		} catch {
			// Absent, a folder, unreadable: the page only needs to know that it does not get it.
			return new Response('Not found', { status: 404 });
		}
	};
}

function filePath(folder: string, url: string): string | null {
	const { host, pathname, protocol } = new URL(url);
	if (`${protocol}//${host}` !== pageOrigin) return null;
	let name: string;
	try {
		name = decodeURIComponent(pathname);
	} catch {
		return null;
	}
	const path = normalize(join(folder, name === '/' ? 'index.html' : name));
	return path.startsWith(folder + sep) && !path.includes('\0') ? path : null;
}
