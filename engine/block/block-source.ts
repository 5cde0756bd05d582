export type BlockExtent = { readonly offsetBytes: number; readonly lengthBytes: number };

/**
 * The read side of a disk. Synchronous, because it is read by worker threads; an instance belongs to the thread that opened it.
 * Describes the disk as its users see it, whatever the format that stores it.
 */
export interface BlockSource extends Disposable {
	readonly sizeBytes: number;
	readonly format: 'raw' | 'qcow2' | 'device' | 'nbd';
	/**
	 * Where data may lie: ascending, not touching, within `sizeBytes`. Everything outside reads as zeros; what is inside may be zeros too.
	 * A disk with very many holes gets the smallest ones left out, so that the list stays within a few hundred thousand entries.
	 * Fails with `source.unreadable` when the tables of an image are damaged.
	 */
	extents(): readonly BlockExtent[];
	/**
	 * Fills `target` from `offsetBytes` on and returns the number of bytes: all of `target`, or less only at the end of the disk.
	 * Fails with `source.unreadable` (a range that cannot be read or decoded; other ranges may still be fine) or
	 * `source.changed` (the image shrank since it was opened).
	 */
	readSync(target: Uint8Array, offsetBytes: number): number;
	/** Closes what is open, backing files included. Calling it again does nothing. */
	close(): void;
}
