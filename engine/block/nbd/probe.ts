import net from 'node:net';
import type { EngineError } from '../../base/index.ts';
import { connectError } from './nbd-error.ts';
import { parseNbdUri } from './uri.ts';

const connectMs = 10_000;

/** Whether somebody answers at the address of an export at all, without waiting in a thread. @returns what is wrong, or null */
export async function probeNbd(uri: string): Promise<EngineError | null> {
	try {
		const { transport } = parseNbdUri(uri);
		const socket = transport.kind === 'unix' ? net.connect(transport.path) : net.connect(transport.port, transport.host);
		try {
			await new Promise<void>((resolve, reject) => {
				socket.once('connect', resolve).once('error', reject);
				socket.setTimeout(connectMs, () => reject(Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' })));
			});
		} finally {
			socket.destroy();
		}
		return null;
	} catch (error) {
		return connectError(uri, error);
	}
}
