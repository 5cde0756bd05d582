import type { DataExtent } from './port.ts';

export const defaultMaxExtents = 100_000;

export type Seek = {
	/** Offset of the next data or hole at or after `from`; null at the end of the file (ENXIO), `unsupported` where the file system cannot tell. */
	next(what: 'data' | 'hole', from: number): number | null | 'unsupported';
};

/** The contract is `FilePort.dataExtents`. Kernels differ only in the numbers of the two calls. */
export function collectDataExtents({ next }: Seek, sizeBytes: number, maxExtents: number): readonly DataExtent[] {
	const extents: DataExtent[] = [];
	for (let at = 0; at < sizeBytes; ) {
		const start = next('data', at);
		if (start === 'unsupported') return [{ offset: 0, length: sizeBytes }];
		if (start === null || start >= sizeBytes) break;
		const end = extents.length + 1 < maxExtents ? next('hole', start) : sizeBytes;
		if (end === null) break; // shrank between the two calls: there is nothing at `start` any more
		// not to be trusted to advance: a file system that answers nonsense must not keep us here
		const stop = end === 'unsupported' || end <= start ? sizeBytes : Math.min(end, sizeBytes);
		extents.push({ offset: start, length: stop - start });
		at = stop;
	}
	return extents;
}
