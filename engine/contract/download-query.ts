/**
 * The query of `/download`: names go as percent-encoded bytes, so that those that are not UTF-8 (U+DC80 … in the contract's
 * texts) arrive as they are; `URLSearchParams` would replace them.
 */
export function downloadQuery({ point, paths }: { readonly point: string; readonly paths: readonly string[] }): string {
	return [`point=${encodeBytes(point)}`, ...paths.map((path) => `path=${encodeBytes(path)}`)].join('&');
}

function encodeBytes(text: string): string {
	if (text.isWellFormed()) return encodeURIComponent(text);
	return Array.from(text, (character) => {
		const code = character.charCodeAt(0);
		const isByte = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
		return isByte ? `%${(code - 0xdc00).toString(16).toUpperCase()}` : encodeURIComponent(character.toWellFormed());
	}).join('');
}
