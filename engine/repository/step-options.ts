import type { StepPart } from '../contract/index.ts';

/** Hears how many bytes a step moves between files. Called often, never throws. */
export interface StepProgress {
	begins(part: StepPart): void;
	/** So many bytes more are to be moved than was said before; fewer when negative. */
	expects(bytes: number): void;
	moved(bytes: number): void;
}

export type StepOptions = {
	readonly signal: AbortSignal;
	readonly progress?: StepProgress | undefined;
	/** Bytes that the caller has told `progress` to expect of this step: taken back when the step knows better. */
	readonly announcedBytes?: number | undefined;
	/** A merge or a compaction commits what it has moved at least this often, so that a step that is interrupted does not begin anew. Default: `usualCommitBytes`. */
	readonly commitEveryBytes?: number | undefined;
};

/** A commit waits until the disk has stored all of it: less often costs less, and what an interruption costs is still some seconds of copying. */
export const usualCommitBytes = 4 * 1024 ** 3;
