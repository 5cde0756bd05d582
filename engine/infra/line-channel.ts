import type { TLSSocket } from 'node:tls';
import type { z } from 'zod';
import { EngineError, type ErrorDetail, isEngineError, toErrorShape } from '../base/index.ts';
import { errorShape } from '../contract/index.ts';

/** The longest line: a folder with thousands of entries. */
const maxLineBytes = 8 * 1024 * 1024;

const lost = (peer: string, why: string, detail: ErrorDetail = {}): EngineError =>
	new EngineError('connection.lost', `The connection to ${peer} was lost: ${why}.`, {
		hint: 'Check the network and the data mover on the other side, then try again.',
		...detail,
	});

/**
 * JSON documents, one a line, over one connection: question and answer in turn. Whatever comes in is untrusted: a line that is too long or is not
 * what was expected ends the connection.
 */
export class LineChannel implements Disposable {
	readonly peer: string;
	readonly socket: TLSSocket;
	readonly #lines: AsyncIterator<string>;

	/** @param peer in an administrator's words */
	constructor(socket: TLSSocket, peer: string, timeoutMs: number) {
		this.socket = socket;
		this.peer = peer;
		this.#lines = linesOf(socket, peer);
		socket.setNoDelay(true);
		socket.setTimeout(timeoutMs, () => socket.destroy(lost(peer, 'it did not answer in time')));
	}

	send(document: object): void {
		if (!this.socket.destroyed) this.socket.write(`${JSON.stringify(document)}\n`);
	}

	/** Tells the other side why it does not go on. Its `receive` throws that error. */
	fail(error: unknown): void {
		const shape = toErrorShape(error);
		// a defect of ours is for our log, not for who may have provoked it
		const told = isEngineError(error) ? shape : { code: 'internal', message: 'The other side failed.' };
		if (!this.socket.destroyed) this.socket.end(`${JSON.stringify({ error: told })}\n`);
	}

	/** The next document, or the error that the other side has sent. `connection.lost` when none comes. */
	async receive<T>(schema: z.ZodType<T>): Promise<T> {
		const next = await this.#lines.next();
		if (next.done) throw lost(this.peer, 'the other side closed it');
		const value = parseJson(next.value);
		const failure = errorShape.safeParse(typeof value === 'object' && value !== null && 'error' in value ? value.error : undefined);
		if (failure.success) throw EngineError.from({ ...failure.data, message: `${this.peer} answers: ${failure.data.message}` });
		const parsed = schema.safeParse(value);
		if (!parsed.success) throw new EngineError('connection.refused', `${this.peer} says something that is not understood.`, { cause: parsed.error });
		return parsed.data;
	}

	[Symbol.dispose](): void {
		this.socket.destroy();
	}
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

async function* linesOf(socket: TLSSocket, peer: string): AsyncGenerator<string> {
	let parts: Buffer[] = [];
	let bytes = 0;
	try {
		for await (const chunk of socket as AsyncIterable<Buffer>) {
			let rest = chunk;
			for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
				yield Buffer.concat([...parts, rest.subarray(0, end)]).toString();
				rest = rest.subarray(end + 1);
				parts = [];
				bytes = 0;
			}
			bytes += rest.byteLength;
			if (bytes > maxLineBytes) throw new EngineError('connection.refused', `${peer} sends more than was asked for.`);
			if (rest.byteLength > 0) parts.push(rest);
		}
	} catch (cause) {
		if (isEngineError(cause)) throw cause;
		throw lost(peer, (cause as Error).message, { cause });
	}
}
