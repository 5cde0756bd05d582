/** Groups that are meant for clients of every kind, and one for us alone; the last word counts. */
const groups = new Set(['client', 'client-server', 'client-mariadb', 'mariadb-client', 'holdfast']);

/**
 * Options of an option file ("Configuring MariaDB with Option Files" in its manual): groups in brackets, `name=value`, comments after `#` or `;`, values in quotes
 * or not. Includes are not followed.
 */
export function parseOptionFile(content: string): ReadonlyMap<string, string> {
	const options = new Map<string, string>();
	let group = '';
	for (const line of content.split(/\r?\n/)) {
		const header = /^\s*\[([^\]]*)\]/.exec(line);
		if (header) group = (header[1] ?? '').trim();
		const [, name, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
		if (name !== undefined && value !== undefined && groups.has(group)) options.set(name.replaceAll('_', '-'), unquote(value));
	}
	return options;
}

/** In a value without quotes a comment begins at a `#`. */
function unquote(value: string): string {
	const [, , quoted] = /^(["'])((?:\\.|(?!\1).)*)\1/.exec(value) ?? [];
	return (quoted ?? value.replace(/\s*#.*$/, '')).replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? `\\${letter}`);
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', s: ' ', '\\': '\\', '"': '"', "'": "'" };
