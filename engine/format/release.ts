/** Smaller ones may be pools of many. */
const leastBytes = 128 * 1024;

/**
 * Gives the memory of a large buffer back at once; `bytes` is empty afterwards. The collector of garbage sees a small object with something behind it, and would let
 * some tens of megabytes pile up in each thread.
 */
export function release(bytes: Uint8Array): void {
	if (bytes.buffer.byteLength >= leastBytes && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

/** The same for what a socket has given: its pieces are small, many, and each alone in its memory. What shares its memory with something else is left alone. */
export function releasePiece(bytes: Uint8Array): void {
	if (bytes.byteLength > 0 && bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}
