import type { FreeRoom } from '../free-room.ts';

/** A record of a full, as far as dead room goes. */
export type TidyRecord = {
	readonly offset: number;
	/** With its header. */
	readonly lengthBytes: number;
	/** Of its length, what belongs to chunks that nobody needs. */
	readonly deadBytes: number;
	/** It holds small chunks only, which can be packed anew without the dead ones. */
	readonly isGroup: boolean;
};

export type Room = Pick<FreeRoom, 'gapBytes' | 'hasGap' | 'largestGap'>;

/** Records by offset, and how much of the file is needed and is not. */
export type Layout = {
	readonly records: readonly TidyRecord[];
	readonly liveBytes: number;
	/** Inside of records. */
	readonly sparseBytes: number;
	/** Between records. */
	readonly gapBytes: number;
	/** Of it, what lies in gaps that hold a group. */
	readonly usableBytes: number;
	/** Index and root, which each commit writes anew, elsewhere. */
	readonly metaBytes: number;
};

export function layoutOf(records: readonly TidyRecord[], room: Pick<FreeRoom, 'gapBytes' | 'gapBytesFrom'>, metaBytes: number): Layout {
	let [sparseBytes, liveBytes] = [0, 0];
	for (const { lengthBytes, deadBytes } of records) {
		sparseBytes += deadBytes;
		liveBytes += lengthBytes - deadBytes;
	}
	return { records, liveBytes, sparseBytes, gapBytes: room.gapBytes, usableBytes: room.gapBytesFrom(leastGroupBytes), metaBytes };
}

/** Group records that lie one after the other are packed anew together, up to so many bytes: what they leave is a large gap. */
const windowBytes = 4 * 1024 * 1024;
/** A group is not made smaller than this to fit into a gap: it would compress badly. */
export const leastGroupBytes = 64 * 1024;
/** What a group will compress to is known only about. */
const certainty = 0.97;

/** Of what is tolerated, the part that may lie inside of groups and in slivers beside them, at first. The rest is for gaps that the next step fills. */
const sparseShare = 0.6;

type Window = { readonly records: TidyRecord[]; liveBytes: number; deadBytes: number };

/** One round of moves, which is to be followed by a commit. */
export type Round = {
	/** Records to pack anew, those first that free the most for each live byte that is written again. */
	readonly sparse: readonly TidyRecord[];
	/** Or bytes by which the file is to end earlier, by moves into gaps of at most so many bytes. */
	readonly toFree: number;
	readonly maxBytes: number;
};

/**
 * What is done to a full after a step, round by round, until no more is dead than a twenty-fifth of its live data and half of what the step brought, or nothing fits any more. First
 * groups that have died in part are packed anew, then the gaps are filled from the end.
 *
 * Freeing a byte costs (1 − *d*) / *d* bytes that are written again, if the group has died by the share *d*. Under a steady change of the share *c* from
 * step to step, all over small chunks, the groups that are due have died by about twice of what is dead on average, *s*: each step writes *c* / 2*s* of the file
 * again. Whatever happens, one step moves no more than three quarters of the live data and what it brought; what is left over waits for the next one.
 * What packing anew does not need of that is for filling gaps: with a share of its own, which ran out, gaps of a tenth of the file stayed on some days.
 */
export class Tidying {
	readonly #broughtBytes: number;
	#sparseLeft = Number.POSITIVE_INFINITY;
	/** Of all moves. */
	#moveLeft = Number.POSITIVE_INFINITY;

	constructor(broughtBytes: number) {
		this.#broughtBytes = broughtBytes;
	}

	/** @returns null when all is done */
	next(layout: Layout): Round | null {
		const { liveBytes, usableBytes, metaBytes } = layout;
		const dead = layout.sparseBytes + layout.gapBytes;
		const tolerated = liveBytes / 25 + this.#broughtBytes / 2;
		this.#sparseLeft = Math.min(this.#sparseLeft, liveBytes / 2);
		this.#moveLeft = Math.min(this.#moveLeft, (liveBytes * 3) / 4 + this.#broughtBytes);
		// until a commit the former places are not free: gaps are filled, but for the next index, or the file grows by a little
		const room = Math.max(usableBytes * 0.9 - metaBytes, liveBytes / 32, windowBytes);
		const sparse = chooseSparse(layout, tolerated * sparseShare, Math.min(this.#sparseLeft, this.#moveLeft, room));
		if (sparse.length > 0) {
			this.#sparseLeft -= liveOf(sparse);
			this.#moveLeft -= liveOf(sparse);
			return { sparse, toFree: 0, maxBytes: 0 };
		}
		const maxBytes = Math.min(this.#moveLeft, room);
		if (dead <= tolerated || maxBytes <= 0) return null;
		return { sparse, toFree: dead - tolerated, maxBytes };
	}

	/** So much was moved to fill gaps. */
	filled(bytes: number): void {
		this.#moveLeft -= bytes;
		if (bytes === 0) this.#moveLeft = 0; // nothing fits into the gaps that there are
	}
}

const liveOf = (records: readonly TidyRecord[]): number => records.reduce((sum, { lengthBytes, deadBytes }) => sum + lengthBytes - deadBytes, 0);

/** @param mostDead that may stay @param maxBytes at most so many live bytes */
function chooseSparse(layout: Layout, mostDead: number, maxBytes: number): TidyRecord[] {
	const windows = windowsOf(layout);
	let dead = windows.reduce((sum, { deadBytes }) => sum + deadBytes, 0);
	let left = maxBytes;
	const sparse: TidyRecord[] = [];
	for (const window of windows.sort((a, b) => b.deadBytes / b.liveBytes - a.deadBytes / a.liveBytes)) {
		if (dead <= mostDead || window.deadBytes <= 0 || window.liveBytes > left) break;
		sparse.push(...window.records);
		dead -= window.deadBytes;
		left -= window.liveBytes;
	}
	return sparse;
}

const endOf = ({ offset, lengthBytes }: TidyRecord): number => offset + lengthBytes;

/** Runs of neighbouring groups. The gaps before them, and behind the last one, are freed with them: that is how small gaps come together. */
function windowsOf({ records, liveBytes }: Layout): Window[] {
	const mostBytes = Math.min(windowBytes, liveBytes / 64);
	const windows: Window[] = [];
	let window: Window | undefined;
	for (const [i, record] of records.entries()) {
		const gapBefore = scatteredBefore(records, i);
		if (!record.isGroup) {
			if (window) window.deadBytes += gapBefore;
			window = undefined;
			continue;
		}
		if (!window || window.liveBytes >= mostBytes) {
			window = { records: [], liveBytes: 0, deadBytes: 0 };
			windows.push(window);
		}
		window.records.push(record);
		window.liveBytes += record.lengthBytes - record.deadBytes;
		window.deadBytes += record.deadBytes + gapBefore;
	}
	return windows;
}

/** The gap before a record, if it is smaller than the records beside it: others will hardly fit in. */
function scatteredBefore(records: readonly TidyRecord[], i: number): number {
	const [before, after] = [records[i - 1], records[i]];
	if (!before || !after) return 0;
	const gap = after.offset - endOf(before);
	return gap < leastGroupBytes && (before.isGroup || after.isGroup) ? gap : 0;
}

/**
 * Up to which expected size the next group is to be packed, so that it fills a gap and leaves no sliver.
 * @param fullBytes what a group of the usual size comes to
 */
export function groupLimit(room: Room, fullBytes: number): number {
	const { largestGap } = room;
	if (largestGap < leastGroupBytes || largestGap > 2 * fullBytes) return fullBytes;
	return (largestGap > fullBytes ? largestGap / 2 : largestGap) * certainty;
}

export type TidyMove = { readonly record: TidyRecord; readonly how: 'whole' | 'repacked' };

/**
 * Records that move into gaps before them, one after the other; whoever takes one moves it before asking for the next. First those at the end, so that the
 * file ends earlier: as they lie where a gap holds them, otherwise packed anew in the sizes of the gaps. Where that is stuck, those that keep gaps
 * apart, so that larger ones come about.
 * @param records by offset, without those that move anyway
 */
export function* movesIntoGaps(records: readonly TidyRecord[], room: Room, toFree: number, maxBytes: number): Generator<TidyMove, void> {
	let left = maxBytes;
	let last = records.length - 1;
	const end = records[last] ? endOf(records[last] as TidyRecord) : 0;
	for (; last >= 0; last--) {
		const record = records[last] as TidyRecord;
		if (end - endOf(record) >= toFree || record.lengthBytes > left) return;
		const isFitting = room.hasGap(record.lengthBytes, record.offset);
		const isSplit = !isFitting && record.isGroup && room.gapBytes > 2 * record.lengthBytes && room.hasGap(leastGroupBytes, record.offset);
		if (!isFitting && !isSplit) break;
		left -= record.lengthBytes;
		yield { record, how: isFitting ? 'whole' : 'repacked' };
	}
	for (const record of betweenGaps(records.slice(0, last))) {
		if (left <= 0) return;
		if (record.lengthBytes > left || !room.hasGap(record.lengthBytes, record.offset)) continue;
		left -= record.lengthBytes;
		yield { record, how: 'whole' };
	}
}

/** Records with dead room on both sides, those first that keep the most of it apart for their size. */
function betweenGaps(records: readonly TidyRecord[]): TidyRecord[] {
	const gain = new Map<TidyRecord, number>();
	for (let i = 1; i < records.length - 1; i++) {
		const [before, record, after] = [records[i - 1] as TidyRecord, records[i] as TidyRecord, records[i + 1] as TidyRecord];
		const gapBefore = record.offset - endOf(before);
		const gapAfter = after.offset - endOf(record);
		if (gapBefore > 0 && gapAfter > 0) gain.set(record, (gapBefore + gapAfter) / record.lengthBytes);
	}
	return [...gain.keys()].sort((a, b) => (gain.get(b) ?? 0) - (gain.get(a) ?? 0));
}
