/**
 * Names come with every byte that is no UTF-8 as a lone surrogate. Such text cannot go into an address as it is
 * (`encodeURIComponent` throws), so `~` is the escape character there: `~80` … `~ff` is a byte, `~7e` is the tilde itself.
 */
export const escapePath = (path: string): string =>
	path.replaceAll('~', '~7e').replace(/\p{Cs}/gu, (unit) => `~${(unit.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`);

export const unescapePath = (text: string): string =>
	text.replace(/~([0-9a-f]{2})/g, (_, hex: string) => {
		const code = Number.parseInt(hex, 16);
		return String.fromCharCode(code < 0x80 ? code : 0xdc00 + code);
	});

/** For people: what cannot be decoded is shown as U+FFFD. */
export const displayPath = (path: string): string => path.toWellFormed();

export const joinPath = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`);

export const parentPath = (path: string): string => {
	const at = path.lastIndexOf('/');
	return at <= 0 ? '/' : path.slice(0, at);
};

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1) || '/';

/** The steps from the root to `path`, root first. */
export function breadcrumbs(path: string): { readonly name: string; readonly path: string }[] {
	const names = path.split('/').filter((name) => name !== '');
	return [{ name: '/', path: '/' }, ...names.map((name, index) => ({ name, path: `/${names.slice(0, index + 1).join('/')}` }))];
}

/** `rwxr-xr-x` from the lower bits of a mode. */
export function modeText(mode: number): string {
	const bits = ['r', 'w', 'x'];
	let text = '';
	for (let at = 8; at >= 0; at--) text += (mode >> at) & 1 ? bits[(8 - at) % 3] : '-';
	const special = (index: number, bit: number, set: string): void => {
		if (!((mode >> bit) & 1)) return;
		const mark = text[index] === 'x' ? set : set.toUpperCase();
		text = text.slice(0, index) + mark + text.slice(index + 1);
	};
	special(2, 11, 's');
	special(5, 10, 's');
	special(8, 9, 't');
	return text;
}
