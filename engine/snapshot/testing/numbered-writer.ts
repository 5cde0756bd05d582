/** For tests only: somebody who keeps changing files in a known order, so that a copy tells whether it shows one instant. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const fileCount = 6;
const blockCount = 4;
const blockBytes = 4096;

export const numberedName = (file: number): string => `numbered ${file}`;

/**
 * Writes 1, 2, 3 … : each number into every block of every file, one block after the other, each on the disk before the next is begun. At any instant the blocks
 * hold a number up to some place, and the number before it after that.
 */
export class NumberedWriter implements AsyncDisposable {
	readonly #worker: Worker;

	private constructor(worker: Worker) {
		this.#worker = worker;
	}

	/** Resolves when every block has a number. */
	static async start(folder: string): Promise<NumberedWriter> {
		const worker = new Worker(
			`const { parentPort, workerData: { folder, fileCount, blockCount, blockBytes } } = require('node:worker_threads');
			const fs = require('node:fs');
			const files = Array.from({ length: fileCount }, (_, i) => fs.openSync(folder + '/numbered ' + i, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_DSYNC));
			let stop = false;
			parentPort.on('message', () => { stop = true; });
			let number = 0;
			function round() {
				if (stop) { for (const fd of files) fs.closeSync(fd); parentPort.close(); return; }
				number++;
				const block = Buffer.alloc(blockBytes);
				for (let at = 0; at < blockBytes; at += 4) block.writeUInt32LE(number, at);
				for (const fd of files) for (let i = 0; i < blockCount; i++) fs.writeSync(fd, block, 0, blockBytes, i * blockBytes);
				if (number === 1) parentPort.postMessage('begun');
				setImmediate(round);
			}
			round();`,
			{ eval: true, workerData: { folder, fileCount, blockCount, blockBytes } },
		);
		await once(worker, 'message');
		return new NumberedWriter(worker);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const ended = once(this.#worker, 'exit');
		this.#worker.postMessage('stop');
		await ended;
	}
}

const numbersIn = (path: string): number[] => {
	const bytes = readFileSync(path);
	return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(i * 4));
};

/** @throws when the files in `folder` do not show one instant @returns the newest number */
export function assertOneInstant(folder: string): number {
	return assertOneOrder(Array.from({ length: fileCount }, (_, i) => numbersIn(join(folder, numberedName(i)))).flat(), folder);
}

/** The same for each file by itself. */
export function assertOneInstantPerFile(folder: string): void {
	for (let i = 0; i < fileCount; i++) assertOneOrder(numbersIn(join(folder, numberedName(i))), join(folder, numberedName(i)));
}

function assertOneOrder(numbers: readonly number[], what: string): number {
	const newest = numbers[0] ?? 0;
	const turn = numbers.findIndex((number) => number !== newest);
	const isWhole = turn < 0 || numbers.slice(turn).every((number) => number === newest - 1);
	if (!isWhole || numbers.length === 0) throw new Error(`${what} does not show one instant: ${[...new Set(numbers)].join(', ')}`);
	return newest;
}
