import { styleText } from 'node:util';
import type { ErrorShape, SessionState } from '../contract/index.ts';
import { printable } from './format.ts';
import { errorJson } from './json.ts';

export type Stream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
export type Streams = { readonly stdout: Stream; readonly stderr: Stream };

/**
 * Results go to standard output, everything else to standard error; with `--json` standard output carries exactly one
 * document, whatever happens.
 */
export class Output {
	readonly stderr: Stream;
	readonly isJson: boolean;
	readonly #stdout: Stream;
	#hasDocument = false;

	constructor({ stdout, stderr }: Streams, isJson: boolean) {
		this.#stdout = stdout;
		this.stderr = stderr;
		this.isJson = isJson;
	}

	/** The result of a command: the document for scripts, or the lines for people. */
	result(document: () => unknown, lines: () => readonly string[]): void {
		if (this.isJson) this.#document(document());
		else for (const line of lines()) this.#stdout.write(`${line}\n`);
	}

	/** What a person would like to know meanwhile. */
	note(text: string): void {
		this.stderr.write(`${text}\n`);
	}

	failure(shape: ErrorShape): void {
		if (this.isJson) this.#document({ error: errorJson(shape) });
		this.note(`${this.paint('red', 'Error:')} ${printable(shape.message)}`);
		if (shape.hint) this.note(`       ${printable(shape.hint)}`);
	}

	/** Colours where the stream is a terminal and nobody objects (NO_COLOR). */
	paint(style: 'red' | 'green' | 'yellow' | 'dim' | 'bold', text: string): string {
		return styleText(style, text, { stream: this.stderr as NodeJS.WriteStream });
	}

	#document(value: unknown): void {
		if (this.#hasDocument) return;
		this.#hasDocument = true;
		this.#stdout.write(`${JSON.stringify(value)}\n`);
	}
}

export const stateWords: Readonly<Record<SessionState, string>> = {
	queued: 'waiting',
	running: 'running',
	cancelling: 'being cancelled',
	success: 'succeeded',
	warning: 'finished with warnings',
	failed: 'failed',
	cancelled: 'was cancelled',
	interrupted: 'was interrupted: the engine ended while it ran',
};
