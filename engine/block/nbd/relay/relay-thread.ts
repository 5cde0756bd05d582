/** The thread of a relay. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, EngineError, threadHasLoaded, toErrorShape } from '../../../base/index.ts';
import { openPlatform } from '../../../platform/index.ts';
import type { BlockSource } from '../../block-source.ts';
import { findBitLocker } from '../../filesystems/index.ts';
import { openBlockSource } from '../../open-block-source.ts';
import { NbdSource, openNbdSource } from '../client/nbd-source.ts';
import type { NbdDevice } from '../server/device.ts';
import { NbdServer } from '../server/nbd-server.ts';
import { isNbdUri, parseNbdUri } from '../uri.ts';
import { listenOnFree } from './listen-on-free.ts';
import type { RelayReport, RelaySetup } from './relay.ts';

assert(parentPort, 'this file is a worker thread');
const port = parentPort;
const { host, ports, tls, exports } = workerData as RelaySetup;
/** Shorter than what readers wait: others than the one whose source hangs are still served in time. */
const silenceMs = 20_000;

const platform = openPlatform();
threadHasLoaded();

const open = (source: string): BlockSource =>
	isNbdUri(source) ? openNbdSource(parseNbdUri(source), { withAllContexts: true, silenceMs, platform }) : openBlockSource(source, { format: 'raw', platform });

const asDevice = (source: BlockSource): NbdDevice => ({
	sizeBytes: source.sizeBytes,
	...(source instanceof NbdSource && {
		contexts: new Map(source.contexts.map((name) => [name, (offsetBytes: number, lengthBytes: number) => source.describe(name, offsetBytes, lengthBytes)])),
	}),
	readSync(target, offsetBytes) {
		const count = source.readSync(target, offsetBytes);
		if (count < target.byteLength) throw new EngineError('source.unreadable', `The source became shorter than ${offsetBytes + target.byteLength} bytes.`);
	},
});

const listen = (server: NbdServer): Promise<number> =>
	listenOnFree(host, ports, async (candidate) => {
		const at = await server.listen({ kind: 'tcp', host, port: candidate });
		return at.kind === 'tcp' ? at.port : candidate;
	});

/** VAL-21 */
function refuseEncrypted(source: BlockSource): void {
	const encrypted = findBitLocker(source);
	if (encrypted === null) return;
	throw new EngineError('source.unsupported', `BitLocker has encrypted ${encrypted}: it is not read by another machine.`, {
		hint: 'Leave it out, or choose the mode on-host.',
	});
}

const sources: BlockSource[] = [];
const devices = new Map<string, NbdDevice>();
const server = new NbdServer(devices, { tls });
const close = async (): Promise<void> => {
	await server[Symbol.asyncDispose]();
	for (const source of sources) source.close();
	port.close();
};
port.on('message', () => void close());
try {
	for (const { name, source, isVolume = false } of exports) {
		const opened = open(source);
		sources.push(opened);
		if (isVolume) refuseEncrypted(opened);
		devices.set(name, asDevice(opened));
	}
	port.postMessage({ port: await listen(server) } satisfies RelayReport);
} catch (error) {
	port.postMessage({ failure: toErrorShape(error) } satisfies RelayReport);
}
