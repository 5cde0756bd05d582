import { EngineError } from '../../base/index.ts';
import { defaultPort, maxNameBytes } from './protocol.ts';

export type NbdTransport = { readonly kind: 'unix'; readonly path: string } | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Where an NBD server is, and which of its exports is meant. */
export type NbdAddress = { readonly transport: NbdTransport; readonly exportName: string };

/** The address of a unix socket has no room for a longer path (unix(7)). */
export const maxSocketPathBytes = 107;

const scheme = /^nbd(s?)(\+unix)?:\/\//;

/** Whether a text that names a disk is meant as an NBD URI, well-formed or not. */
export const isNbdUri = (text: string): boolean => /^nbds?(\+[a-z]+)?:\/\//.test(text);

/**
 * Reads `nbd://HOST[:PORT]/EXPORT` and `nbd+unix:///EXPORT?socket=PATH`, as the NBD URI specification (doc/uri.md of the NetworkBlockDevice project) has them.
 * @throws `source.unsupported`
 */
export function parseNbdUri(text: string): NbdAddress {
	const refuse = (why: string, hint = 'Write nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=/PATH.', cause?: unknown): EngineError =>
		new EngineError('source.unsupported', `${text} is no address of an NBD export: ${why}.`, { hint, cause });
	const form = scheme.exec(text);
	if (form === null) throw refuse('its scheme is not known');
	if (form[1] === 's') throw refuse('connections with TLS are not made yet', 'Use nbd:// inside a network that you trust, or a socket of this machine.');
	const isUnix = form[2] !== undefined;
	let url: URL;
	let exportName: string;
	try {
		url = new URL(text);
		exportName = decodeURIComponent(url.pathname.slice(1));
	} catch (cause) {
		throw refuse('it is not written as a URI', undefined, cause);
	}
	if (url.username !== '' || url.password !== '') throw refuse('NBD knows no users');
	if (url.hash !== '') throw refuse('a "#" in the name of an export is written %23');
	const socket = url.searchParams.get('socket');
	for (const parameter of url.searchParams.keys()) if (parameter !== 'socket') throw refuse(`the parameter "${parameter}" is not known`);
	if (exportName.includes('\0') || Buffer.byteLength(exportName) > maxNameBytes) throw refuse('the name of the export is too long or holds a NUL');
	if (isUnix) {
		if (url.host !== '') throw refuse('a socket of this machine has no host');
		if (socket === null || !socket.startsWith('/') || socket.includes('\0')) throw refuse('the socket is not named by an absolute path');
		return { transport: { kind: 'unix', path: socket }, exportName };
	}
	if (socket !== null) throw refuse('a socket belongs to nbd+unix://');
	if (url.hostname === '') throw refuse('it names no host');
	const port = url.port === '' ? defaultPort : Number(url.port);
	return { transport: { kind: 'tcp', host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }, exportName };
}

export function formatNbdUri({ transport, exportName }: NbdAddress): string {
	const name = encodeURIComponent(exportName).replaceAll('%2F', '/');
	if (transport.kind === 'unix') return `nbd+unix:///${name}?socket=${encodeURIComponent(transport.path).replaceAll('%2F', '/')}`;
	return `nbd://${transport.host.includes(':') ? `[${transport.host}]` : transport.host}:${transport.port}/${name}`;
}
