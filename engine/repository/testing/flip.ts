import assert from 'node:assert/strict';
import * as fs from 'node:fs';

/** A fault of the medium: one byte that is not what was written. */
export function flip(path: string, offset: number, bit = 0x10): void {
	const fd = fs.openSync(path, 'r+');
	const byte = Buffer.alloc(1);
	assert.equal(fs.readSync(fd, byte, 0, 1, offset), 1, 'the fault must fire');
	byte[0] = (byte[0] as number) ^ bit;
	fs.writeSync(fd, byte, 0, 1, offset);
	fs.closeSync(fd);
}
