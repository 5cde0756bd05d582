import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { systemClock } from '../../../base/index.ts';
import { ConnectionEnded, SocketReader } from '../socket-reader.ts';
import type { NbdTransport } from '../uri.ts';
import type { NbdDevice } from './device.ts';
import { type Agreement, haggle, readClientFlags, sayHello } from './negotiation.ts';
import { serveRequests } from './transmission.ts';

export type NbdServerOptions = {
	/**
	 * Clients must present a certificate of this authority (PEM), which names `peer` if that is given, and are not told anything before; without it, whoever can connect may
	 * read and write.
	 */
	readonly tls?: { readonly certificate: string; readonly key: string; readonly authority: string; readonly peer?: string };
	/** A client that has not chosen an export by then is sent away. */
	readonly handshakeMs?: number;
};

const defaultHandshakeMs = 30_000;
const maxClients = 256;
/** Bytes that Node takes off a socket at a time. */
const readAheadBytes = 1024 * 1024;

/**
 * Serves what is in `exports`, which may change at any time: an export that is taken out of it cannot be opened any more, and `hangUp` ends those who have.
 * Requests of all clients are done one after the other: nobody sees half of another's write.
 */
export class NbdServer {
	readonly #exports: ReadonlyMap<string, NbdDevice>;
	readonly #options: NbdServerOptions;
	readonly #context: tls.SecureContext | null;
	readonly #server: net.Server;
	readonly #clients = new Map<net.Socket, string | null>();

	constructor(exports: ReadonlyMap<string, NbdDevice>, options: NbdServerOptions = {}) {
		this.#exports = exports;
		this.#options = options;
		const { tls: identity } = options;
		this.#context = identity ? tls.createSecureContext({ cert: identity.certificate, key: identity.key, ca: identity.authority, minVersion: 'TLSv1.2' }) : null;
		this.#server = net.createServer({ noDelay: true, highWaterMark: readAheadBytes }, (socket) => void this.#serve(socket));
		this.#server.maxConnections = maxClients;
	}

	/** @returns where it listens; a port of 0 is replaced by one that is free */
	async listen(at: NbdTransport): Promise<NbdTransport> {
		this.#server.listen(at.kind === 'unix' ? { path: at.path } : { host: at.host, port: at.port });
		await once(this.#server, 'listening');
		const address = this.#server.address();
		return at.kind === 'tcp' && address !== null && typeof address === 'object' ? { ...at, port: address.port } : at;
	}

	/** Ends the connections of all who have opened an export. */
	hangUp(exportName: string): void {
		for (const [socket, name] of this.#clients) if (name === exportName) socket.destroy();
	}

	clientCount(exportName: string): number {
		return [...this.#clients.values()].filter((name) => name === exportName).length;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (!this.#server.listening) return;
		this.#server.close();
		for (const socket of this.#clients.keys()) socket.destroy();
		await once(this.#server, 'close');
	}

	async #serve(socket: net.Socket): Promise<void> {
		this.#clients.set(socket, null);
		socket.on('close', () => this.#clients.delete(socket)).on('error', () => socket.destroy());
		const impatient = setTimeout(() => socket.destroy(), this.#options.handshakeMs ?? defaultHandshakeMs);
		try {
			const { stream, reader, agreement } = await this.#negotiate(socket);
			clearTimeout(impatient);
			this.#clients.set(socket, agreement.name);
			await serveRequests(reader, (bytes) => sendTo(stream, bytes), agreement);
		} catch (error) {
			if (!(error instanceof ConnectionEnded)) throw error;
		} finally {
			clearTimeout(impatient);
			socket.destroySoon();
		}
	}

	/** Of a socket that TLS is begun on, Node checks no certificate. @throws ConnectionEnded */
	async #meet(socket: net.Socket, secure: tls.TLSSocket): Promise<void> {
		await new Promise<void>((resolve, reject) => {
			const fail = (): void => reject(new ConnectionEnded('no TLS came about'));
			secure.once('secure', resolve).once('close', fail);
			socket.once('close', fail);
		});
		const { authority, peer } = this.#options.tls as NonNullable<NbdServerOptions['tls']>;
		const issuer = new X509Certificate(authority);
		const certificate = secure.getPeerX509Certificate();
		const now = systemClock.now();
		const isGood =
			certificate?.checkIssued(issuer) &&
			certificate.verify(issuer.publicKey) &&
			certificate.validFromDate.getTime() <= now &&
			now <= certificate.validToDate.getTime();
		if (!isGood || (peer !== undefined && secure.getPeerCertificate().subject.CN !== peer)) throw new ConnectionEnded('not a client of ours');
	}

	async #negotiate(socket: net.Socket): Promise<{ stream: net.Socket; reader: SocketReader; agreement: Agreement }> {
		const talk = (stream: net.Socket, reader: SocketReader, state: 'offered' | 'established' | null, noPadding: boolean): Promise<Agreement | 'start-tls'> =>
			haggle({ reader, send: (bytes) => void stream.write(bytes), exports: this.#exports, tls: state }, noPadding);
		const reader = new SocketReader(socket);
		sayHello((bytes) => void socket.write(bytes));
		const noPadding = await readClientFlags(reader);
		const first = await talk(socket, reader, this.#context ? 'offered' : null, noPadding);
		if (first !== 'start-tls') return { stream: socket, reader, agreement: first };
		// What was sent in clear must not be taken for something that was said under TLS
		if (!reader.release()) throw new ConnectionEnded('spoke before TLS began');
		const secure = new tls.TLSSocket(socket, {
			isServer: true,
			secureContext: this.#context as tls.SecureContext,
			requestCert: true,
			rejectUnauthorized: true, // only that there is one: whose it is, is looked at below
		});
		secure.on('error', () => socket.destroy());
		await this.#meet(socket, secure);
		const secureReader = new SocketReader(secure);
		const second = await talk(secure, secureReader, 'established', noPadding);
		if (second === 'start-tls') throw new ConnectionEnded('TLS within TLS');
		return { stream: secure, reader: secureReader, agreement: second };
	}
}

/** Resolves once the client has taken enough off the line. */
async function sendTo(stream: net.Socket, bytes: Uint8Array): Promise<void> {
	if (stream.destroyed) throw new ConnectionEnded();
	if (stream.write(bytes)) return;
	await new Promise<void>((resolve) => {
		const settle = (): void => {
			stream.off('drain', settle).off('close', settle);
			resolve();
		};
		stream.on('drain', settle).on('close', settle);
	});
}
