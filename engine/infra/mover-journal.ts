import { join } from 'node:path';
import type { JournalEntry, SnapshotJournal } from '../snapshot/index.ts';
import { openPrivateList } from './private-list.ts';

/** What must be undone after a snapshot of a machine that has no database: a file in the folder of its data mover. `data-folder.unusable`. */
export async function openMoverJournal(folder: string): Promise<SnapshotJournal> {
	const file = join(folder, 'snapshots.json');
	const { list, change } = await openPrivateList(file, parseEntries, {
		message: `The file ${file}, in which snapshots are written down that may have to be removed, cannot be read.`,
		hint: 'Remove snapshots named holdfast on the volumes of this machine by hand, then this file.',
	});
	return {
		add: (added) => change((present) => (added.length === 0 ? null : [...present, ...added])),
		update: (entry) => change((present) => present.map((each) => (each.id === entry.id ? entry : each))),
		remove: (id) => change((present) => present.filter((each) => each.id !== id)),
		list,
	};
}

function parseEntries(content: unknown): readonly JournalEntry[] {
	if (!Array.isArray(content)) throw new TypeError('It is no list.');
	return content as JournalEntry[];
}
