import type { Command } from '../measure.ts';

/** What is backed up: a folder, or one raw disk image. */
export type Subject = { readonly kind: 'tree' | 'disk'; readonly path: string };

/** Where a peer may write during one series: its repository, and a folder for caches, passwords and databases. */
export type Place = { readonly repository: string; readonly state: string; readonly subject: Subject };

/** One backup program on the bench. Commands are built here and run by the bench, so that all are measured alike. */
export interface Peer {
	readonly name: string;
	/** What a reader must know to compare fairly: encryption, compression. */
	readonly note: string;
	/** Its commands have another process work, of which nothing is known but how long it takes. */
	readonly worksElsewhere?: boolean;
	/** Version; throws when the program is missing. */
	version(): Promise<string>;
	/** Starts what must run beside it; it ends with the series. */
	open?(place: Place): Promise<Disposable>;
	/** What is done once and not measured: create the repository, define the job. */
	prepare(place: Place): readonly Command[];
	backUp(place: Place): Command;
	/** Restores the newest backup below `target`, an empty folder. */
	restore(place: Place, target: string): Command;
	/** Where the content of the subject is found after `restore`. */
	restored(place: Place, target: string): string;
}
