export type DeviceNumber = { readonly major: number; readonly minor: number };

/** `st_rdev` in its halves, as the C library of Linux does it: both numbers have 32 bits, interleaved for history's sake. */
export function splitDevice(rdev: number | bigint): DeviceNumber {
	const bits = BigInt(rdev);
	return {
		major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xffff_f000n)),
		minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffff_ff00n)),
	};
}

export function joinDevice({ major, minor }: DeviceNumber): bigint {
	const [high, low] = [BigInt(major), BigInt(minor)];
	return ((high & 0xfffn) << 8n) | ((high & 0xffff_f000n) << 32n) | (low & 0xffn) | ((low & 0xffff_ff00n) << 12n);
}
