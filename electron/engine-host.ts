/**
 * Where the desktop's engine is. Usually in this process; when a server (or another face that serves) already holds the data
 * folder, the desktop is one of its clients. Both sides of this are a tRPC client, so nobody behind it sees a difference.
 */
import { createTRPCClient, type TRPCClient } from '@trpc/client';
import type { AppRouter, CallOptions, DesktopConnection, Download } from '../engine/contract/index.ts';
import { openEngine, startServer } from '../engine/engine.ts';
import { embeddedLink } from './embedded-link.ts';
import { shapeOf } from './error-words.ts';
import { connectToServer } from './server-connection.ts';

export interface EngineHost extends AsyncDisposable {
	readonly client: TRPCClient<AppRouter>;
	readonly connection: DesktopConnection;
	/** Called at each change of `connection`. */
	onConnectionChange(listener: () => void): void;
	/** One file as it is, anything else as a zip; nothing is read before the content is iterated. */
	download(input: { point: string; paths: string[] }, options: CallOptions): Promise<Download>;
}

/**
 * Fails with the engine's error if the folder can neither be opened nor its holder be reached.
 * An engine of this process is served on loopback, so that the command line and the browser find it while the desktop holds the data folder.
 */
export async function openEngineHost(options: { readonly dataFolder: string; readonly rendererFolder: string }): Promise<EngineHost> {
	try {
		await using stack = new AsyncDisposableStack();
		const engine = stack.use(await openEngine(options));
		stack.use(await startServer({ engine, listen: { host: '127.0.0.1', port: 0 }, rendererFolder: options.rendererFolder }));
		const resources = stack.move();
		return {
			client: createTRPCClient<AppRouter>({ links: [embeddedLink(engine.context)] }),
			connection: { kind: 'embedded' },
			onConnectionChange: () => undefined,
			download: (input, callOptions) => engine.downloads.open(input, callOptions),
			[Symbol.asyncDispose]: () => resources.disposeAsync(),
		};
	} catch (error) {
		const address = addressOfHolder(error);
		if (address === null) throw error;
		return connectToServer({ address, dataFolder: options.dataFolder });
	}
}

/** The address in a `busy.data-folder`; null for every other error, and for a holder that serves nobody. */
function addressOfHolder(error: unknown): string | null {
	const shape = shapeOf(error);
	if (shape?.code !== 'busy.data-folder') return null;
	const holder = shape.data?.holder;
	if (typeof holder !== 'object' || holder === null || !('address' in holder)) return null;
	return typeof holder.address === 'string' ? holder.address : null;
}
