/** Far longer than any thread waits for a busy machine. */
export const slowMs = 50;

/** Holds the whole thread up, as a slow disk or a slow processor does. */
export function dawdle(): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slowMs);
}
