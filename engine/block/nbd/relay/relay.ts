import { once } from 'node:events';
import { EngineError, endThread, startThread, systemClock } from '../../../base/index.ts';
import type { ErrorShape } from '../../../contract/index.ts';
import { formatNbdUri } from '../uri.ts';

export type RelaySetup = {
	/** Address of this machine that the other one reaches. */
	readonly host: string;
	/** The first that is free is listened on. */
	readonly ports: readonly number[];
	/** PEM. `peer`: the name in the certificate of the one machine that may come in. */
	readonly tls: { readonly certificate: string; readonly key: string; readonly authority: string; readonly peer: string };
	/**
	 * What the other machine may read, all of it read-only: `source` is an NBD export, an image or a plain file of this machine. `isVolume`: a disk with volumes of this
	 * machine, of which encrypted ones are not shown.
	 */
	readonly exports: readonly { readonly name: string; readonly source: string; readonly isVolume?: boolean }[];
};

export type RelayReport = { readonly port: number } | { readonly failure: ErrorShape };

/** Nobody is let in any more once it is disposed, and who is in is cut off. */
export interface NbdRelay extends AsyncDisposable {
	readonly port: number;
	/** `nbds://…`, to which the other machine adds where its own certificates lie. */
	uri(exportName: string): string;
}

/** Requests are short: a thread that has not ended by then hangs in one. */
const endMs = 5000;

/**
 * Shows one other machine what is read on this one, over TCP with mutual TLS, in a thread of its own: one request at a time, each read when it is asked for. What the sources
 * tell by metadata contexts is passed on.
 * @throws `source.*` when one cannot be opened, `infra.no-proxy` when no port is free
 */
export async function openNbdRelay(setup: RelaySetup): Promise<NbdRelay> {
	const thread = startThread(new URL('./relay-thread.ts', import.meta.url), setup);
	thread.on('error', () => undefined); // its end tells the same
	const exited = new Promise((resolve) => thread.once('exit', resolve));
	const end = async (): Promise<void> => {
		const patience = new AbortController();
		thread.postMessage('close');
		await Promise.race([exited, systemClock.sleep(endMs, { signal: patience.signal }).catch(() => undefined)]);
		patience.abort();
		await endThread(thread);
	};
	const [report] = (await Promise.race([once(thread, 'message'), exited.then(() => [{ failure: null }] as const)])) as [RelayReport | { failure: null }];
	if ('failure' in report) {
		await end();
		throw report.failure === null ? new Error('Defect: the thread of a relay ended by itself') : EngineError.from(report.failure);
	}
	const { host } = setup;
	const { port } = report;
	return {
		port,
		uri: (exportName) => formatNbdUri({ transport: { kind: 'tcp', host, port }, exportName }).replace(/^nbd:/, 'nbds:'),
		[Symbol.asyncDispose]: end,
	};
}
