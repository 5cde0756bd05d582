/**
 * For tests only: a thread that writes blocks 0, 1, 2 … of a disk over and over, one after the other has been acknowledged, each filled with a number that grows by
 * one; says so after each round. At any instant the disk holds an unbroken row of numbers; torn between two instants it does not.
 */
import { once } from 'node:events';
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

export type NumberedWriter = { readonly socket: string; readonly exportName: string; readonly blockBytes: number; readonly blocks: number };

const { socket: path, exportName, blockBytes, blocks } = workerData as NumberedWriter;
const port = parentPort as NonNullable<typeof parentPort>;
let isStopping = false;
port.on('message', () => {
	isStopping = true;
});

const socket = net.connect(path);
async function take(length: number): Promise<Buffer> {
	for (;;) {
		const bytes = socket.read(length) as Buffer | null;
		if (bytes !== null) return bytes;
		await once(socket, 'readable');
	}
}

await take(18);
const hello = Buffer.alloc(20 + Buffer.byteLength(exportName));
hello.writeUInt32BE(3, 0);
hello.write('IHAVEOPT', 4);
hello.writeUInt32BE(1, 12); // choose the export by its name
hello.writeUInt32BE(Buffer.byteLength(exportName), 16);
hello.write(exportName, 20);
socket.write(hello);
await take(10);

const request = Buffer.alloc(28 + blockBytes);
request.writeUInt32BE(0x2560_9513, 0);
request.writeUInt16BE(1, 6); // write
request.writeUInt32BE(blockBytes, 24);
let number = 0;
for (; !isStopping; number++) {
	request.writeBigUInt64BE(BigInt((number % blocks) * blockBytes), 16);
	for (let at = 28; at < request.length; at += 4) request.writeUInt32BE(number, at);
	socket.write(request);
	if ((await take(16)).readUInt32BE(4) !== 0) throw new Error('a write failed');
	if (number > 0 && number % blocks === 0) port.postMessage('round');
}
socket.destroy();
port.close();
