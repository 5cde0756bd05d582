import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { EngineError, startThread, systemErrorCode } from '../../../base/index.ts';
import { brokenProtocol, connectError } from '../nbd-error.ts';
import type { NbdTls, NbdTransport } from '../uri.ts';

export type TunnelSetup = {
	readonly host: string;
	readonly port: number;
	/** PEM. */
	readonly identity: { readonly ca: string; readonly cert: string; readonly key: string };
	/** Name that the certificate of the server must bear. */
	readonly hostName: string;
	/** Where the near end is connected to, once. */
	readonly socketPath: string;
	/** One i32 that becomes 1 when `report` was told. */
	readonly told: SharedArrayBuffer;
	readonly report: MessagePort;
};

/** `refused`: the server has no TLS. `distrust`: one of the two sides is not who the other one expects. */
export type TunnelReport =
	| { readonly isReady: true }
	| { readonly isReady: false; readonly why: 'connect' | 'protocol' | 'refused' | 'distrust'; readonly message: string; readonly code: string | undefined };

/** The other side has ten seconds; the thread that talks to it has to start as well. */
const openMs = 30_000;

/**
 * TLS to an NBD server, for a thread that waits for its reads: another thread does the cryptography, and is talked to over a socket that only this account can reach. It
 * is for one connection, which is made before this is disposed; the thread ends with it.
 * @throws `source.missing`, `source.refused`, `source.unsupported`, `source.unreadable`
 */
export function openTunnel(uri: string, { host, port, tls }: TlsTransport): Disposable & { readonly path: string } {
	const identity = readIdentity(uri, tls);
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'));
	const remove = (): void => rmSync(folder, { recursive: true, force: true });
	try {
		const path = join(folder, 'socket');
		const told = new SharedArrayBuffer(4);
		const { port1: near, port2: report } = new MessageChannel();
		const setup: TunnelSetup = { host, port, identity, hostName: tls.hostName ?? host, socketPath: path, told, report };
		const thread = startThread(new URL('./tunnel-thread.ts', import.meta.url), setup, [report]);
		thread.on('error', () => undefined); // what it has not told by then is that it failed
		thread.unref();
		Atomics.wait(new Int32Array(told), 0, 0, openMs);
		const said = receiveMessageOnPort(near)?.message as TunnelReport | undefined;
		near.close();
		if (said?.isReady !== true) throw explain(uri, said);
		return { path, [Symbol.dispose]: remove };
	} catch (error) {
		remove();
		throw error;
	}
}

type TlsTransport = Extract<NbdTransport, { kind: 'tcp' }> & { readonly tls: NbdTls };

function readIdentity(uri: string, { certificates }: NbdTls): TunnelSetup['identity'] {
	const read = (name: string): string => readFileSync(join(certificates, name), 'utf8');
	try {
		return { ca: read('ca-cert.pem'), cert: read('client-cert.pem'), key: read('client-key.pem') };
	} catch (cause) {
		throw new EngineError('source.unreadable', `The certificates for ${uri} cannot be read (${systemErrorCode(cause) ?? 'unknown reason'}).`, {
			hint: `${certificates} must hold ca-cert.pem, client-cert.pem and client-key.pem.`,
			cause,
		});
	}
}

function explain(uri: string, said: Extract<TunnelReport, { isReady: false }> | undefined): EngineError {
	if (said === undefined) return connectError(uri, Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }));
	const { why, message, code } = said;
	switch (why) {
		case 'connect':
			return connectError(uri, Object.assign(new Error(message), code === undefined ? {} : { code }));
		case 'protocol':
			return brokenProtocol(uri, message);
		case 'refused':
			return new EngineError('source.unsupported', `The NBD server at ${uri} does not speak TLS.`, {
				hint: 'Give it a certificate, or use nbd:// inside a network that you trust.',
			});
		case 'distrust':
			return new EngineError('source.refused', `The NBD server at ${uri} did not prove who it is, or does not accept this machine: ${message}.`, {
				hint: 'Both certificates must be of the same authority, and the one of the server bear its name.',
			});
	}
}
