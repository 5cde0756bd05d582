import { assert, EngineError, toErrorShape } from '../../base/index.ts';
import { type ErrorShape, errorCodes } from '../../contract/index.ts';
import { Allowance } from './allowance.ts';
import { connectionLost } from './connection.ts';
import { maxMessageBytes } from './frame.ts';
import type { Session } from './session.ts';

/**
 * Questions and answers over a session. A message is a head of 16 bytes, JSON, and bytes that no JSON should hold:
 *
 * ```
 *  0  kind     4  number of the question, u32     12  length of the JSON, u32
 *  1  method   8  zero                            16  JSON, then bytes up to the end
 * ```
 */
const headBytes = 16;
const kinds = { question: 1, answer: 2, failure: 3, news: 4, cancel: 5 } as const;
type Kind = keyof typeof kinds;
const kindNames = new Map<number, Kind>((Object.entries(kinds) as [Kind, number][]).map(([name, value]) => [value, name]));
/** Of questions of one side at a time, and of answers that have not been taken. */
const maxQuestions = 256;
const maxJsonBytes = maxMessageBytes - headBytes;

export const methods = {
	place: 8,
	begin: 1,
	has: 2,
	append: 3,
	commit: 4,
	readChunk: 5,
	isHurt: 6,
	isDiskHurt: 7,
	abort: 9,
	work: 10,
	pace: 11,
	protect: 12,
	grant: 13,
	openReading: 14,
	endReading: 15,
	open: 16,
	close: 17,
	size: 18,
	read: 19,
	write: 20,
	truncate: 21,
	sync: 22,
	list: 23,
	rename: 25,
	remove: 26,
	space: 27,
	giveBack: 28,
	watchReading: 29,
	openMachine: 30,
} as const;
export type Method = keyof typeof methods;
const methodNames = new Map<number, Method>((Object.entries(methods) as [Method, number][]).map(([name, value]) => [value, name]));
/** These may take hours. They are small, and acknowledged at once so that they do not hold up the window. */
const longMethods: ReadonlySet<Method> = new Set([
	'place',
	'begin',
	'commit',
	'work',
	'sync',
	'protect',
	'openReading',
	'openMachine',
	'endReading',
	'giveBack',
	'watchReading',
]);

/** What is said beside the method: JSON, and bytes. */
export type Words = {
	readonly json?: unknown;
	readonly bytes?: readonly Uint8Array[];
	/** Of an answer: called when the other side has taken it, or never will. */
	readonly taken?: () => void;
};
export type Heard = { readonly json: unknown; readonly bytes: Buffer };

export type AnswerOptions = { readonly signal: AbortSignal; readonly news: (json: unknown) => void };
/** Answers a question. `heard.bytes` is its own until it resolves, and longer if it wants. @throws what the other side is to throw */
export type Answerer = (method: Method, heard: Heard, options: AnswerOptions) => Promise<Words>;

type Waiting = { readonly resolve: (heard: Heard) => void; readonly reject: (error: unknown) => void; readonly onNews: ((json: unknown) => void) | undefined };

export class Calls {
	readonly #session: () => Session;
	readonly #answer: Answerer | null;
	readonly #waiting = new Map<number, Waiting>();
	readonly #answering = new Map<number, AbortController>();
	readonly #mayAsk = new Allowance(maxQuestions);
	readonly #places = new Allowance(maxQuestions);
	#nextNumber = 0;

	/** @param answer null: this side only asks */
	constructor(session: () => Session, answer: Answerer | null = null) {
		this.#session = session;
		this.#answer = answer;
	}

	/** The session has ended: so does everything that waits, and everything that is being answered. */
	end(reason: unknown): void {
		for (const { reject } of this.#waiting.values()) reject(reason);
		this.#waiting.clear();
		for (const controller of this.#answering.values()) controller.abort(reason);
	}

	/**
	 * Asks and waits for the answer. After an abort it still waits for the other side to have ended what it does.
	 * `words.bytes` must not change before that.
	 */
	async ask(
		method: Method,
		words: Words = {},
		options: { readonly signal?: AbortSignal | undefined; readonly onNews?: ((json: unknown) => void) | undefined } = {},
	): Promise<Heard> {
		await this.#mayAsk.take(1);
		const number = this.#nextNumber++ % 2 ** 32;
		const cancel = (): void => void this.#say('cancel', 0, number, {}).catch(() => undefined); // the answer tells
		try {
			const session = this.#session();
			if (session.ended.aborted) throw session.ended.reason;
			options.signal?.throwIfAborted();
			const answer = Promise.withResolvers<Heard>();
			this.#waiting.set(number, { resolve: answer.resolve, reject: answer.reject, onNews: options.onNews });
			answer.promise.catch(() => undefined); // `say` may fail first
			options.signal?.addEventListener('abort', cancel, { once: true });
			// also the acknowledgement: until it is there, the bytes may be sent once more
			const [heard] = await Promise.all([answer.promise, this.#say('question', methods[method], number, words)]);
			return heard;
		} finally {
			options.signal?.removeEventListener('abort', cancel);
			this.#waiting.delete(number);
			this.#mayAsk.give(1);
		}
	}

	#say(kind: Kind, method: number, number: number, { json, bytes = [] }: Words): Promise<void> {
		const text = json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json));
		const head = Buffer.alloc(headBytes);
		head.writeUInt8(kinds[kind], 0);
		head.writeUInt8(method, 1);
		head.writeUInt32LE(number, 4);
		head.writeUInt32LE(text.byteLength, 12);
		const length = bytes.reduce((sum, part) => sum + part.byteLength, headBytes + text.byteLength);
		if (length > maxMessageBytes && kind === 'answer')
			return this.#say('failure', method, number, { json: { code: 'internal', message: 'The answer is larger than the protocol allows.' } });
		assert(length <= maxMessageBytes, 'a message is larger than the protocol allows');
		return this.#session().send([Buffer.concat([head, text]), ...bytes]);
	}

	/** What the session gives its messages to. @throws `connection.lost` when the other side does not keep to the protocol */
	async take(message: Buffer): Promise<void> {
		const kind = message.byteLength < headBytes ? undefined : kindNames.get(message.readUInt8(0));
		const jsonBytes = kind ? message.readUInt32LE(12) : 0;
		if (!kind || jsonBytes > Math.min(maxJsonBytes, message.byteLength - headBytes)) throw this.#violation('a message cannot be understood');
		const number = message.readUInt32LE(4);
		let json: unknown;
		try {
			json = jsonBytes === 0 ? undefined : JSON.parse(message.toString('utf8', headBytes, headBytes + jsonBytes));
		} catch {
			throw this.#violation('a message holds what is no JSON');
		}
		const heard = { json, bytes: message.subarray(headBytes + jsonBytes) };
		switch (kind) {
			case 'question':
				return this.#takeQuestion(message.readUInt8(1), number, heard);
			case 'answer':
				return this.#waiting.get(number)?.resolve(heard);
			case 'failure':
				return this.#waiting.get(number)?.reject(errorFrom(json));
			case 'news':
				return this.#waiting.get(number)?.onNews?.(json);
			case 'cancel':
				return this.#answering.get(number)?.abort(new EngineError('cancelled', 'Cancelled.'));
		}
	}

	async #takeQuestion(methodNumber: number, number: number, heard: Heard): Promise<void> {
		const method = methodNames.get(methodNumber);
		if (!method || !this.#answer) throw this.#violation('it asks for something unknown');
		const isLong = longMethods.has(method);
		// a question that finds no place is not acknowledged, so that the window holds the other side back; long ones are acknowledged, and counted
		if (isLong && this.#answering.size >= 2 * maxQuestions) throw this.#violation('it asks too much at once');
		if (!isLong) await this.#places.take(1);
		const controller = new AbortController();
		this.#answering.set(number, controller);
		const news = (json: unknown): void => void this.#say('news', methodNumber, number, { json }).catch(() => undefined); // the session has ended
		const answering = this.#answer(method, heard, { signal: controller.signal, news })
			.then(
				(words: Words) => ({ kind: 'answer' as const, words }),
				(error: unknown) => ({ kind: 'failure' as const, words: { json: toErrorShape(error) } as Words }),
			)
			.finally(() => this.#answering.delete(number));
		// the place is free when the answer has been taken, not before: answers are not piled up here
		const tell = async ({ kind, words }: Awaited<typeof answering>): Promise<void> => {
			try {
				await this.#say(kind, methodNumber, number, words);
			} finally {
				words.taken?.();
				if (!isLong) this.#places.give(1);
			}
		};
		const told = answering.then(tell);
		told.catch(() => undefined); // the session has ended
		if (!isLong) await answering;
	}

	#violation(what: string): EngineError {
		return connectionLost(this.#session().peer, `it does not keep to the protocol: ${what}`);
	}
}

/** An error as the other side tells it, which is no more to be trusted than anything else. */
function errorFrom(json: unknown): EngineError {
	const shape = (typeof json === 'object' ? json : null) as Partial<ErrorShape> | null;
	const code = errorCodes.find((known) => known === shape?.code) ?? 'internal';
	const text = (value: unknown): string | undefined => (typeof value === 'string' ? value.slice(0, 10_000) : undefined);
	return new EngineError(code, text(shape?.message) ?? 'The data mover on the other side failed without saying why.', {
		hint: text(shape?.hint),
		...(shape?.data && typeof shape.data === 'object' && { data: shape.data }),
	});
}
