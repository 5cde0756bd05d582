import type { BlockExtent } from '../../block/index.ts';

/** `reason`: a sentence for an administrator, for the point that was read in full instead. */
export type ChangedSince = { readonly isKnown: true; readonly extents: readonly BlockExtent[] } | { readonly isKnown: false; readonly reason: string };

/**
 * What knows which parts of a disk have changed from one point to the next, so that the rest need not be read (PIPE-04). It is believed only about a token that it
 * gave itself and has kept track of ever since; a token that is lost, foreign or doubtful is not known, and all of the disk is read.
 */
export interface ChangeTracker {
	/** What is read now, by the name that a later call knows it by: to be kept with the point. At most 150 characters; null: nothing is remembered of it. */
	token(): string | null;
	/**
	 * Everything that may differ between what is read now and what was read under `token`: ascending, not touching, within the disk.
	 * @throws `source.*` when what tracks cannot be asked
	 */
	changedSince(token: string): ChangedSince;
}
