/** For tests only: two sides joined by loopback sockets, through a proxy that treats them badly. */
import assert from 'node:assert/strict';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Clock } from '../../base/index.ts';
import type { Connect } from './client.ts';
import { type HostOptions, WireHost } from './host.ts';
import { RepositoryHost } from './repository-host.ts';

export { runBackup } from '../backup-task.ts';

type Random = (below: number) => number;

/** More than both sides need to greet each other. */
const greetingBytes = 2000;

export type Trouble = {
	/** Cuts each connection after so many bytes, both directions together; drawn anew for every connection. */
	readonly cutAfter?: (() => number) | undefined;
	/** Flips a bit in a byte at about every so many bytes, once a connection has been greeted. */
	readonly flipEvery?: number | undefined;
	/** Each way takes this long. */
	readonly delayMs?: number | undefined;
	readonly random: Random;
};

/** Timers of the same length keep their order. */
function late(to: Socket, part: Buffer, delayMs: number): true {
	setTimeout(() => !to.destroyed && to.write(part), delayMs);
	return true;
}

const listen = (server: Server): Promise<number> =>
	new Promise((resolve) =>
		server.listen(0, '127.0.0.1', () => {
			const address = server.address();
			resolve(typeof address === 'object' && address ? address.port : 0);
		}),
	);

/** Stands between two sides. It counts what it does, so that a test can tell that something was done. */
export class BadProxy {
	cuts = 0;
	flips = 0;
	bytes = 0;
	/** False: no connection is let through any more. */
	isOpen = true;
	port = 0;
	readonly #targetPort: number;
	readonly #trouble: Trouble;
	readonly #sockets = new Set<Socket>();

	private constructor(targetPort: number, trouble: Trouble) {
		this.#targetPort = targetPort;
		this.#trouble = trouble;
	}

	static async open(t: TestContext, targetPort: number, trouble: Trouble): Promise<BadProxy> {
		const proxy = new BadProxy(targetPort, trouble);
		const server = createServer((socket) => proxy.#join(socket));
		proxy.port = await listen(server);
		t.after(() => {
			server.close();
			proxy.cutAll();
		});
		return proxy;
	}

	cutAll(): void {
		if (this.#sockets.size > 0) this.cuts++;
		for (const socket of this.#sockets) socket.destroy();
	}

	#join(near: Socket): void {
		if (!this.isOpen) {
			near.destroy();
			return;
		}
		const far = connectSocket(this.#targetPort, '127.0.0.1');
		let left = this.#trouble.cutAfter?.() ?? Number.POSITIVE_INFINITY;
		const close = (): void => {
			near.destroy();
			far.destroy();
		};
		const pass = (from: Socket, to: Socket): void => {
			let passed = 0;
			this.#sockets.add(from);
			from.on('data', (bytes) => {
				this.bytes += bytes.byteLength;
				const part = bytes.subarray(0, Math.max(0, Math.min(bytes.byteLength, left)));
				if (passed > greetingBytes) this.#flip(part);
				passed += bytes.byteLength;
				left -= bytes.byteLength;
				const { delayMs = 0 } = this.#trouble;
				const hasRoom = delayMs === 0 ? to.write(part) : late(to, part, delayMs);
				if (left < 0) {
					if (!from.destroyed) this.cuts++;
					close();
				} else if (!hasRoom) {
					from.pause();
					to.once('drain', () => from.resume());
				}
			});
			from.on('error', close);
			from.on('close', () => {
				this.#sockets.delete(from);
				setTimeout(close, this.#trouble.delayMs ?? 0); // after what it has said
			});
		};
		pass(near, far);
		pass(far, near);
	}

	#flip(bytes: Buffer): void {
		const { flipEvery, random } = this.#trouble;
		if (!flipEvery || bytes.byteLength === 0 || random(flipEvery) >= bytes.byteLength) return;
		this.flips++;
		const at = random(bytes.byteLength);
		bytes[at] = (bytes[at] as number) ^ (1 << random(8));
	}
}

export const connectTo =
	(port: number): Connect =>
	({ signal }) =>
		new Promise((resolve, reject) => {
			const socket = connectSocket({ port, host: '127.0.0.1', signal });
			socket.once('connect', () => {
				socket.off('error', reject);
				resolve(socket);
			});
			socket.once('error', reject);
		});

/** A listening host. @returns its port */
export async function hostOn(t: TestContext, options: Omit<HostOptions, 'product'> & { readonly product?: string }): Promise<{ host: WireHost; port: number }> {
	const host = new WireHost({ product: '1.0.0', ...options });
	const server = createServer((socket) => host.accept(socket, 'tester'));
	const port = await listen(server);
	t.after(async () => {
		server.close();
		await host[Symbol.asyncDispose]();
	});
	return { host, port };
}

/** A host of repositories that lets everybody into every folder. */
export const hostRepositories = (t: TestContext, clock?: Clock): Promise<{ host: WireHost; port: number }> => {
	const repositories = new RepositoryHost({ admit: (_, path) => path, work: async () => assert.fail('nothing was asked to be done here'), machine: null });
	return hostOn(t, { serve: (peer, session) => repositories.serve(peer, session), clock });
};
