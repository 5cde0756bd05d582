/** Tables of a reflected CRC. */
function tableOf(polynomial: number): Uint32Array {
	return Uint32Array.from({ length: 256 }, (_, byte) => {
		let crc = byte;
		for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
		return crc >>> 0;
	});
}

const castagnoli = tableOf(0x82f63b78);
const ansi = tableOf(0xa001);

function update(table: Uint32Array, seed: number, bytes: Uint8Array): number {
	let crc = seed;
	for (let i = 0; i < bytes.length; i++) crc = (table[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
	return crc >>> 0;
}

/** CRC-32C (RFC 3720, appendix B.4) without the inversion at the end, as Linux file systems chain it. */
export const crc32c = (seed: number, bytes: Uint8Array): number => update(castagnoli, seed, bytes);

/** CRC-16 with polynomial 0x8005, as ext4's older group descriptors carry it. */
export const crc16 = (seed: number, bytes: Uint8Array): number => update(ansi, seed, bytes);

export const allOnes = 0xffffffff;
