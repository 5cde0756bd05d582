import type { VirtualMachine } from './hosts.ts';

/** `HOST/NAME` taken apart. Names of machines have no slash; those of hosts may. */
export type MachinePath = { readonly host: string; readonly name: string };

export function parseMachinePath(path: string): MachinePath {
	const slash = path.lastIndexOf('/');
	return { host: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** The host that a path names; undefined: it is none of these. */
export function hostOfMachine<Host extends { readonly name: string }>(hosts: readonly Host[], path: string): Host | undefined {
	const { host } = parseMachinePath(path);
	return hosts.find(({ name }) => name === host);
}

/** `*` and `?` in the name, or `#TAG` for it: whatever fits when a job runs. */
export const isMachinePattern = (path: string): boolean => /[*?]|^#/.test(parseMachinePath(path).name);

/** Whether a machine is meant by a path: by its name, by a pattern, or by a tag. */
export function isMeant(pattern: string, host: string, { name, tags }: Pick<VirtualMachine, 'name' | 'tags'>): boolean {
	const wanted = parseMachinePath(pattern);
	if (wanted.host !== host) return false;
	if (wanted.name.startsWith('#')) return tags.includes(wanted.name.slice(1));
	return isLike(wanted.name, name);
}

/** `*`: any number of characters; `?`: one. In steps bounded by the product of both lengths, whatever the pattern. */
export function isLike(pattern: string, name: string): boolean {
	const wanted = [...pattern];
	const given = [...name];
	let [p, n, star, resume] = [0, 0, -1, 0];
	while (n < given.length) {
		if (wanted[p] === '*') [star, resume, p] = [p, n, p + 1];
		else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === given[n])) [p, n] = [p + 1, n + 1];
		else if (star >= 0) [p, n, resume] = [star + 1, resume + 1, resume + 1];
		else return false;
	}
	while (wanted[p] === '*') p++;
	return p === wanted.length;
}
