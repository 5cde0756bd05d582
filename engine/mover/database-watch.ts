import { type DatabaseKind, databaseFacts } from '../contract/index.ts';
import { type DatabaseRules, findDatabases } from '../source/index.ts';
import type { MutableCounters, TaskObserver } from './task.ts';

type Seen = { count: number; readonly first: string };

/** Meets the databases in a folder that nobody holds still (AOFO-06..08): says which leave is to be taken of them, and at the end what there was. */
export class DatabaseWatch {
	readonly #rules: DatabaseRules;
	readonly #seen = new Map<DatabaseKind, Seen>();

	constructor(rules: DatabaseRules) {
		this.#rules = rules;
	}

	/**
	 * @param names of a folder, sorted by their bytes
	 * @returns whether an entry of the folder is left out; null: none is
	 */
	look(path: () => string, names: readonly Buffer[]): ((name: Buffer) => boolean) | null {
		const leftOut: (ReadonlySet<string> | null)[] = [];
		for (const { kind, files } of findDatabases(names)) {
			const rule = this.#rules[kind];
			if (!rule) continue;
			const seen = this.#seen.get(kind);
			if (seen) seen.count++;
			else this.#seen.set(kind, { count: 1, first: path() });
			if (rule.choice === 'exclude') leftOut.push(files);
		}
		if (leftOut.length === 0) return null;
		return (name) => leftOut.some((files) => files === null || files.has(name.toString('latin1')));
	}

	/** One sentence per kind, however many there are. */
	report(observer: TaskObserver, counters: MutableCounters): void {
		for (const [kind, { count, first }] of this.#seen) {
			const { title, caution, writer } = databaseFacts[kind];
			const { choice, isChosen } = this.#rules[kind] ?? { choice: 'include', isChosen: true };
			const where = `${first}${count === 1 ? '' : ` and ${count - 1} more ${count === 2 ? 'folder' : 'folders'}`}`;
			const what = `Databases of ${title} were ${choice === 'exclude' ? 'excluded' : 'included'}: ${where}.`;
			if (isChosen || caution === null) {
				observer.info(what);
				continue;
			}
			const other = choice === 'exclude' ? 'include' : 'exclude';
			const remedy =
				writer === null
					? `--database ${kind}=${other} does otherwise`
					: `--writer ${writer}:… holds it still, --database ${kind}=include says that it need not be`;
			counters.warningCount++;
			observer.warning({ code: 'source.database', message: `${what} No writer of the job holds them still. ${caution} (${remedy}.)`, path: first });
		}
	}
}
