/** For tests only: images made by the real tools, and chance that can be repeated. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isZero } from '../base/index.ts';
import type { BlockSource } from './block-source.ts';

export function temporaryFolder(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-block-'));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/** mulberry32: whole numbers in [0, below). */
export function seededRandom(seed: number): (below: number) => number {
	let state = seed >>> 0;
	return (below) => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
	};
}

export const qemuImg = (...args: string[]): string => execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export const qemuIo = (image: string, ...commands: string[]): string =>
	execFileSync('qemu-io', ['-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), image], { encoding: 'utf8' });

/** Writes, zeroes and discards at random places, each with its own pattern; aligned to sectors. */
export function randomCommands(random: (below: number) => number, sizeBytes: number, count: number): string[] {
	return Array.from({ length: count }, () => {
		const offset = random(sizeBytes / 512) * 512;
		const length = Math.min((1 + random(400)) * 512, sizeBytes - offset);
		const kind = random(8);
		if (kind === 0) return `write -z ${offset} ${length}`;
		if (kind === 1) return `discard ${offset} ${length}`;
		return `write -P ${1 + random(255)} ${offset} ${length}`;
	});
}

/** The whole disk as `readSync` gives it, in pieces of odd sizes; checks on the way that everything outside of the extents is zero. */
export function readWhole(source: BlockSource, random: (below: number) => number): Buffer {
	const whole = Buffer.alloc(source.sizeBytes, 0xee);
	for (let at = 0; at < whole.length; ) at += source.readSync(whole.subarray(at, at + 1 + random(300_000)), at);
	let end = 0;
	for (const { offsetBytes, lengthBytes } of [...source.extents(), { offsetBytes: whole.length, lengthBytes: 0 }]) {
		if (offsetBytes < end || lengthBytes < 0 || offsetBytes + lengthBytes > whole.length)
			throw new Error(`extent ${offsetBytes}+${lengthBytes} is out of order`);
		if (!isZero(whole.subarray(end, offsetBytes))) throw new Error(`data between the extents, in ${end}–${offsetBytes}`);
		end = offsetBytes + lengthBytes;
	}
	return whole;
}
