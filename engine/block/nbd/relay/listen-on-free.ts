import { EngineError, systemErrorCode } from '../../../base/index.ts';

/**
 * Listens on the first port that is free.
 * @param listen on one port; fails with the system's error @returns what it returns
 * @throws `infra.no-proxy` when none is free, or the address is not one of this machine
 */
export async function listenOnFree<T>(host: string, ports: readonly number[], listen: (port: number) => Promise<T>): Promise<T> {
	for (const port of ports) {
		try {
			return await listen(port);
		} catch (error) {
			if (systemErrorCode(error) === 'EADDRINUSE') continue;
			throw new EngineError('infra.no-proxy', `Snapshots cannot be shown to another machine at ${host} (${systemErrorCode(error) ?? 'unknown reason'}).`, {
				hint: 'Check the addresses of this machine.',
				cause: error,
			});
		}
	}
	throw new EngineError('infra.no-proxy', `None of the ports ${ports[0]} to ${ports.at(-1)} of ${host} is free to show snapshots to another machine.`, {
		hint: 'Free some of them, or run fewer tasks at a time.',
	});
}
