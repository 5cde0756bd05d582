/** For tests only: everything that can be said of a tree, as plain values that compare. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { openPlatform } from '../../platform/index.ts';

const platform = openPlatform();
const slash = Buffer.from('/');

export type TreeFacts = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

/** Facts by path (bytes as latin1, so that every name is a key). The root is the empty path. */
export function factsOf(root: string | Buffer): TreeFacts {
	const facts = new Map<string, Record<string, unknown>>();
	const firstNames = new Map<string, string>();
	const visit = (path: Buffer, key: string): void => {
		const stats = fs.lstatSync(path, { bigint: true });
		const fact: Record<string, unknown> = {
			mode: (stats.mode & 0o177777n).toString(8),
			owner: `${stats.uid}:${stats.gid}`,
			mtimeNs: stats.mtimeNs,
			attributes: platform.metadata
				.listXattrs(path)
				.map(({ name, value }) => `${name}=${value.toString('hex')}`)
				.sort(),
		};
		if (stats.isFile()) Object.assign(fact, contentOf(path));
		if (stats.isSymbolicLink()) fact.target = fs.readlinkSync(path, { encoding: 'buffer' }).toString('latin1');
		if (stats.isBlockDevice() || stats.isCharacterDevice()) fact.rdev = stats.rdev;
		if (stats.nlink > 1n && !stats.isDirectory()) {
			const inode = `${stats.dev}:${stats.ino}`;
			fact.sameAs = firstNames.get(inode) ?? key;
			if (!firstNames.has(inode)) firstNames.set(inode, key);
		}
		facts.set(key, fact);
		if (!stats.isDirectory()) return;
		const names = fs.readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare);
		for (const name of names) visit(Buffer.concat([path, slash, name]), `${key}/${name.toString('latin1')}`);
	};
	visit(Buffer.from(root), '');
	return facts;
}

function contentOf(path: Buffer): { size: number; hash: string; data: string } {
	const fd = fs.openSync(path, 'r');
	try {
		const size = fs.fstatSync(fd).size;
		const hash = createHash('sha256');
		const buffer = Buffer.allocUnsafe(1024 * 1024);
		for (let at = 0; at < size; ) {
			const count = fs.readSync(fd, buffer, 0, buffer.length, at);
			if (count === 0) break;
			hash.update(buffer.subarray(0, count));
			at += count;
		}
		const data = size === 0 ? [] : platform.files.dataExtents(fd, size);
		return { size, hash: hash.digest('hex'), data: data.map(({ offset, length }) => `${offset}+${length}`).join(' ') };
	} finally {
		fs.closeSync(fd);
	}
}

/** Where two trees differ, in words; empty when they do not. A message of thousands of equal entries would hide the one that matters. */
export function differences(actual: TreeFacts, expected: TreeFacts): string[] {
	const found: string[] = [];
	for (const [key, fact] of expected) {
		const other = actual.get(key);
		if (!other) found.push(`${key} is missing`);
		else
			for (const [what, value] of Object.entries(fact))
				if (String(other[what]) !== String(value)) found.push(`${key}: ${what} is ${String(other[what])} instead of ${String(value)}`);
		if (other && 'sameAs' in other && !('sameAs' in fact)) found.push(`${key} is a hard link and should not be`);
	}
	for (const key of actual.keys()) if (!expected.has(key)) found.push(`${key} is too much`);
	return found;
}
