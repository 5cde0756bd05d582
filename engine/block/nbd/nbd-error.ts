import { EngineError, isEngineError, systemErrorCode } from '../../base/index.ts';

/** Why no connection to a server came about, in words that name it. */
export function connectError(uri: string, error: unknown): EngineError {
	if (isEngineError(error)) return error;
	switch (systemErrorCode(error)) {
		case 'ENOENT':
		case 'ECONNREFUSED':
		case 'ENOTFOUND':
		case 'EHOSTUNREACH':
		case 'ENETUNREACH':
		case 'ETIMEDOUT':
			return new EngineError('source.missing', `No NBD server answers at ${uri}: ${words(error)}.`, {
				hint: 'Check the address, and that the server runs. It is looked for from the machine that runs the backup.',
				cause: error,
			});
		case 'ENOTSUP':
			return new EngineError('source.unsupported', `${uri} cannot be read: Holdfast does not speak NBD on this operating system yet.`, { cause: error });
		default:
			return new EngineError('source.unreadable', `The NBD server at ${uri} cannot be reached: ${words(error)}.`, { cause: error });
	}
}

export const connectionLost = (uri: string, why: string, cause?: unknown): EngineError =>
	new EngineError('source.unreadable', `The connection to ${uri} was lost: ${why}.`, {
		hint: 'Look for errors of the NBD server, and of the network between.',
		cause,
	});

/** The server breaks the protocol: nothing that it says from now on can be trusted. */
export const brokenProtocol = (uri: string, what: string): EngineError =>
	new EngineError('source.unreadable', `The NBD server at ${uri} does not keep to the protocol: ${what}.`, {
		hint: 'Check that it is an NBD server of the fixed newstyle, and that nothing between changes what it sends.',
	});

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
