import { readSync, writeSync } from 'node:fs';
import { systemErrorCode } from '../../../base/index.ts';
import type { Platform } from '../../../platform/index.ts';
import { connectError, connectionLost } from '../nbd-error.ts';
import { formatNbdUri, type NbdAddress, type NbdTransport } from '../uri.ts';
import { openTunnel } from './tunnel.ts';

/** A thread that is to stop can do so between two waits, never within one. */
const waitMs = 1000;
const connectMs = 10_000;

type TcpTransport = Extract<NbdTransport, { kind: 'tcp' }>;

/** A connection that its thread waits for. Any trouble ends it: what is half read cannot be taken up again. */
export class NbdStream {
	readonly uri: string;
	readonly #silenceMs: number;
	readonly #platform: Platform;
	#fd: number | null;

	/** @param silenceMs a server that says nothing for so long is lost */
	constructor(address: NbdAddress, platform: Platform, silenceMs: number) {
		this.uri = formatNbdUri(address);
		this.#silenceMs = silenceMs;
		this.#platform = platform;
		const { transport } = address;
		try {
			using tunnel = transport.kind === 'tcp' && transport.tls ? openTunnel(this.uri, { ...transport, tls: transport.tls }) : null;
			const path = tunnel?.path ?? (transport.kind === 'unix' ? transport.path : null);
			this.#fd = platform.sockets.connect(path === null ? (transport as TcpTransport) : { kind: 'unix', path: Buffer.from(path) }, waitMs, connectMs);
		} catch (error) {
			throw connectError(this.uri, error);
		}
	}

	send(bytes: Uint8Array): void {
		this.#move(bytes.byteLength, (fd, done) => writeSync(fd, bytes, done, bytes.byteLength - done));
	}

	/** Fills `target`. */
	receive(target: Uint8Array): void {
		this.#move(target.byteLength, (fd, done) => {
			const count = readSync(fd, target, done, target.byteLength - done, null);
			if (count === 0) throw connectionLost(this.uri, 'the server closed it');
			return count;
		});
	}

	/** Calls `step` until `length` bytes have been moved. */
	#move(length: number, step: (fd: number, done: number) => number): void {
		if (this.#fd === null) throw connectionLost(this.uri, 'it was closed after an error');
		let lastMs = performance.now();
		for (let done = 0; done < length; ) {
			try {
				done += step(this.#fd, done);
				lastMs = performance.now();
			} catch (error) {
				const code = systemErrorCode(error);
				const isWaiting = code === 'EAGAIN' || code === 'EINTR';
				if (isWaiting && performance.now() - lastMs < this.#silenceMs) continue;
				this.close();
				if (isWaiting) throw connectionLost(this.uri, `the server said nothing for ${Math.round(this.#silenceMs / 1000)} seconds`);
				throw code === 'source.unreadable' ? error : connectionLost(this.uri, error instanceof Error ? error.message : String(error), error);
			}
		}
	}

	close(): void {
		const fd = this.#fd;
		this.#fd = null;
		if (fd !== null) this.#platform.sockets.close(fd);
	}
}
