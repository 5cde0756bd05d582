import { writeSync } from 'node:fs';

/** Writes all of `bytes`, however many calls the system makes of it. @throws the system's error */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
	for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done, bytes.byteLength - done, position + done);
}
