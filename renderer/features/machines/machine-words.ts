import type { MachineAddress, MachineRole } from '../../../engine/contract/index.ts';

export const roleWords: Readonly<Record<MachineRole, string>> = {
	proxy: 'Proxy',
	repository: 'Repository host',
	gateway: 'Gateway',
	mount: 'Mount server',
};

export const rolesText = (roles: readonly MachineRole[]): string => roles.map((role) => roleWords[role]).join(', ') || 'none';

export const addressText = ({ host, port }: MachineAddress): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** `HOST:PORT` or `[::1]:PORT`; null when it is neither. */
export function parseAddress(text: string): MachineAddress | null {
	const match = /^(?:\[(?<ip>[0-9a-fA-F:.%]+)\]|(?<host>[^:\s/@]+)):(?<port>\d{1,5})$/.exec(text.trim());
	const port = Number(match?.groups?.port);
	if (!match || port < 1 || port > 65_535) return null;
	return { host: match.groups?.ip ?? match.groups?.host ?? '', port };
}
