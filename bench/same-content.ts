import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** The first path below `expected` whose type, entries or content differ below `actual`; undefined when all are the same. */
export function firstDifference(expected: string, actual: string): string | undefined {
	const stats = lstatSync(expected);
	const other = lstatSync(actual, { throwIfNoEntry: false });
	if (other === undefined) return `${actual} is missing`;
	if (stats.isDirectory() !== other.isDirectory()) return `${actual} is of another type than ${expected}`;
	if (!stats.isDirectory()) return haveSameBytes(expected, actual) ? undefined : `${actual} differs from ${expected}`;
	const names = readdirSync(expected).sort();
	const others = readdirSync(actual).sort();
	if (names.join('\0') !== others.join('\0')) return `${actual} has other entries than ${expected}`;
	for (const name of names) {
		const difference = firstDifference(join(expected, name), join(actual, name));
		if (difference !== undefined) return difference;
	}
	return undefined;
}

const buffers = [Buffer.allocUnsafe(1 << 20), Buffer.allocUnsafe(1 << 20)] as const;

function haveSameBytes(path: string, otherPath: string): boolean {
	const [file, other] = [openSync(path, 'r'), openSync(otherPath, 'r')];
	try {
		if (fstatSync(file).size !== fstatSync(other).size) return false;
		for (;;) {
			const count = readSync(file, buffers[0]);
			if (readSync(other, buffers[1]) !== count) return false;
			if (count === 0) return true;
			if (!buffers[0].subarray(0, count).equals(buffers[1].subarray(0, count))) return false;
		}
	} finally {
		closeSync(file);
		closeSync(other);
	}
}
