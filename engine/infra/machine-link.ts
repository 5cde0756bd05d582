import { connect, type TLSSocket } from 'node:tls';
import { EngineError, systemErrorCode } from '../base/index.ts';
import type { MachineAddress } from '../contract/index.ts';
import type { Identity } from './certificates.ts';
import { controlVersion, greeting, refuseOtherVersion } from './control-words.ts';
import { LineChannel } from './line-channel.ts';

export type LinkOptions = {
	/** Of the machine, in an administrator's words. */
	readonly name: string;
	readonly address: MachineAddress;
	/** What this side presents. */
	readonly identity: Identity;
	readonly purpose: string;
	readonly product: string;
	readonly signal?: AbortSignal | undefined;
	/** For tests. */
	readonly version?: number | undefined;
	/** Throws when who answers is not who is meant. Nothing was sent by then. */
	readonly check: (socket: TLSSocket) => void;
};

const connectMs = 15_000;
const answerMs = 60_000;

/** A conversation with a data mover: connected, checked, greeted. `connection.refused`, `connection.lost`, `auth.refused`. */
export async function openLink({ name, address, identity, purpose, product, signal, version = controlVersion, check }: LinkOptions): Promise<LineChannel> {
	const where = `${address.host}:${address.port}`;
	const limit = AbortSignal.timeout(connectMs);
	const socket = await dial(address, { identity, purpose, signal: signal ? AbortSignal.any([signal, limit]) : limit }).catch((cause: unknown) => {
		signal?.throwIfAborted();
		throw unreached(name, where, limit.aborted ? 'it does not answer' : (systemErrorCode(cause) ?? (cause as Error).message), cause);
	});
	const stop = (): void => void socket.destroy();
	signal?.addEventListener('abort', stop, { once: true });
	socket.once('close', () => signal?.removeEventListener('abort', stop));
	const channel = new LineChannel(socket, `${name} (${where})`, answerMs);
	try {
		check(socket);
		const ours = { version, product };
		channel.send(ours);
		refuseOtherVersion(ours, await channel.receive(greeting), name);
		return channel;
	} catch (error) {
		socket.destroy();
		signal?.throwIfAborted();
		throw error;
	}
}

type Dialling = { readonly identity: Identity; readonly purpose: string; readonly signal: AbortSignal };

function dial({ host, port }: MachineAddress, { identity, purpose, signal }: Dialling): Promise<TLSSocket> {
	return new Promise((resolve, reject) => {
		signal.throwIfAborted();
		const socket = connect({
			host,
			port,
			cert: identity.certificate,
			key: identity.key,
			minVersion: 'TLSv1.3',
			ALPNProtocols: [purpose],
			// machines are known by the id in their certificate, wherever they are: `check` looks at it
			rejectUnauthorized: false,
		});
		const onAbort = (): void => void socket.destroy(new Error('given up'));
		signal.addEventListener('abort', onAbort, { once: true });
		socket.on('error', reject); // stays: what comes later is heard by who reads
		socket.once('secureConnect', () => {
			signal.removeEventListener('abort', onAbort);
			resolve(socket);
		});
	});
}

const unreached = (name: string, where: string, why: string, cause: unknown): EngineError =>
	new EngineError('connection.refused', `The data mover ${name} cannot be reached at ${where} (${why}).`, {
		hint: 'Start it there with "holdfast mover start", and check address, port and firewall.',
		cause,
	});
