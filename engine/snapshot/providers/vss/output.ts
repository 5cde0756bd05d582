/** What the programs of VSS print, found by its shape: all words are in the language of the system. */

const guid = /\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}/i;
const device = /\\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy\d+/i;

export type ShadowCopy = { readonly id: string; readonly device: string };

export const isGuid = (text: string): boolean => text.length === 38 && guid.test(text);

/** Shadow copies by the alias that they were made under: a line with both names its id, the next device is its own. */
export function parseCreated(output: string, aliases: readonly string[]): ReadonlyMap<string, ShadowCopy> {
	const found = new Map<string, ShadowCopy>();
	let open: { readonly alias: string; readonly id: string } | null = null;
	for (const line of output.split(/\r?\n/)) {
		const alias = aliases.find((each) => line.includes(`%${each}%`));
		const id = guid.exec(line)?.[0];
		if (alias !== undefined && id !== undefined) open = { alias, id };
		const path = device.exec(line)?.[0];
		if (open === null || path === undefined) continue;
		found.set(open.alias, { id: open.id, device: path });
		open = null;
	}
	return found;
}

/** Aliases with our prefix and the ids beside them, wherever a log names both. */
export function parseLog(content: string, prefix: string): ReadonlyMap<string, string> {
	const found = new Map<string, string>();
	for (const line of content.replaceAll('\0', '').split(/\r?\n/)) {
		const alias = new RegExp(`\\b${prefix}([0-9a-zA-Z]{1,16})\\b`).exec(line)?.[1];
		const id = guid.exec(line)?.[0];
		if (alias !== undefined && id !== undefined) found.set(alias, id);
	}
	return found;
}

export type VssWriter = {
	readonly name: string;
	/** What kind of application; the same on all machines. */
	readonly id: string;
	/** VSS_WRITER_STATE (vss.h): 1 is stable, 5 waits for the end of a backup, 6 to 11 and 15 have failed. */
	readonly state: number;
	/** In the language of the system. */
	readonly lastError: string;
};

/** `vssadmin list writers`: blocks of a quoted name, two ids, a numbered state and the last error. */
export function parseWriters(output: string): readonly VssWriter[] {
	const writers: VssWriter[] = [];
	for (const block of output.split(/\r?\n(?=\S[^'\n]*'[^']+'\s*$)/m)) {
		const lines = block.split(/\r?\n/);
		const name = /'([^']+)'/.exec(lines[0] ?? '')?.[1];
		const id = guid.exec(block)?.[0];
		const at = lines.findIndex((line) => /\[\d{1,2}\]/.test(line));
		const state = Number(/\[(\d{1,2})\]/.exec(lines[at] ?? '')?.[1]);
		if (name === undefined || id === undefined || at < 0) continue;
		writers.push({ name, id, state, lastError: (lines[at + 1] ?? '').replace(/^[^:]*:\s*/, '').trim() });
	}
	return writers;
}

export const hasFailed = ({ state }: VssWriter): boolean => (state >= 6 && state <= 11) || state === 15;

/** One JSON value that PowerShell prints, or null: it printed something else. */
export function parseJson(output: string): unknown {
	try {
		return JSON.parse(output.replace(/^\uFEFF/, '')) as unknown;
	} catch {
		return null;
	}
}
