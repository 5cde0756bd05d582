/**
 * For tests only: a thread that serves recordings. A client that blocks its own thread is answered from here. Each connection takes the next message: either
 * the socket of a real server, whose every byte is then passed on and posted as a recording when the client leaves, or the bytes to be said.
 */
import net from 'node:net';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

export type NextConnection = { readonly relayTo: string } | { readonly say: Uint8Array };

const port = parentPort as NonNullable<typeof parentPort>;

const server = net.createServer((client) => {
	client.on('error', () => client.destroy());
	// Was posted before the client connected, so that it is here
	const next = receiveMessageOnPort(port)?.message as NextConnection;
	if ('say' in next) {
		client.resume();
		client.end(next.say);
		return;
	}
	const said: Buffer[] = [];
	const upstream = net.connect(next.relayTo);
	upstream.on('data', (bytes: Buffer) => said.push(bytes));
	upstream.pipe(client);
	client.pipe(upstream);
	upstream.on('close', () => port.postMessage(Buffer.concat(said)));
});
server.listen(workerData as string, () => port.postMessage('listening'));
