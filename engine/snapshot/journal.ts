/** What must be undone whatever happens, in the order in which it was begun. */
import type { Lease } from './provider.ts';

/** One line of the journal: a snapshot that is or may be there, or an application that is or may be frozen, or waits to be told that it is over. */
export type JournalEntry =
	| { readonly kind: 'snapshot'; readonly id: string; readonly lease: Lease }
	| { readonly kind: 'freeze'; readonly id: string; readonly sessionId: string; readonly writer: string; readonly takenAt: number };

/** Durable when its promises resolve. */
export interface SnapshotJournal {
	/** All or none. */
	add(entries: readonly JournalEntry[]): Promise<void>;
	/** Replaces an entry by that of the same id; nothing happens when it is gone. */
	update(entry: JournalEntry): Promise<void>;
	/** What is not there is no error. */
	remove(id: string): Promise<void>;
	/** Oldest first. */
	list(): Promise<readonly JournalEntry[]>;
}
