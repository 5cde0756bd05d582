import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { newId, systemClock, systemErrorCode } from '../../base/index.ts';
import { BlockMap } from './block-map.ts';

/** Instants that are remembered. Each takes a bit per block. */
const maxGenerations = 32;
const format = 'holdfast change log 1';
const digestBytes = 32;

type Generation = { readonly number: number; readonly changed: BlockMap };

/**
 * What has been written to a device between one instant and the next. It lies on disk only while nobody serves the device: a log that a crash
 * leaves cannot exist, and so none can be believed that is behind.
 */
export class ChangeLog {
	readonly #id: string;
	readonly #sizeBytes: number;
	/** Oldest first; the last one is open. Its number is that of the instant that it will end with. */
	readonly #generations: Generation[];

	constructor(sizeBytes: number, id: string = newId(systemClock.now()), generations: Generation[] = [{ number: 1, changed: new BlockMap(sizeBytes) }]) {
		this.#sizeBytes = sizeBytes;
		this.#id = id;
		this.#generations = generations;
	}

	/**
	 * Takes up the log that `save` left, and removes it. Begins anew where there is none, where it is damaged, or where the device is not what it was then: every token is
	 * unknown to the new one.
	 * @param identity of the device as it is now
	 */
	static open(path: string, sizeBytes: number, identity: string): ChangeLog {
		let bytes: Buffer;
		try {
			bytes = readFileSync(path);
		} catch (error) {
			if (systemErrorCode(error) !== 'ENOENT') throw error;
			return new ChangeLog(sizeBytes);
		}
		rmSync(path);
		return parse(bytes, sizeBytes, identity) ?? new ChangeLog(sizeBytes);
	}

	mark(offsetBytes: number, lengthBytes: number): void {
		this.#generations.at(-1)?.changed.addRange(offsetBytes, lengthBytes);
	}

	/** Ends a generation at this instant. `changes` tells, by token of every earlier instant that is remembered, what has changed from then to this one. */
	cut(): { readonly token: string; readonly changes: ReadonlyMap<string, () => BlockMap> } {
		const past = [...this.#generations]; // none of them changes any more
		const { number } = past.at(-1) as Generation;
		this.#generations.push({ number: number + 1, changed: new BlockMap(this.#sizeBytes) });
		if (this.#generations.length > maxGenerations) this.#generations.shift();
		const changes = past.flatMap((generation, i) =>
			generation.number === 1 ? [] : [[this.#token(generation.number - 1), () => this.#sum(past.slice(i))] as const],
		);
		return { token: this.#token(number), changes: new Map(changes) };
	}

	#sum(generations: readonly Generation[]): BlockMap {
		const sum = new BlockMap(this.#sizeBytes);
		for (const { changed } of generations) sum.addAll(changed);
		return sum;
	}

	/** Durable when it returns. @param identity of the device as it is left */
	save(path: string, identity: string): void {
		const head = { format, id: this.#id, sizeBytes: this.#sizeBytes, identity, numbers: this.#generations.map(({ number }) => number) };
		const content = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...this.#generations.map(({ changed }) => changed.bits)]);
		const temporary = `${path}.new`;
		const fd = openSync(temporary, 'w', 0o600);
		try {
			const whole = Buffer.concat([createHash('sha256').update(content).digest(), content]);
			for (let done = 0; done < whole.length; ) done += writeSync(fd, whole, done);
			fsyncSync(fd);
		} finally {
			closeSync(fd);
		}
		renameSync(temporary, path);
	}

	#token(number: number): string {
		return `${this.#id}-${number}`;
	}
}

function parse(bytes: Buffer, sizeBytes: number, identity: string): ChangeLog | null {
	const content = bytes.subarray(digestBytes);
	if (bytes.length < digestBytes || !createHash('sha256').update(content).digest().equals(bytes.subarray(0, digestBytes))) return null;
	const end = content.indexOf('\n');
	const head = JSON.parse(content.toString('utf8', 0, end)) as { format: string; id: string; sizeBytes: number; identity: string; numbers: number[] };
	if (head.format !== format || head.sizeBytes !== sizeBytes || head.identity !== identity) return null;
	const length = BlockMap.bytesFor(sizeBytes);
	const generations = head.numbers.map((number, i) => {
		const at = end + 1 + i * length;
		return { number, changed: new BlockMap(sizeBytes, Uint8Array.from(content.subarray(at, at + length))) };
	});
	return new ChangeLog(sizeBytes, head.id, generations);
}
