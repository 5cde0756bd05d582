import type { Capability, SocketPort } from './port.ts';
import { unsupported } from './system-error.ts';

/** For systems whose adapter does not connect sockets yet. */
export const noSockets: SocketPort = {
	connect() {
		throw unsupported({ syscall: 'connect' });
	},
	close: () => undefined,
};

export const noSocketsLimit = (system: string): Capability => ({
	available: false,
	limit: `Disks that an NBD server exports cannot be read on ${system} yet.`,
});
