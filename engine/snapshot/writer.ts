/**
 * Who brings an application into a state fit for backup, and back. Called in the order of this interface by the requestor, one writer after the
 * other; thaw in reverse order. What a writer cannot do in time is given up; `thaw` and `end` are called all the same.
 */
import type { Snapshot } from './provider.ts';
import type { View } from './volume.ts';

export type WriterIdentity = {
	/** For people: `PostgreSQL 15 at /var/run/postgresql`. */
	readonly title: string;
	/** Files and folders of the application that must be in the snapshot; empty: the writer does not tell. */
	readonly paths: readonly string[];
	/** Its files belong together only where all of them are of one instant, although it is held still: it writes on behind its own back. */
	readonly needsOneInstant?: true;
};

export type WriterOptions = { readonly signal: AbortSignal };

/** All calls may fail with `snapshot.writer`. */
export interface SnapshotWriter {
	/** `KIND:SPEC`, as the job names it: enough to thaw after a crash, in another process (see `WriterFactory`). */
	readonly spec: string;
	/** Reaches the application and says what it is. Changes nothing. */
	identify(options: WriterOptions): Promise<WriterIdentity>;
	/** Whatever takes long and can be done while the application works: checkpoints. */
	prepare(options: WriterOptions): Promise<void>;
	/** When it resolves nothing of the application changes on its volumes, or what changes is harmless to its snapshot. */
	freeze(options: WriterOptions): Promise<void>;
	/**
	 * Lets the application go on. Always called once freezing was begun, also when it failed, and by the next start of the engine after a crash, then on
	 * a new instance. Idempotent. `lost`: the application went on by itself before this call, so that the snapshot is not consistent.
	 */
	thaw(options: WriterOptions): Promise<'held' | 'lost'>;
	/**
	 * The snapshot exists and the application works: auto-recovery in it, if it is writable. What it returns is read beside, or instead of, what is in the
	 * snapshot: `path` as the application has it, `at` where the bytes are.
	 */
	postSnapshot(snapshots: readonly Snapshot[], options: WriterOptions): Promise<readonly View[]>;
	/** Everything has been read, or it was given up: removes what `postSnapshot` returned, truncates logs if it should. Always called once `prepare` was begun. */
	end(outcome: 'complete' | 'aborted', options: WriterOptions): Promise<void>;
}

/** Makes the writers of one kind. */
export interface WriterFactory {
	/** The `KIND` of `KIND:SPEC`. */
	readonly kind: string;
	/** One line for `--help`: what SPEC is. */
	readonly usage: string;
	/** Changes nothing. `spec` is what follows the kind. @throws `usage.invalid` when it cannot be understood */
	open(spec: string): SnapshotWriter;
}
