/**
 * The thread of a tunnel: TLS on one side, a socket of this machine on the other. It loads next to nothing, since a run waits for one after the other to start; and no
 * native code, so that it may end at any time.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { workerData } from 'node:worker_threads';
import { handshakeFlag, initMagic, option, optionMagic, optionReply, optionReplyMagic } from '../protocol.ts';
import { SocketReader } from '../socket-reader.ts';
import type { TunnelReport, TunnelSetup } from './tunnel.ts';

const setup = workerData as TunnelSetup;
const openMs = 10_000;
/** A reason that a server gives for its refusal. */
const maxWordsBytes = 65_536;

type Failure = Extract<TunnelReport, { isReady: false }>;
class Trouble extends Error {
	readonly why: Failure['why'];

	constructor(why: Failure['why'], message: string) {
		super(message);
		this.why = why;
	}
}

function tell(report: TunnelReport): void {
	setup.report.postMessage(report);
	setup.report.close();
	const told = new Int32Array(setup.told);
	Atomics.store(told, 0, 1);
	Atomics.notify(told, 0);
}

async function connect(): Promise<net.Socket> {
	const socket = net.connect({ host: setup.host, port: setup.port, noDelay: true });
	socket.setTimeout(openMs, () => socket.destroy(Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' })));
	await once(socket, 'connect');
	return socket;
}

/** What is said in clear: the greeting, and that TLS is wanted. @returns the greeting, and the flags that it was answered with */
async function askForTls(socket: net.Socket): Promise<{ hello: Buffer; flags: Buffer }> {
	const reader = new SocketReader(socket);
	const take = (length: number): Promise<Buffer> =>
		reader.take(length).catch(() => {
			throw new Trouble('protocol', 'it hangs up in the middle of its greeting');
		});
	const hello = await take(18);
	if (hello.readBigUInt64BE(0) !== initMagic || hello.readBigUInt64BE(8) !== optionMagic) throw new Trouble('protocol', 'it does not greet as one');
	const flags = Buffer.alloc(4);
	flags.writeUInt32BE(handshakeFlag.fixedNewstyle | (hello.readUInt16BE(16) & handshakeFlag.noZeroes));
	const question = Buffer.alloc(16);
	question.writeBigUInt64BE(optionMagic, 0);
	question.writeUInt32BE(option.startTls, 8);
	socket.write(Buffer.concat([flags, question]));
	const answer = await take(20);
	if (answer.readBigUInt64BE(0) !== optionReplyMagic || answer.readUInt32BE(8) !== option.startTls)
		throw new Trouble('protocol', 'it answers something else than whether it speaks TLS');
	if (answer.readUInt32BE(12) !== optionReply.ack) throw new Trouble('refused', 'no TLS');
	if (answer.readUInt32BE(16) > maxWordsBytes) throw new Trouble('protocol', 'it has too much to say about TLS');
	await take(answer.readUInt32BE(16));
	// What was sent in clear must not be taken for something that was said under TLS
	if (!reader.release()) throw new Trouble('protocol', 'it goes on in clear');
	return { hello, flags };
}

async function encrypt(socket: net.Socket): Promise<tls.TLSSocket> {
	const { hostName, identity } = setup;
	const secure = tls.connect({
		...identity,
		socket,
		minVersion: 'TLSv1.2',
		...(net.isIP(hostName) === 0 && { servername: hostName }),
		checkServerIdentity: (_, certificate) => tls.checkServerIdentity(hostName, certificate),
	});
	try {
		await once(secure, 'secureConnect');
	} catch (error) {
		throw new Trouble('distrust', error instanceof Error ? error.message : String(error));
	}
	return secure;
}

/** Lets the near end in, which is greeted as the server has greeted, and goes on with the server from there. */
async function join(secure: tls.TLSSocket, { hello, flags }: { readonly hello: Buffer; readonly flags: Buffer }): Promise<void> {
	const server = net.createServer({ highWaterMark: 1024 * 1024 });
	server.listen(setup.socketPath);
	await once(server, 'listening');
	const impatient = setTimeout(() => {
		server.close();
		secure.destroy();
	}, openMs);
	server.once('connection', async (near: net.Socket) => {
		clearTimeout(impatient);
		server.close();
		const end = (): void => {
			near.destroy();
			secure.destroy();
		};
		near.on('error', end).on('close', end);
		secure.on('error', end).on('close', end);
		near.write(hello);
		const reader = new SocketReader(near);
		const answer = await reader.take(4).catch(() => null);
		if (answer === null || !answer.equals(flags)) return end();
		reader.release();
		near.pipe(secure);
		secure.pipe(near);
	});
	tell({ isReady: true });
}

let socket: net.Socket | undefined;
try {
	socket = await connect();
	const greeting = await askForTls(socket);
	const secure = await encrypt(socket);
	socket.setTimeout(0);
	await join(secure, greeting);
} catch (error) {
	socket?.destroy();
	const message = error instanceof Error ? error.message : String(error);
	tell({ isReady: false, why: error instanceof Trouble ? error.why : 'connect', message, code: (error as NodeJS.ErrnoException).code });
}
