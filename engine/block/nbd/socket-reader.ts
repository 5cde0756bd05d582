import type { Duplex } from 'node:stream';

/** The connection is over, by whoever's doing. */
export class ConnectionEnded extends Error {}

/** The bytes of a connection, in pieces of known length. */
export class SocketReader {
	readonly #socket: Duplex;
	#isOver = false;
	#wake: (() => void) | null = null;
	readonly #onReadable = (): void => this.#wakeUp();
	readonly #onOver = (): void => {
		this.#isOver = true;
		this.#wakeUp();
	};

	constructor(socket: Duplex) {
		this.#socket = socket;
		socket.on('readable', this.#onReadable).on('end', this.#onOver).on('close', this.#onOver).on('error', this.#onOver);
	}

	#wakeUp(): void {
		const wake = this.#wake;
		this.#wake = null;
		wake?.();
	}

	/** @param length bounded by the caller @throws ConnectionEnded */
	async take(length: number): Promise<Buffer> {
		if (length === 0) return Buffer.alloc(0);
		for (;;) {
			const bytes = this.#socket.read(length) as Buffer | null;
			if (bytes?.length === length) return bytes;
			if (bytes !== null || this.#isOver) throw new ConnectionEnded();
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	/** Leaves the socket to somebody else. @returns whether nothing was there that has not been taken */
	release(): boolean {
		this.#socket.off('readable', this.#onReadable).off('end', this.#onOver).off('close', this.#onOver).off('error', this.#onOver);
		return this.#socket.readableLength === 0;
	}
}
