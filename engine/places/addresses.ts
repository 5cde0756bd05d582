import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Link } from '../mover/index.ts';

/**
 * The addresses that this machine and another one have for each other. Nothing is sent: joining a datagram socket with an address only asks the
 * operating system for the way there. Empty where there is none; then whoever connects says why.
 */
export async function addressesTowards({ host, port }: { readonly host: string; readonly port: number }): Promise<Link> {
	try {
		const { address, family } = await lookup(host);
		const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
		try {
			await new Promise<void>((resolve, reject) => {
				socket.once('error', reject);
				socket.connect(port, address, resolve);
			});
			return { local: [socket.address().address], remote: [address] };
		} finally {
			socket.close();
		}
	} catch {
		return { local: [], remote: [] };
	}
}
