import type { BlankList } from './blank-list.ts';
import { type Region, sure } from './region.ts';

const pageSizes = [4096, 8192, 16_384, 32_768, 65_536];
const signature = 'SWAPSPACE2';

/** The page size of a Linux swap area that nothing is suspended to; null: it is none (mkswap(8), include/linux/swap.h). */
export const swapPageBytes = (area: Pick<Region, 'has'>): number | null => pageSizes.find((page) => area.has(signature, page - signature.length)) ?? null;

export const recognisesSwap = (area: Region): boolean => swapPageBytes(area) !== null;

/** Everything behind the first page, which names the area and is needed to use it again. */
export function findSwapPages(area: Region, blank: BlankList): void {
	const page = swapPageBytes(area);
	sure(page !== null, 'it is no swap area');
	const header = area.read(1024, 12);
	sure(header.readUInt32LE(0) === 1, 'its swap area is of an unknown version');
	const end = (header.readUInt32LE(4) + 1) * page;
	sure(end <= area.sizeBytes, 'its swap area is larger than it');
	blank.add(page, end);
}
