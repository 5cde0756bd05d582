/** The target of a run whose session lives in another thread: questions go there and answers come back. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { EngineError, toErrorShape } from '../../base/index.ts';
import type { ErrorShape } from '../../contract/index.ts';
import type { Calls, Heard, Method, Words } from './calls.ts';
import type { TargetLink } from './remote-run.ts';

/** What the thread of the run is given. */
export type TargetPort = { readonly port: MessagePort };
export const isTargetPort = (place: object | string): place is TargetPort => typeof place === 'object' && 'port' in place;

type Question =
	| { readonly number: number; readonly method: Method; readonly json: unknown; readonly bytes: readonly Uint8Array[] }
	| { readonly number: number; readonly method: null };
type Reply = { readonly number: number } & (
	| { readonly kind: 'answer'; readonly json: unknown; readonly bytes: Uint8Array }
	| { readonly kind: 'failure'; readonly failure: ErrorShape }
	| { readonly kind: 'news'; readonly json: unknown }
);

/** Passes the questions of another thread on, until it is disposed. Records lie in memory that all threads share, and are not copied on the way. */
export function passOn(calls: Pick<Calls, 'ask'>): Disposable & { readonly far: MessagePort } {
	const { port1: port, port2: far } = new MessageChannel();
	const asked = new Map<number, AbortController>();
	const reply = (said: Reply): void => port.postMessage(said);
	const pass = async (number: number, method: Method, words: Words): Promise<void> => {
		const cancelling = new AbortController();
		asked.set(number, cancelling);
		try {
			const onNews = (json: unknown): void => reply({ number, kind: 'news', json });
			const { json, bytes } = await calls.ask(method, words, { signal: cancelling.signal, onNews });
			reply({ number, kind: 'answer', json, bytes: new Uint8Array(bytes) }); // a piece of a larger message, which would be copied whole
		} catch (error) {
			reply({ number, kind: 'failure', failure: toErrorShape(error) });
		} finally {
			asked.delete(number);
		}
	};
	port.on('message', (question: Question) => {
		if (question.method === null) asked.get(question.number)?.abort(new EngineError('cancelled', 'Cancelled.'));
		else void pass(question.number, question.method, { json: question.json, bytes: question.bytes });
	});
	return { far, [Symbol.dispose]: () => port.close() };
}

type Waiting = PromiseWithResolvers<Heard> & { readonly onNews: ((json: unknown) => void) | undefined };

/** What is said is copied with all of the memory that it is a piece of, unless that is shared. */
const alone = (part: Uint8Array): Uint8Array =>
	part.buffer instanceof SharedArrayBuffer || part.byteLength === part.buffer.byteLength ? part : new Uint8Array(part);

/** The side of the run. */
export class PortLink implements TargetLink {
	readonly #port: MessagePort;
	readonly #waiting = new Map<number, Waiting>();
	#nextNumber = 0;
	isEnded = false;

	constructor({ port }: TargetPort) {
		this.#port = port;
		port.on('message', (reply: Reply) => {
			const waiting = this.#waiting.get(reply.number);
			if (reply.kind === 'news') return waiting?.onNews?.(reply.json);
			this.#waiting.delete(reply.number);
			if (reply.kind === 'failure') return waiting?.reject(EngineError.from(reply.failure));
			return waiting?.resolve({ json: reply.json, bytes: Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength) });
		});
	}

	readonly calls: TargetLink['calls'] = {
		ask: async (method, { json, bytes = [] } = {}, { signal, onNews } = {}) => {
			signal?.throwIfAborted();
			const number = this.#nextNumber++;
			const waiting: Waiting = { ...Promise.withResolvers<Heard>(), onNews };
			this.#waiting.set(number, waiting);
			const cancel = (): void => this.#say({ number, method: null });
			signal?.addEventListener('abort', cancel, { once: true });
			try {
				this.#say({ number, method, json, bytes: bytes.map(alone) });
				return await waiting.promise;
			} finally {
				signal?.removeEventListener('abort', cancel);
			}
		},
	};

	#say(question: Question): void {
		this.#port.postMessage(question);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.isEnded = true;
		this.#port.close();
	}
}
