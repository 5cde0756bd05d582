import type { RunningServer, ServerOptions } from './start.ts';

/** Loads the HTTP side when it is needed: most commands of the command line never serve, and would wait for it. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
	const start = await import('./start.ts');
	return start.startServer(options);
}
