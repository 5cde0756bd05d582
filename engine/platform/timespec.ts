const nsPerSecond = 1_000_000_000n;

/** Two `struct timespec` of a 64-bit system, access time first. The nanoseconds are never negative, also before 1970. */
export function writeTimespecs(target: Buffer, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void {
	writeTimespec(target, 0, times.atimeNs);
	writeTimespec(target, 16, times.mtimeNs);
}

function writeTimespec(target: Buffer, at: number, ns: bigint): void {
	const rest = ((ns % nsPerSecond) + nsPerSecond) % nsPerSecond;
	target.writeBigInt64LE((ns - rest) / nsPerSecond, at);
	target.writeBigInt64LE(rest, at + 8);
}
