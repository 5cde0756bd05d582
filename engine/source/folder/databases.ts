/** Recognises databases by the names in their folders. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatabaseChoice, type DatabaseChoices, type DatabaseKind, databaseFacts, databaseKinds } from '../../contract/index.ts';

/** What is done with the databases of a kind that nobody holds still; kinds that are not in it are read like any file. */
export type DatabaseRules = Readonly<
	Partial<Record<DatabaseKind, { readonly choice: DatabaseChoice /** By the job, which is told nothing then. */; readonly isChosen: boolean }>>
>;

/** A job that has a writer of a kind holds what it has of that kind still. */
export function databaseRules(choices: DatabaseChoices, writers: readonly string[]): DatabaseRules {
	const rules: { -readonly [Kind in DatabaseKind]?: DatabaseRules[Kind] } = {};
	for (const kind of databaseKinds) {
		const { usual, writer } = databaseFacts[kind];
		const chosen = choices[kind];
		const isHeld = writer !== null && writers.some((spec) => spec.startsWith(`${writer}:`));
		if (chosen === 'include' || (chosen === undefined && isHeld)) continue;
		rules[kind] = { choice: chosen ?? usual, isChosen: chosen !== undefined };
	}
	return rules;
}

/** In one folder. */
export type FoundDatabase = {
	readonly kind: DatabaseKind;
	/** Its files; null: the whole folder is its own. */
	readonly files: ReadonlySet<string> | null;
};

/** A folder with all of these names is the database's own. */
const folderMarks: readonly { readonly kind: DatabaseKind; readonly names: readonly string[] }[] = [
	{ kind: 'postgresql', names: ['PG_VERSION', 'base', 'global'] },
	{ kind: 'mariadb', names: ['ibdata1', 'mysql'] },
];

/** Files of a kind by the ends of their names, in a folder that has one of each group. */
const fileMarks: readonly { readonly kind: DatabaseKind; readonly groups: readonly RegExp[]; readonly files: RegExp }[] = [
	{ kind: 'sqlserver', groups: [/\.mdf$/i, /\.ldf$/i], files: /\.(mdf|ndf|ldf)$/i },
	{ kind: 'exchange', groups: [/\.edb$/i, /^e[0-9a-f]{2}\w*\.(log|chk|jtx)$/i], files: /(\.edb$)|(^e[0-9a-f]{2}\w*\.(log|chk|jtx|jrs)$)/i },
	{ kind: 'oracle', groups: [/\.(ctl|dbf)$/i, /^(redo|control|system|sysaux|undo)\w*\.(log|ctl|dbf)$/i], files: /\.(ctl|dbf)$|^redo\w*\.log$/i },
];
const dot = 0x2e;
const dash = 0x2d;

const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);
function has(sorted: readonly Buffer[], name: Buffer): boolean {
	let from = 0;
	let to = sorted.length;
	while (from < to) {
		const middle = (from + to) >> 1;
		if (compare(sorted[middle] as Buffer, name) < 0) from = middle + 1;
		else to = middle;
	}
	return sorted[from]?.equals(name) ?? false;
}
const marks = folderMarks.map(({ kind, names }) => ({ kind, names: names.map((name) => Buffer.from(name)) }));

/** @param names of the folder, sorted by their bytes */
export function findDatabases(names: readonly Buffer[]): readonly FoundDatabase[] {
	const found: FoundDatabase[] = [];
	for (const mark of marks) if (mark.names.every((name) => has(names, name))) found.push({ kind: mark.kind, files: null });
	// Few names are looked at closely: a folder may have a million
	const ended = names.filter((name) => name.at(-4) === dot).map((name) => name.toString('latin1'));
	for (const { kind, groups, files } of fileMarks) {
		if (!groups.every((group) => ended.some((name) => group.test(name)))) continue;
		found.push({ kind, files: new Set(ended.filter((name) => files.test(name))) });
	}
	// One that is in use has its log beside it
	const inUse = names.filter((name) => name.at(-4) === dash && name.toString('latin1').endsWith('-wal') && has(names, name.subarray(0, -4)));
	if (inUse.length > 0) {
		const bases = inUse.map((name) => name.subarray(0, -4).toString('latin1'));
		found.push({ kind: 'sqlite', files: new Set(bases.flatMap((base) => [base, `${base}-wal`, `${base}-shm`])) });
	}
	return found;
}

/** A look that somebody waits for. */
const most = { folders: 1000, depth: 5, ms: 1500 };

/** Databases that lie near the top of a folder, each with where: for a hint, since a run sees all of them. What cannot be read has none. */
export async function lookForDatabases(root: string): Promise<readonly { readonly kind: DatabaseKind; readonly path: string }[]> {
	const until = performance.now() + most.ms;
	const found: { kind: DatabaseKind; path: string }[] = [];
	let level = [root];
	let seen = 0;
	for (let depth = 0; depth <= most.depth && level.length > 0; depth++) {
		const next: string[] = [];
		for (const path of level) {
			if (++seen > most.folders || performance.now() > until) return found;
			const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
			const databases = findDatabases(entries.map(({ name }) => Buffer.from(name)).sort(compare));
			for (const { kind } of databases) found.push({ kind, path });
			if (!databases.some(({ files }) => files === null)) for (const entry of entries) if (entry.isDirectory()) next.push(join(path, entry.name));
		}
		level = next;
	}
	return found;
}
