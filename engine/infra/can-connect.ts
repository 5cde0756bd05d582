import { connect } from 'node:net';
import type { MachineAddress } from '../contract/index.ts';

const connectMs = 5000;

/** Whether somebody listens there, as far as this machine sees. Nothing is said to him. */
export function canConnect({ host, port }: MachineAddress): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ host, port, timeout: connectMs });
		const settle = (isReached: boolean): void => {
			socket.destroy();
			resolve(isReached);
		};
		socket
			.once('connect', () => settle(true))
			.once('timeout', () => settle(false))
			.on('error', () => settle(false));
	});
}
