import assert from 'node:assert/strict';
import test from 'node:test';
import { FreeRoom, type Span } from '../free-room.ts';
import { type Random, seededRandom } from '../testing/random.ts';
import { groupLimit, type Layout, layoutOf, movesIntoGaps, Tidying } from './tidy-plan.ts';

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1);
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const firstRecord = 8192;
const largeChunk = 128 * kibibyte;

type Chunk = { readonly bytes: number; readonly packedBytes: number; isLive: boolean; record: PaperRecord | undefined };
type PaperRecord = { readonly offset: number; readonly lengthBytes: number; readonly rawBytes: number; liveRawBytes: number; chunks: readonly Chunk[] };
const rawOf = (chunks: readonly Chunk[]): number => chunks.reduce((sum, { bytes }) => sum + bytes, 0);

/** What a full holds, with sizes in place of content: months of merges take a second. As in a real file, nothing is overwritten before a commit. */
class PaperFull {
	readonly #random: Random;
	readonly #sizeOf: (random: Random) => number;
	#records: PaperRecord[] = [];
	#metaBytes = 0;
	#room = new FreeRoom([], firstRecord);
	readonly #chunks: Chunk[];
	movedBytes = 0;

	constructor(random: Random, count: number, sizeOf: (random: Random) => number) {
		this.#random = random;
		this.#sizeOf = sizeOf;
		this.#chunks = Array.from({ length: count }, () => this.#newChunk());
		this.#pack(this.#chunks);
		this.#commit();
	}

	#newChunk(): Chunk {
		const bytes = this.#sizeOf(this.#random);
		return { bytes, packedBytes: bytes * (0.3 + 0.6 * this.#random.next()), isLive: true, record: undefined };
	}

	/** Groups of about 1 MiB, chunks of 128 KiB and more alone; what a group compresses to is known only about. */
	#pack(chunks: Iterable<Chunk>, isFitted = false): void {
		let group: Chunk[] = [];
		let [bytes, packed] = [0, 0];
		let limit = 0;
		const flush = (): void => {
			if (group.length > 0) this.#append(Math.ceil(40 + packed * (0.98 + 0.04 * this.#random.next())), group, undefined, isFitted ? 'largest' : undefined);
			[group, bytes, packed] = [[], 0, 0];
		};
		for (const chunk of chunks) {
			if (chunk.bytes >= largeChunk) this.#append(Math.ceil(40 + chunk.packedBytes), [chunk]);
			else {
				if (group.length === 0) limit = isFitted ? groupLimit(this.#room, 0.6 * mebibyte) : mebibyte;
				if (packed + chunk.packedBytes > limit) flush();
				group.push(chunk);
				bytes += chunk.bytes;
				packed += chunk.packedBytes;
				if (bytes >= mebibyte) flush();
			}
		}
		flush();
	}

	#append(lengthBytes: number, chunks: readonly Chunk[], rawBytes = rawOf(chunks), limit?: number | 'largest'): void {
		const offset = limit === 'largest' ? this.#room.takeFromLargest(lengthBytes) : this.#room.take(lengthBytes, limit);
		const record = { offset, lengthBytes, rawBytes, liveRawBytes: 0, chunks };
		for (const chunk of chunks) chunk.record = record;
		this.#records.push(record);
	}

	#commit(): void {
		let kept = 0;
		for (const record of this.#records) {
			record.chunks = record.chunks.filter((chunk) => chunk.isLive && chunk.record === record);
			record.liveRawBytes = rawOf(record.chunks);
			kept += record.chunks.length;
		}
		this.#records = this.#records.filter(({ chunks }) => chunks.length > 0).sort((a, b) => a.offset - b.offset);
		const meta: Span[] = [];
		const takeMeta = (length: number): void => void meta.push({ offset: this.#room.take(length), length });
		for (let left = 8 + this.#records.length * 24 + kept * 44; left > 0; ) {
			const piece = Math.min(left, 4 * mebibyte, this.#room.largestGap > 64 * kibibyte ? this.#room.largestGap - 40 : Number.POSITIVE_INFINITY);
			takeMeta(piece + 40);
			left -= piece;
		}
		takeMeta(1000);
		this.#metaBytes = firstRecord + meta.reduce((sum, { length }) => sum + length, 0);
		this.#room = new FreeRoom([...this.#records.map(({ offset, lengthBytes }) => ({ offset, length: lengthBytes })), ...meta], firstRecord);
	}

	#layout(): Layout {
		const records = this.#records.map(({ offset, lengthBytes, rawBytes, liveRawBytes, chunks }) => {
			const isGroup = (chunks[0]?.bytes ?? 0) < largeChunk;
			return { offset, lengthBytes, deadBytes: lengthBytes * (1 - liveRawBytes / rawBytes), isGroup };
		});
		return layoutOf(records, this.#room, this.#metaBytes);
	}

	get liveBytes(): number {
		return this.#layout().liveBytes + this.#metaBytes;
	}

	get fileBytes(): number {
		return this.#room.end;
	}

	/** An increment is merged: so many chunks replace others. @returns the bytes that it brought */
	merge(count: number, choose: (random: Random, count: number) => number): number {
		const added: Chunk[] = [];
		for (let i = 0; i < count; i++) {
			const at = choose(this.#random, this.#chunks.length);
			(this.#chunks[at] as Chunk).isLive = false;
			const chunk = this.#newChunk();
			this.#chunks[at] = chunk;
			added.push(chunk);
		}
		const first = this.#records.length;
		this.#pack(added.filter(({ isLive }) => isLive));
		const broughtBytes = this.#records.slice(first).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
		this.#commit();
		return broughtBytes;
	}

	/** @returns the most that the file had over its live data on the way */
	tidy(broughtBytes: number): number {
		let peak = 0;
		const tidying = new Tidying(broughtBytes);
		for (;;) {
			const layout = this.#layout();
			const round = tidying.next(layout);
			if (round === null) return peak;
			const byOffset = new Map(this.#records.map((record) => [record.offset, record]));
			const sparse = new Set(round.sparse);
			const first = this.#records.length;
			const rest = layout.records.filter((record) => !sparse.has(record));
			const append = (stored: PaperRecord): void => this.#append(stored.lengthBytes, stored.chunks, stored.rawBytes, stored.offset);
			const room = this.#room;
			const repacked = (function* (): Generator<Chunk, void> {
				for (const { offset } of round.sparse) yield* byOffset.get(offset)?.chunks ?? [];
				for (const { record, how } of movesIntoGaps(rest, room, round.toFree, round.maxBytes)) {
					const stored = byOffset.get(record.offset) as PaperRecord;
					if (how === 'whole') append(stored);
					else yield* stored.chunks;
				}
			})();
			this.#pack(repacked, true);
			const moved = this.#records.slice(first).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
			if (round.sparse.length === 0) tidying.filled(moved);
			this.movedBytes += moved;
			peak = Math.max(peak, this.#room.end / layout.liveBytes);
			this.#commit();
		}
	}
}

const uniform = (random: Random, count: number): number => random.below(count);
/** Nine of ten changes hit a tenth of the chunks. */
const skewed = (random: Random, count: number): number => (random.chance(0.9) ? random.below(Math.ceil(count / 10)) : random.below(count));
const small = (random: Random): number => 2000 + random.below(4000);
const middling = (random: Random): number => 4000 + random.below(24_000);
const large = (random: Random): number => 256 * kibibyte + random.below(768 * kibibyte);
const mixed = (random: Random): number => (random.chance(0.9) ? small(random) : large(random));

type Life = {
	readonly title: string;
	readonly count: number;
	readonly sizeOf: (random: Random) => number;
	readonly choose: (random: Random, count: number) => number;
	readonly share: number;
	/** Dead room over live data and one increment, after any day. */
	readonly most: number;
};

// Where groups of small chunks are all that there is and each loses a little each day, about half of the file is written again each day to stay at a twentieth.
const lives: readonly Life[] = [
	{ title: 'large chunks', count: 400, sizeOf: large, choose: uniform, share: 0.03, most: 0.05 },
	{ title: 'small and large chunks', count: 5000, sizeOf: mixed, choose: uniform, share: 0.03, most: 0.07 },
	{ title: 'nothing but middling chunks, all over the place', count: 6000, sizeOf: middling, choose: uniform, share: 0.03, most: 0.05 },
	{ title: 'nothing but small chunks, all over the place', count: 24_000, sizeOf: small, choose: uniform, share: 0.03, most: 0.06 },
	{ title: 'nothing but small chunks, most in a tenth of them', count: 24_000, sizeOf: small, choose: skewed, share: 0.03, most: 0.05 },
	{ title: 'a tenth of small chunks', count: 24_000, sizeOf: small, choose: uniform, share: 0.1, most: 0.1 },
];

for (const { title, count, sizeOf, choose, share, most } of lives) {
	test(`on each of 30 days of changes of ${title}, dead room and what is moved against it stay in bounds`, (t) => {
		t.diagnostic(`HOLDFAST_TEST_SEED=${seed}`);
		const full = new PaperFull(seededRandom(seed), count, sizeOf);
		const days = 30;
		let [merged, worst, worstMoved, peak] = [0, 0, 0, 0];
		for (let day = 1; day <= days; day++) {
			const broughtBytes = full.merge(Math.ceil(count * share), choose);
			const before = full.movedBytes;
			peak = Math.max(peak, full.tidy(broughtBytes));
			const { liveBytes } = full;
			worst = Math.max(worst, (full.fileBytes - liveBytes - broughtBytes) / liveBytes);
			worstMoved = Math.max(worstMoved, (full.movedBytes - before - broughtBytes) / liveBytes);
			merged += broughtBytes;
		}
		const percent = (of: number): string => `${(of * 100).toFixed(1)} %`;
		const daily = (bytes: number): string => percent(bytes / days / full.liveBytes);
		t.diagnostic(
			`${percent(worst)} over live data and one increment; moved ${daily(full.movedBytes)} a day beside ${daily(merged)} merged; peak ${percent(peak - 1)}`,
		);
		assert(worst <= most, `${percent(worst)} over live data and one increment`);
		assert(worstMoved <= 0.8, `${percent(worstMoved)} of the live data moved in one day`);
		assert(peak <= 1.4, `the file grew to ${peak} of its live data on the way`);
	});
}

test('a full with little dead room is left alone', () => {
	const full = new PaperFull(seededRandom(seed), 200, large);
	full.tidy(full.merge(2, uniform));
	assert.equal(full.movedBytes, 0);
});
