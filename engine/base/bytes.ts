/**
 * Names are bytes on most systems and text in a contract. A byte that is no UTF-8 becomes the lone surrogate
 * U+DC80 + (byte − 0x80), as in PEP 383, so that every name has exactly one text and comes back unchanged.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Length of the well-formed UTF-8 sequence that begins at `at`, 0 if there is none (RFC 3629, table 3-7 of Unicode). */
function sequenceLength(bytes: Uint8Array, at: number): number {
	const first = bytes[at] as number;
	if (first < 0x80) return 1;
	const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
	if (length === 0 || at + length > bytes.length) return 0;
	const second = bytes[at + 1] as number;
	const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
	const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
	if (second < low || second > high) return 0;
	for (let i = 2; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0;
	return length;
}

export function textFromBytes(bytes: Uint8Array): string {
	try {
		return strict.decode(bytes);
	} catch {
		let text = '';
		for (let at = 0; at < bytes.length; ) {
			const length = sequenceLength(bytes, at);
			text += length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] as number)) : strict.decode(bytes.subarray(at, at + length));
			at += length || 1;
		}
		return text;
	}
}

export function bytesFromText(text: string): Buffer {
	if (text.isWellFormed()) return Buffer.from(text, 'utf8');
	const parts: Buffer[] = [];
	for (const character of text) {
		const code = character.charCodeAt(0);
		const isEscape = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
		parts.push(isEscape ? Buffer.of(code - 0xdc00) : Buffer.from(character, 'utf8'));
	}
	return Buffer.concat(parts);
}

/** For people: an undecodable byte is shown as U+FFFD. */
export const displayText = (text: string): string => text.toWellFormed();

export const isZero = (bytes: Uint8Array): boolean => {
	const length = bytes.byteLength;
	if (length === 0) return true;
	if (bytes[0] !== 0 || bytes[length - 1] !== 0 || bytes[length >> 1] !== 0) return false;
	for (let at = 0; at < length; at += zeros.length) {
		const end = Math.min(at + zeros.length, length);
		if (Buffer.compare(bytes.subarray(at, end), end - at === zeros.length ? zeros : zeros.subarray(0, end - at)) !== 0) return false;
	}
	return true;
};
const zeros = new Uint8Array(65_536);
