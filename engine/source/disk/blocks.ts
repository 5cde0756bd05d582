/** A run of blocks that may hold data; blocks outside all runs read as zeros. */
export type BlockRun = { readonly firstBlock: number; readonly blockCount: number };

/** Cuts the allocated extents of a disk into runs of at most `maxBlocks` whole blocks, ascending, none twice. */
export function* planBlockRuns(
	extents: Iterable<{ readonly offsetBytes: number; readonly lengthBytes: number }>,
	blockSizeBytes: number,
	maxBlocks: number,
): Generator<BlockRun> {
	let first = 0;
	let end = 0;
	function* cut(): Generator<BlockRun> {
		for (let at = first; at < end; at += maxBlocks) yield { firstBlock: at, blockCount: Math.min(maxBlocks, end - at) };
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
