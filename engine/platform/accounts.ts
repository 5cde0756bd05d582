import { readFileSync } from 'node:fs';

/**
 * Names of an accounts file such as `/etc/passwd`: `name:password:id:…`, read at first use. Accounts of a directory service are not
 * in it; their ids are shown as numbers.
 */
export class AccountNames {
	readonly #path: string;
	#names: Map<number, string> | undefined;

	constructor(path: string) {
		this.#path = path;
	}

	nameOf(id: number): string {
		this.#names ??= readNames(this.#path);
		const known = this.#names.get(id);
		if (known !== undefined) return known;
		const number = String(id);
		this.#names.set(id, number);
		return number;
	}
}

function readNames(path: string): Map<number, string> {
	const names = new Map<number, string>();
	let text: string;
	try {
		text = readFileSync(path, 'utf8');
	} catch {
		return names; // a system without the file still has numbers
	}
	for (const line of text.split('\n')) {
		const [name, , id] = line.split(':');
		if (name !== undefined && id !== undefined && /^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
	}
	return names;
}
