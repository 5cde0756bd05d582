import type { StatusExtent } from '../protocol.ts';

/** What can be exported. Synchronous, so that every request is done before the next one begins: a server lives in a thread of its own. */
export interface NbdDevice {
	readonly sizeBytes: number;
	/** Absent where nothing may be written. */
	readonly writable?: WritableDevice | undefined;
	/**
	 * By name (`base:allocation`, `qemu:dirty-bitmap:NAME`), what describes a range: extents from `offsetBytes` on, at least one, each with a length, together
	 * not longer than the disk; they need not reach the end of the range.
	 */
	readonly contexts?: ReadonlyMap<string, (offsetBytes: number, lengthBytes: number) => readonly StatusExtent[]>;
	/** Fills `target`, which lies within the disk. */
	readSync(target: Uint8Array, offsetBytes: number): void;
}

/** Ranges lie within the disk. An error with the `code` `ENOSPC` is told as such, every other as one of input and output; the words of an `EngineError` are passed on where the client can hear them. */
export interface WritableDevice {
	write(offsetBytes: number, bytes: Uint8Array): void;
	/** Makes a range read as zeros. `keepRoom`: without giving its room back. */
	zero(offsetBytes: number, lengthBytes: number, options: { readonly keepRoom: boolean }): void;
	/** Returns once what was written before survives a power failure. */
	flush(): void;
}
