/** Writes a download to its place: the file is there whole or not at all. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Download } from '../engine/contract/index.ts';

/** `onProgress` gets the share done, or 2 (Electron's "unknown") where the size is not known. */
export async function writeWhole(path: string, { content, sizeBytes }: Download, onProgress: (share: number) => void): Promise<void> {
	const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
	let writtenBytes = 0;
	try {
		await pipeline(
			content,
			async function* (chunks: AsyncIterable<Uint8Array>) {
				for await (const chunk of chunks) {
					writtenBytes += chunk.byteLength;
					onProgress(sizeBytes ? writtenBytes / sizeBytes : 2);
					yield chunk;
				}
			},
			createWriteStream(temporary, { flags: 'wx', flush: true }),
		);
		await rename(temporary, path);
	} catch (error) {
		await rm(temporary, { force: true });
		throw error;
	}
}
