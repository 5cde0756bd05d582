/**
 * The thread that serves devices and their snapshots. Everything that touches a device happens here, one thing after the other: a snapshot of several
 * devices lies between the same two writes.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert, assertNever, EngineError, systemClock, toErrorShape } from '../../../base/index.ts';
import { CowDevice, type CowSnapshot, type NbdDevice, NbdServer } from '../../../block/index.ts';
import { openPlatform } from '../../../platform/index.ts';
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

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const { socketPath, folder } = workerData as ServeSetup;
const leastCacheBytes = 256 * 2 ** 20;
const cachePrefix = 'holdfast-cache-';

type Served = { readonly settings: DeviceToServe; readonly device: CowDevice; readonly snapshots: Map<string, CowSnapshot> };

const served = new Map<string, Served>();
const exports = new Map<string, NbdDevice>();
const server = new NbdServer(exports);
const platform = openPlatform();

mkdirSync(folder, { recursive: true, mode: 0o700 });
rmSync(socketPath, { force: true }); // of an engine that died: this one holds the data folder
const listening = server.listen({ kind: 'unix', path: socketPath });

const snapshotExport = (name: string, leaseId: string): string => `${name}@${leaseId}`;

/** A cache is removed as soon as it is open; a crash between the two leaves its name. */
function removeCaches(from: string): void {
	for (const name of readdirSync(from)) if (name.startsWith(cachePrefix)) rmSync(join(from, name), { force: true });
}

function serve(settings: DeviceToServe): void {
	if (served.has(settings.id)) return;
	const cacheFolder = settings.cacheFolder ?? folder;
	mkdirSync(cacheFolder, { recursive: true, mode: 0o700 });
	removeCaches(cacheFolder);
	const device = new CowDevice({ path: settings.path, changeLogPath: changeLogPath(folder, settings.id), platform });
	served.set(settings.id, { settings, device, snapshots: new Map() });
	exports.set(settings.name, device);
}

function stop(deviceId: string): void {
	const found = served.get(deviceId);
	if (found === undefined) return;
	for (const leaseId of found.snapshots.keys()) release(leaseId);
	exports.delete(found.settings.name);
	server.hangUp(found.settings.name);
	served.delete(deviceId);
	found.device.close();
}

function takeSnapshots(items: readonly SnapshotToTake[]): TakenSnapshot[] {
	try {
		return items.map(({ leaseId, deviceId }) => {
			const found = served.get(deviceId);
			if (found === undefined) throw new EngineError('snapshot.failed', 'The device is not served any more.');
			const { settings, device, snapshots } = found;
			const snapshot = device.snapshot({
				name: settings.name,
				cachePath: join(settings.cacheFolder ?? folder, `${cachePrefix}${leaseId}`),
				cacheLimitBytes: settings.cacheLimitBytes ?? Math.max(leastCacheBytes, device.sizeBytes / 5),
			});
			snapshots.set(leaseId, snapshot);
			const exportName = snapshotExport(settings.name, leaseId);
			exports.set(exportName, snapshot);
			return { exportName, token: snapshot.token, createdAt: systemClock.now() };
		});
	} catch (error) {
		for (const { leaseId } of items) release(leaseId);
		throw error;
	}
}

function release(leaseId: string): void {
	for (const { settings, device, snapshots } of served.values()) {
		const snapshot = snapshots.get(leaseId);
		if (snapshot === undefined) continue;
		const exportName = snapshotExport(settings.name, leaseId);
		exports.delete(exportName);
		server.hangUp(exportName);
		snapshots.delete(leaseId);
		device.release(snapshot);
	}
}

const states = (): DeviceState[] =>
	[...served].map(([id, { settings, device, snapshots }]) => ({
		id,
		sizeBytes: device.sizeBytes,
		clients: server.clientCount(settings.name),
		snapshots: [...snapshots].map(([leaseId, { cachedBytes, failure }]) => ({ leaseId, cachedBytes, failure: failure?.shape ?? null })),
	}));

async function close(): Promise<void> {
	await server[Symbol.asyncDispose]();
	for (const deviceId of served.keys()) stop(deviceId);
	port.close();
}

async function answer(request: ServeRequest): Promise<unknown> {
	if (request.kind !== 'close') await listening;
	switch (request.kind) {
		case 'serve':
			return serve(request.device);
		case 'stop':
			return stop(request.deviceId);
		case 'snapshot':
			return takeSnapshots(request.items);
		case 'release':
			return release(request.leaseId);
		case 'states':
			return states();
		case 'close':
			return close();
		default:
			return assertNever(request);
	}
}

listening.catch(() => undefined); // said to whoever asks for something
port.on('message', ({ id, request }: ServeMessage) => {
	const send = (message: ServeAnswer): void => port.postMessage(message);
	answer(request).then(
		(result) => send({ id, result }),
		(error: unknown) => send({ id, failure: toErrorShape(error) }),
	);
});
