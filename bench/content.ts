/**
 * Bytes that compress as real ones do, made faster than a disk takes them. Runs are cut out of pools that are made once;
 * a stamp in each sector makes every run unique, so that no peer gains by deduplication what real data would not give it.
 */
import { type Cipheriv, createCipheriv } from 'node:crypto';
import { SeededRandom } from './random.ts';

export const contentKinds = ['text', 'source', 'binary', 'noise'] as const;
export type ContentKind = (typeof contentKinds)[number];

const poolBytes = 8 << 20;
const longestRunBytes = 64 << 10;
const sectorBytes = 512;
const hexDigits = Buffer.from('0123456789abcdef');

export class ContentSource {
	readonly #pools: Record<Exclude<ContentKind, 'noise'>, Buffer>;
	readonly #keystream: Cipheriv;
	readonly #zeros = Buffer.alloc(1 << 20);

	constructor(seed: number) {
		const random = new SeededRandom(seed);
		const words = vocabulary(random);
		this.#pools = { text: prosePool(random, words), source: sourcePool(random, words), binary: recordPool(random) };
		const key = Buffer.alloc(16);
		key.writeUInt32LE(seed >>> 0);
		this.#keystream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
	}

	/** Fills `target` with content of one kind; what comes out depends on all calls before. */
	fill(target: Buffer, kind: ContentKind, random: SeededRandom): void {
		if (kind === 'noise') {
			for (let at = 0; at < target.length; at += this.#zeros.length) {
				target.set(this.#keystream.update(this.#zeros.subarray(0, Math.min(this.#zeros.length, target.length - at))), at);
			}
			return;
		}
		const pool = this.#pools[kind];
		for (let at = 0; at < target.length; ) {
			const from = random.below(poolBytes);
			const length = Math.min(longestRunBytes, target.length - at, poolBytes - from);
			pool.copy(target, at, from, from + length);
			at += length;
		}
		for (let at = 0; at + 8 <= target.length; at += sectorBytes) {
			const stamp = random.uint32();
			if (kind === 'binary') target.writeUInt32LE(stamp, at);
			else for (let digit = 0; digit < 8; digit++) target[at + digit] = hexDigits[(stamp >>> (digit * 4)) & 15] as number;
		}
	}
}

function vocabulary(random: SeededRandom): Buffer[] {
	const syllables =
		'ba be ca con da de dis en er es fa for ga hi in ing is ka la le ma men mi na no on or pa per pro ra re ri sa se sta ta ter ti tion un ve wa'.split(' ');
	return Array.from({ length: 4096 }, () => Buffer.from(Array.from({ length: 1 + random.below(4) }, () => random.pick(syllables)).join('')));
}

/** Few words are common and most are rare: with 3 about as uneven as in a language, with more as in a program. */
const commonWord = (random: SeededRandom, words: readonly Buffer[], unevenness: number): Buffer =>
	words[Math.floor(words.length * random.fraction() ** unevenness)] as Buffer;

function fillPool(next: () => Uint8Array): Buffer {
	const pool = Buffer.allocUnsafe(poolBytes);
	for (let at = 0; at < poolBytes; ) {
		const piece = next();
		pool.set(piece.subarray(0, poolBytes - at), at);
		at += piece.length;
	}
	return pool;
}

function prosePool(random: SeededRandom, words: readonly Buffer[]): Buffer {
	const [space, stop, newLine] = [Buffer.from(' '), Buffer.from('. '), Buffer.from('.\n')];
	let isWord = false;
	return fillPool(() => {
		isWord = !isWord;
		if (isWord) return commonWord(random, words, 3);
		const chance = random.below(40);
		return chance === 0 ? newLine : chance < 4 ? stop : space;
	});
}

function sourcePool(random: SeededRandom, words: readonly Buffer[]): Buffer {
	const shapes = ['const %=%(%);', 'if (%.% === %) {', '}', 'return %.%(%, %);', '// % % % % %', 'for (const % of %) {', 'export function %(%) {', '%: %,', ''];
	return fillPool(() => {
		const line = random.pick(shapes).replaceAll('%', () => commonWord(random, words, 8).toString());
		return Buffer.from(`${'\t'.repeat(random.below(5))}${line}\n`);
	});
}

/** Records as a program writes them: a counter, a slowly moving measurement, flags, padding, a few bytes of chance. */
function recordPool(random: SeededRandom): Buffer {
	let id = random.uint32();
	let level = 1000;
	return fillPool(() => {
		const record = Buffer.alloc(48);
		id = (id + 1 + random.below(3)) >>> 0;
		level += random.normal();
		record.writeUInt32LE(id, 0);
		record.writeUInt32LE(random.below(16), 4);
		record.writeDoubleLE(level, 8);
		record.writeUInt32LE(random.uint32(), 24);
		record.writeUInt16LE(random.below(1 << 16), 32);
		return record;
	});
}
