import { EngineError } from '../base/index.ts';

export type ListenAddress = { readonly host: string; readonly port: number };

export const defaultListen: ListenAddress = { host: '127.0.0.1', port: 9470 };

/** `localhost` may resolve to two addresses; one door is enough, and it is the one that every client tries. */
const loopbackHosts: Readonly<Record<string, string>> = { '127.0.0.1': '127.0.0.1', localhost: '127.0.0.1', '::1': '::1', '[::1]': '::1' };

/** The address to bind to; `usage.unsupported` for anything but loopback. */
export function loopbackAddress({ host, port }: ListenAddress): ListenAddress {
	const bindHost = loopbackHosts[host.toLowerCase()];
	if (bindHost === undefined) {
		throw new EngineError('usage.unsupported', `Holdfast cannot listen on ${host}: this version serves the machine that it runs on and no other.`, {
			hint: 'Use 127.0.0.1, ::1 or localhost, and a tunnel (for example ssh -L) to reach it from elsewhere. Remote access needs encryption and users, which are not there yet.',
			data: { field: 'listen' },
		});
	}
	return { host: bindHost, port };
}

/** `HOST:PORT`, `[::1]:PORT` or a bare port. Port 0 lets the system choose. */
export function parseListen(text: string): ListenAddress {
	const match = /^(?:(?<host>\[[^\]]+\]|[^:]+):)?(?<port>\d{1,5})$/.exec(text.trim());
	const port = Number(match?.groups?.port);
	if (match === null || port > 65_535) {
		throw new EngineError('usage.invalid', `"${text}" is not an address to listen on.`, {
			hint: 'Write HOST:PORT, for example 127.0.0.1:9470.',
			data: { field: 'listen' },
		});
	}
	return { host: (match.groups?.host ?? defaultListen.host).replace(/^\[|\]$/g, ''), port };
}

/** How a URL writes the host. */
export const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);
