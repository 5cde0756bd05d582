/** A run of blocks that may hold data; blocks outside all runs read as zeros. */
export type BlockRun = { readonly firstBlock: number; readonly blockCount: number };

/** Cuts the allocated extents of a disk into runs of whole blocks, ascending, none twice. A run ends at the latest where the number of the next block is a multiple of `maxBlocks`. */
export function* planBlockRuns(
	extents: Iterable<{ readonly offsetBytes: number; readonly lengthBytes: number }>,
	blockSizeBytes: number,
	maxBlocks: number,
): Generator<BlockRun> {
	let first = 0;
	let end = 0;
	function* cut(): Generator<BlockRun> {
		for (let at = first; at < end; ) {
			const next = Math.min(end, at - (at % maxBlocks) + maxBlocks);
			yield { firstBlock: at, blockCount: next - at };
			at = next;
		}
	}
	for (const { offsetBytes, lengthBytes } of extents) {
		if (lengthBytes <= 0) continue;
		const extentFirst = Math.max(end, Math.floor(offsetBytes / blockSizeBytes));
		const extentEnd = Math.ceil((offsetBytes + lengthBytes) / blockSizeBytes);
		if (extentEnd <= extentFirst) continue;
		if (extentFirst > end) {
			yield* cut();
			first = extentFirst;
		}
		end = extentEnd;
	}
	yield* cut();
}
