import type { Chain } from '../../../engine/contract/index.ts';

/** Geometry of a chain that is drawn as a bar: one segment per file, to scale. Pure. */
export type ChainFile = Chain['files'][number];
export type Segment = { readonly file: ChainFile; readonly x: number; readonly width: number };

/**
 * Lays the files side by side, `pxPerByte` wide each, but never narrower than can be hit with a pointer. What the small ones take
 * more than their share the large ones give, so that the bar as a whole stays to scale as long as it can.
 */
export function segments(files: readonly ChainFile[], pxPerByte: number, minPx = 5): Segment[] {
	const exact = files.map((file) => file.sizeBytes * pxPerByte);
	const total = exact.reduce((sum, width) => sum + width, 0);
	const large = exact.reduce((sum, width) => sum + Math.max(0, width - minPx), 0);
	const lacking = exact.reduce((sum, width) => sum + Math.max(0, minPx - width), 0);
	const share = large === 0 ? 0 : Math.min(1, lacking / large);
	let x = 0;
	return files.map((file, index) => {
		const wish = exact[index] as number;
		const width = total === 0 ? minPx : wish <= minPx ? minPx : wish - (wish - minPx) * share;
		const segment = { file, x, width };
		x += width;
		return segment;
	});
}

/** Everything that `path` needs in order to be restored, itself included. A damaged chain may name files that are not there, or go in a circle. */
export function needs(files: readonly ChainFile[], path: string): ReadonlySet<string> {
	const byPath = new Map(files.map((file) => [file.path, file]));
	const found = new Set<string>();
	for (let at: string | null = path; at !== null && !found.has(at); at = byPath.get(at)?.dependsOn ?? null) if (byPath.has(at)) found.add(at);
	return found;
}

/** Everything that cannot be restored without `path`, itself excluded. */
export function neededBy(files: readonly ChainFile[], path: string): ReadonlySet<string> {
	return new Set(files.filter((file) => file.path !== path && needs(files, file.path).has(path)).map((file) => file.path));
}

export const chainSize = (chain: Chain): number => chain.files.reduce((sum, file) => sum + file.sizeBytes, 0);

export const pointCount = (chain: Chain): number => chain.files.reduce((sum, file) => sum + file.pointIds.length, 0);

/**
 * What writing a chain anew asks for: every byte is read, what is still needed is written, and each file stays beside its copy until that is
 * verified, so that there must be room for the largest one.
 */
export const compactionCost = (chain: Chain): { readonly bytes: number; readonly roomBytes: number } => ({
	bytes: chainSize(chain),
	roomBytes: chain.files.reduce((most, { sizeBytes }) => Math.max(most, sizeBytes), 0),
});

/** What the next successful run removes: files, bytes, restore points. */
export function expiring(chain: Chain): { readonly files: number; readonly bytes: number; readonly points: number } {
	const leaving = chain.files.filter((file) => file.expires);
	return {
		files: leaving.length,
		bytes: leaving.reduce((sum, file) => sum + file.sizeBytes, 0),
		points: leaving.reduce((sum, file) => sum + file.pointIds.length, 0),
	};
}
