import { readFile } from 'node:fs/promises';
import { EngineError, systemErrorCode } from '../base/index.ts';
import { writePrivately } from './mover-folder.ts';

/** What a machine that has no database keeps: a list in a file that only its owner reads. */
export interface PrivateList<Item> {
	/** With all changes that were begun. */
	list(): Promise<readonly Item[]>;
	/** One change after the other, durable when it resolves; one that cannot be written did not happen. `null`: nothing is to be changed. `data-folder.unusable` */
	change(make: (items: readonly Item[]) => readonly Item[] | null): Promise<void>;
}

/** @param parse of what the file holds; throws for what is no such list @param unreadable for a file that cannot be read @throws `data-folder.unusable` */
export async function openPrivateList<Item>(
	file: string,
	parse: (content: unknown) => readonly Item[],
	unreadable: { readonly message: string; readonly hint: string },
): Promise<PrivateList<Item>> {
	let items = await read();
	let writing: Promise<void> = Promise.resolve();
	return {
		async list() {
			await writing;
			return items;
		},
		change(make) {
			const done = writing.then(async () => {
				const next = make(items);
				if (next === null) return;
				await writePrivately(file, `${JSON.stringify(next)}\n`);
				items = next;
			});
			writing = done.catch(() => undefined); // said by who waits for it
			return done;
		},
	};

	async function read(): Promise<readonly Item[]> {
		try {
			return parse(JSON.parse(await readFile(file, 'utf8')));
		} catch (cause) {
			if (systemErrorCode(cause) === 'ENOENT') return [];
			throw new EngineError('data-folder.unusable', unreadable.message, { hint: unreadable.hint, data: { path: file }, cause });
		}
	}
}
