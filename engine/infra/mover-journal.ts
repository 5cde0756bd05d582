import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, systemErrorCode } from '../base/index.ts';
import type { JournalEntry, SnapshotJournal } from '../snapshot/index.ts';
import { writePrivately } from './mover-folder.ts';

/** What must be undone after a snapshot of a machine that has no database: a file in the folder of its data mover. `data-folder.unusable`. */
export async function openMoverJournal(folder: string): Promise<SnapshotJournal> {
	const file = join(folder, 'snapshots.json');
	let entries = await read(file);
	let writing: Promise<void> = Promise.resolve();
	/** One change after the other; one that cannot be written did not happen. */
	const change = (make: (entries: readonly JournalEntry[]) => readonly JournalEntry[]): Promise<void> => {
		const done = writing.then(async () => {
			const next = make(entries);
			await writePrivately(file, `${JSON.stringify(next)}\n`);
			entries = next;
		});
		writing = done.catch(() => undefined); // said by who waits for it
		return done;
	};
	return {
		add: (added) => (added.length === 0 ? Promise.resolve() : change((present) => [...present, ...added])),
		update: (entry) => change((present) => present.map((each) => (each.id === entry.id ? entry : each))),
		remove: (id) => change((present) => present.filter((each) => each.id !== id)),
		async list() {
			await writing;
			return entries;
		},
	};
}

async function read(file: string): Promise<readonly JournalEntry[]> {
	try {
		const entries: unknown = JSON.parse(await readFile(file, 'utf8'));
		if (Array.isArray(entries)) return entries as JournalEntry[];
	} catch (cause) {
		if (systemErrorCode(cause) === 'ENOENT') return [];
	}
	throw new EngineError('data-folder.unusable', `The file ${file}, in which snapshots are written down that may have to be removed, cannot be read.`, {
		hint: 'Remove snapshots named holdfast on the volumes of this machine by hand, then this file.',
		data: { path: file },
	});
}
