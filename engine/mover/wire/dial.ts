import { connect as connectTls } from 'node:tls';
import { EngineError, systemErrorCode } from '../../base/index.ts';
import type { Connect } from './client.ts';
import type { MoverAddress } from './place.ts';

/** Connects by TLS 1.3 with certificates on both sides. */
export const dial =
	({ name, host, port, certificate, key, authority, peerId }: MoverAddress): Connect =>
	({ signal }) =>
		new Promise((resolve, reject) => {
			const socket = connectTls({
				host,
				port,
				cert: certificate,
				key,
				ca: authority,
				minVersion: 'TLSv1.3',
				// movers are known by the id under which they were paired, wherever they are now
				checkServerIdentity: (_, { subject }) => (subject.CN === peerId ? undefined : new Error(`it presents itself as ${String(subject.CN)}`)),
			});
			const onAbort = (): void => void socket.destroy(signal.reason);
			const settle = (act: () => void): void => {
				signal.removeEventListener('abort', onAbort);
				socket.off('error', onError);
				act();
			};
			const onError = (cause: Error): void => settle(() => reject(signal.aborted ? signal.reason : dialError(name, `${host}:${port}`, cause)));
			socket.once('error', onError);
			socket.once('secureConnect', () => settle(() => resolve(socket)));
			signal.addEventListener('abort', onAbort, { once: true });
			if (signal.aborted) onAbort();
		});

function dialError(name: string, address: string, cause: Error): EngineError {
	const code = systemErrorCode(cause);
	if (code === 'ECONNREFUSED' || code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
		return new EngineError('connection.refused', `The data mover ${name} cannot be reached at ${address} (${code}).`, {
			hint: 'Start it there with "holdfast mover start", and check address, port and firewall.',
			data: { nobodyListens: code === 'ECONNREFUSED' },
			cause,
		});
	if (code === 'ECONNRESET' || code === 'EPIPE')
		return new EngineError('connection.lost', `The data mover ${name} at ${address} closed the connection.`, { cause });
	return new EngineError('auth.refused', `The data mover ${name} at ${address} did not prove who it is, or does not accept this machine: ${cause.message}`, {
		hint: 'Pair it again.',
		cause,
	});
}
