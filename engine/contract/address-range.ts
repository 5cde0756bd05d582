/** Addresses of the Internet Protocol, version 4 and 6, as text and as numbers. */
export type Address = { readonly version: 4 | 6; readonly value: bigint };
/** Both ends belong to it. */
export type AddressRange = { readonly version: 4 | 6; readonly first: bigint; readonly last: bigint };

const bitsOf = { 4: 32n, 6: 128n } as const;
const longestAddress = 64;

function parseV4(text: string): bigint | null {
	const parts = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text)?.slice(1).map(Number);
	if (!parts || parts.some((part) => part > 255)) return null;
	return BigInt(parts.reduce((value, part) => value * 256 + part, 0));
}

/** RFC 4291, section 2.2: groups of hexadecimal digits, `::` for the longest run of zeros, the last two groups perhaps as version 4. */
function parseV6(text: string): bigint | null {
	const [head, tail, ...more] = text.split('::');
	if (head === undefined || more.length > 0) return null;
	const groupsOf = (part: string): number[] | null => {
		if (part === '') return [];
		const groups: number[] = [];
		const pieces = part.split(':');
		for (const [i, piece] of pieces.entries()) {
			const v4 = i === pieces.length - 1 && piece.includes('.') ? parseV4(piece) : null;
			if (v4 !== null) groups.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
			else if (/^[0-9a-f]{1,4}$/i.test(piece)) groups.push(Number.parseInt(piece, 16));
			else return null;
		}
		return groups;
	};
	const before = groupsOf(head);
	const after = tail === undefined ? [] : groupsOf(tail);
	if (!before || !after) return null;
	const missing = 8 - before.length - after.length;
	if (tail === undefined ? missing !== 0 : missing < 1) return null;
	return [...before, ...Array.from({ length: missing }, () => 0), ...after].reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** Null when it is none. A version 4 address that is written as version 6 (`::ffff:10.0.0.1`, as sockets do) is version 4; a zone (`%eth0`) is left out. */
export function parseAddress(text: string): Address | null {
	if (text.length > longestAddress) return null;
	const v4 = parseV4(text);
	if (v4 !== null) return { version: 4, value: v4 };
	const v6 = parseV6(text.replace(/%[\w.-]+$/, ''));
	if (v6 === null) return null;
	return v6 >> 32n === 0xffffn ? { version: 4, value: v6 & 0xffff_ffffn } : { version: 6, value: v6 };
}

const rangeHint = 'Write 10.0.0.1-10.0.0.255, 10.0.0.0/24 or one address.';

/** `FIRST-LAST`, a network (`10.0.0.0/24`) or one address; what is wrong with it, in words, when it is none. */
export function parseAddressRange(text: string): AddressRange | string {
	const trimmed = text.trim();
	if (trimmed === '') return `A range of addresses is needed. ${rangeHint}`;
	if (trimmed.length > 2 * longestAddress) return `This is not a range of addresses. ${rangeHint}`;
	const ends = trimmed.split('-').map((end) => end.trim());
	if (ends.length === 2) {
		const first = parseAddress(ends[0] ?? '');
		const last = parseAddress(ends[1] ?? '');
		const wrong = first === null ? ends[0] : ends[1];
		if (first === null || last === null) return `“${wrong}” is not an address. ${rangeHint}`;
		if (first.version !== last.version) return `${ends[0]} and ${ends[1]} are addresses of different versions.`;
		if (first.value > last.value) return `${ends[0]} lies behind ${ends[1]}: the first address of a range comes first.`;
		return { version: first.version, first: first.value, last: last.value };
	}
	const [network = '', bitsText, ...more] = trimmed.split('/');
	const address = parseAddress(network);
	if (address === null || more.length > 0) return `“${trimmed}” is not a range of addresses. ${rangeHint}`;
	const { version, value } = address;
	if (bitsText === undefined) return { version, first: value, last: value };
	if (!/^\d{1,3}$/.test(bitsText) || BigInt(bitsText) > bitsOf[version])
		return `“/${bitsText}” does not fit: a network of version ${version} has 0 to ${bitsOf[version]} fixed bits.`;
	const size = 1n << (bitsOf[version] - BigInt(bitsText));
	const first = (value / size) * size;
	return { version, first, last: first + size - 1n };
}

export const isInRange = ({ version, first, last }: AddressRange, address: Address): boolean =>
	address.version === version && address.value >= first && address.value <= last;
