import { EngineError } from '../../base/index.ts';
import { defaultPort, maxNameBytes } from './protocol.ts';

/** TLS with certificates on both sides. */
export type NbdTls = {
	/** Absolute path of a folder with `ca-cert.pem`, `client-cert.pem` and `client-key.pem`, as libnbd and QEMU have them. */
	readonly certificates: string;
	/** Name that the certificate of the server bears; null: that of the host. */
	readonly hostName: string | null;
};

export type NbdTransport =
	| { readonly kind: 'unix'; readonly path: string }
	| { readonly kind: 'tcp'; readonly host: string; readonly port: number /** Absent: in clear. */; readonly tls?: NbdTls };

/** Where an NBD server is, and which of its exports is meant. */
export type NbdAddress = { readonly transport: NbdTransport; readonly exportName: string };

/** The address of a unix socket has no room for a longer path (unix(7)). */
export const maxSocketPathBytes = 107;

const scheme = /^nbd(s|\+unix)?:\/\//;
const tlsParameters = { certificates: 'tls-certificates', hostName: 'tls-hostname' } as const;

/** Whether a text that names a disk is meant as an NBD URI, well-formed or not. */
export const isNbdUri = (text: string): boolean => /^nbds?(\+[a-z]+)?:\/\//.test(text);

/**
 * Reads `nbd://HOST[:PORT]/EXPORT`, `nbd+unix:///EXPORT?socket=PATH` and `nbds://HOST[:PORT]/EXPORT?tls-certificates=FOLDER[&tls-hostname=NAME]`, as the NBD URI
 * specification (doc/uri.md of the NetworkBlockDevice project) and libnbd have them.
 * @throws `source.unsupported`
 */
export function parseNbdUri(text: string): NbdAddress {
	const refuse = (why: string, hint = 'Write nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=/PATH.', cause?: unknown): EngineError =>
		new EngineError('source.unsupported', `${text} is no address of an NBD export: ${why}.`, { hint, cause });
	const form = scheme.exec(text);
	if (form === null) throw refuse('its scheme is not known');
	const [isTls, isUnix] = [form[1] === 's', form[1] === '+unix'];
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
	const known: readonly string[] = ['socket', ...(isTls ? Object.values(tlsParameters) : [])];
	for (const parameter of url.searchParams.keys()) if (!known.includes(parameter)) throw refuse(`the parameter "${parameter}" is not known`);
	if (exportName.includes('\0') || Buffer.byteLength(exportName) > maxNameBytes) throw refuse('the name of the export is too long or holds a NUL');
	if (isUnix) {
		if (url.host !== '') throw refuse('a socket of this machine has no host');
		if (socket === null || !socket.startsWith('/') || socket.includes('\0')) throw refuse('the socket is not named by an absolute path');
		return { transport: { kind: 'unix', path: socket }, exportName };
	}
	if (socket !== null) throw refuse('a socket belongs to nbd+unix://');
	if (url.hostname === '') throw refuse('it names no host');
	const port = url.port === '' ? defaultPort : Number(url.port);
	const transport = { kind: 'tcp', host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port } as const;
	if (!isTls) return { transport, exportName };
	const certificates = url.searchParams.get(tlsParameters.certificates);
	if (certificates === null || !certificates.startsWith('/') || certificates.includes('\0'))
		throw refuse('TLS needs certificates', `Add ?${tlsParameters.certificates}=/FOLDER, a folder with ca-cert.pem, client-cert.pem and client-key.pem.`);
	return { transport: { ...transport, tls: { certificates, hostName: url.searchParams.get(tlsParameters.hostName) } }, exportName };
}

export function formatNbdUri({ transport, exportName }: NbdAddress): string {
	const name = encodeURIComponent(exportName).replaceAll('%2F', '/');
	if (transport.kind === 'unix') return `nbd+unix:///${name}?socket=${encodeURIComponent(transport.path).replaceAll('%2F', '/')}`;
	const { host, port, tls } = transport;
	const address = `${host.includes(':') ? `[${host}]` : host}:${port}/${name}`;
	if (tls === undefined) return `nbd://${address}`;
	const hostName = tls.hostName === null ? '' : `&${tlsParameters.hostName}=${encodeURIComponent(tls.hostName)}`;
	return `nbds://${address}?${tlsParameters.certificates}=${encodeURIComponent(tls.certificates).replaceAll('%2F', '/')}${hostName}`;
}
