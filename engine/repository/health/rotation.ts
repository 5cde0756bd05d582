/**
 * Which part of a chain a health check reads on which day, so that every stored byte is read within a stated number of days. Pure: it follows
 * from a record's place, the day, and when each slice was read last.
 *
 * A backup file is cut into stripes of 16 MiB, whatever it measures, so that a file that grows moves no record into another stripe. Stripes go
 * to the slices in turn, each file beginning with another one; slice *s* of *S* is due on the days whose number modulo *S* is *s*. Days that were
 * missed are made up for. When checks are *w* days apart, S = days − w + 1: a slice that is due right after a check waits w − 1 days for the next one.
 */
import { crc32 } from 'node:zlib';

const stripeBytes = 16 * 1024 * 1024;
export const dayMs = 86_400_000;

export const dayOf = (ms: number): number => Math.floor(ms / dayMs);

/** The slice of the record that begins at `offset`. @param path of its file in the repository: files begin with different slices */
export const sliceOf = (path: string, offset: number, sliceCount: number): number =>
	((crc32(path) % sliceCount) + Math.floor(offset / stripeBytes)) % sliceCount;

/** How many slices there are when all of them shall be read within `days` and checks are at most `daysBetween` apart. */
export const sliceCountFor = (days: number, daysBetween: number): number => Math.max(1, days - Math.max(1, daysBetween) + 1);

/** When each slice was read last; null: never. */
export type SlicesRead = readonly (number | null)[];

/** What is known of slices of another number is as old as the oldest of them. */
export function resliced(readAt: SlicesRead, sliceCount: number): SlicesRead {
	if (readAt.length === sliceCount) return readAt;
	const oldest = readAt.length === 0 || readAt.includes(null) ? null : Math.min(...readAt.map(Number));
	return Array.from({ length: sliceCount }, () => oldest);
}

/** The slices to read now, those first that have waited longest. @param writtenAt a slice that was never read holds nothing older than this */
export function dueSlices(readAt: SlicesRead, writtenAt: number, nowMs: number): number[] {
	const today = dayOf(nowMs);
	const sliceCount = readAt.length;
	return readAt
		.map((at, slice) => {
			const dueOn = today - ((((today - slice) % sliceCount) + sliceCount) % sliceCount);
			const isCredible = at !== null && dayOf(at) <= today; // a clock that was ahead does not put a slice off
			const lastRead = Math.min(dayOf(isCredible ? at : writtenAt), today);
			return { slice, dueOn, isDue: lastRead < dueOn };
		})
		.filter(({ isDue }) => isDue)
		.sort((a, b) => a.dueOn - b.dueOn)
		.map(({ slice }) => slice);
}
