import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { EngineError, startThread } from '../../../base/index.ts';
import { formatNbdUri, maxSocketPathBytes } from '../../../block/index.ts';
import {
	changeLogPath,
	type DeviceState,
	type DeviceToServe,
	type ServeAnswer,
	type ServeMessage,
	type ServeRequest,
	type ServeSetup,
	type SnapshotToTake,
	type TakenSnapshot,
} from './protocol.ts';

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void };

const closeMs = 10_000;

/** The devices that are served here, as the engine's main thread sees them. Their thread starts with the first one, and does not keep the process alive. */
export class ServedDevices implements AsyncDisposable {
	readonly #setup: ServeSetup;
	readonly #served = new Map<string, DeviceToServe & { readonly realPath: string }>();
	#worker: Worker | null = null;
	readonly #waiting = new Map<number, Waiting>();
	#nextId = 0;

	/** @param folder the data folder: logs of changes, caches and the socket lie in it */
	constructor(folder: string) {
		this.#setup = { folder: join(folder, 'devices'), socketPath: join(folder, 'devices.sock') };
	}

	/** Where a client finds an export. */
	uri(exportName: string): string {
		return formatNbdUri({ transport: { kind: 'unix', path: this.#setup.socketPath }, exportName });
	}

	/** Under its path, or the address of its live export, as a job names it. */
	find(path: string): DeviceToServe | undefined {
		return [...this.#served.values()].find((device) => [device.path, device.realPath, this.uri(device.name)].includes(path));
	}

	/** @throws `source.*`, `busy.device`, `data-folder.unusable` */
	async serve(device: DeviceToServe): Promise<void> {
		if (Buffer.byteLength(this.#setup.socketPath) > maxSocketPathBytes)
			throw new EngineError('data-folder.unusable', `Devices cannot be served from ${this.#setup.socketPath}: the path is too long for a socket.`, {
				hint: 'Use a data folder with a shorter path.',
			});
		await this.#ask({ kind: 'serve', device });
		this.#served.set(device.id, { ...device, realPath: await realpath(device.path) });
	}

	/** For good: snapshots of it are lost, and what has changed is forgotten. One that is not served is no error. */
	async stop(deviceId: string): Promise<void> {
		if (this.#served.delete(deviceId)) await this.#ask({ kind: 'stop', deviceId });
		await rm(changeLogPath(this.#setup.folder, deviceId), { force: true });
	}

	/** All at one instant, or none. @throws `snapshot.failed` and what a full disk says */
	snapshot(items: readonly SnapshotToTake[]): Promise<readonly TakenSnapshot[]> {
		return this.#ask({ kind: 'snapshot', items }) as Promise<readonly TakenSnapshot[]>;
	}

	async release(leaseId: string): Promise<void> {
		if (this.#worker !== null) await this.#ask({ kind: 'release', leaseId });
	}

	async states(): Promise<readonly DeviceState[]> {
		return this.#worker === null ? [] : ((await this.#ask({ kind: 'states' })) as DeviceState[]);
	}

	#ask(request: ServeRequest): Promise<unknown> {
		const worker = this.#start();
		const id = this.#nextId++;
		const { promise, resolve, reject } = Promise.withResolvers<unknown>();
		this.#waiting.set(id, { resolve, reject });
		worker.ref();
		worker.postMessage({ id, request } satisfies ServeMessage);
		return promise.finally(() => {
			this.#waiting.delete(id);
			if (this.#waiting.size === 0) worker.unref();
		});
	}

	#start(): Worker {
		if (this.#worker) return this.#worker;
		const worker = startThread(new URL('./serve-thread.ts', import.meta.url), this.#setup);
		worker.on('message', (answer: ServeAnswer) => {
			const waiting = this.#waiting.get(answer.id);
			if ('failure' in answer) waiting?.reject(EngineError.from(answer.failure));
			else waiting?.resolve(answer.result);
		});
		worker.on('error', (error) => this.#lost(error));
		worker.on('exit', () => this.#lost(new EngineError('internal', 'The thread that serves devices has ended.')));
		worker.unref();
		this.#worker = worker;
		return worker;
	}

	#lost(error: unknown): void {
		this.#worker = null;
		this.#served.clear();
		for (const { reject } of this.#waiting.values()) reject(error);
	}

	/** What was written is stable, and what has changed is remembered. */
	async [Symbol.asyncDispose](): Promise<void> {
		const worker = this.#worker;
		if (worker === null) return;
		worker.ref();
		const ended = new Promise((resolve) => worker.once('exit', resolve));
		const limit = setTimeout(() => void worker.terminate(), closeMs);
		this.#ask({ kind: 'close' }).catch(() => undefined); // it is over either way
		await ended;
		clearTimeout(limit);
	}
}
