/** For tests only: a tree with every kind of entry, and seeded rounds of change to it. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { openPlatform } from '../../platform/index.ts';
import { noise } from './site.ts';

type Random = (below: number) => number;
const platform = openPlatform();
const MiB = 1024 * 1024;

/** Sets times to the nanosecond; `secondsNs` may lie before 1970. */
export const setTime = (path: string | Buffer, mtimeNs: bigint): void => platform.metadata.setTimes(Buffer.from(path), { atimeNs: mtimeNs, mtimeNs });

/** Writes `parts` into a new file and leaves holes between them. */
export function writeSparse(path: string, sizeBytes: number, parts: readonly (readonly [offset: number, bytes: Uint8Array])[]): void {
	const fd = fs.openSync(path, 'w');
	for (const [offset, bytes] of parts) fs.writeSync(fd, bytes, 0, bytes.byteLength, offset);
	fs.ftruncateSync(fd, sizeBytes);
	fs.closeSync(fd);
}

/** Listens on a socket file until it is closed. */
export async function listenOn(path: string): Promise<() => Promise<void>> {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(path, resolve));
	return () => new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Folders below folders until the path from `root` is longer than `bytes`; made step by step, since no call takes such a path. */
export function makeDeep(root: string, bytes: number, name: string): void {
	const script = `import os,sys
os.chdir(sys.argv[1])
for _ in range(int(sys.argv[2]) // (len(sys.argv[3]) + 1) + 1):
    os.mkdir(sys.argv[3]); os.chdir(sys.argv[3])
open('bottom', 'w').write('the bottom')`;
	execFileSync('python3', ['-c', script, root, String(bytes), name]);
}

/** Every kind of entry that Linux has, with the metadata that is easily lost. Needs root, and setfacl and setcap. */
export function makeEverything(root: string, random: Random): void {
	const at = (...parts: string[]): string => join(root, ...parts);
	fs.mkdirSync(at('plain'));
	fs.writeFileSync(at('plain', 'text'), 'hello\n');
	fs.writeFileSync(at('plain', 'empty'), '');
	fs.writeFileSync(at('plain', 'one byte'), 'x');
	fs.writeFileSync(at('plain', 'zeros'), Buffer.alloc(200_000));
	fs.writeFileSync(at('plain', 'noise'), noise(random, 3 * MiB + 17));
	fs.writeFileSync(at('plain', 'noise again'), fs.readFileSync(at('plain', 'noise')));
	fs.mkdirSync(at('plain', 'empty folder'));

	fs.mkdirSync(at('sparse'));
	writeSparse(at('sparse', 'hole at the start'), 2 * MiB + 100, [[MiB, noise(random, MiB + 100)]]);
	writeSparse(at('sparse', 'hole in the middle'), 3 * MiB, [
		[0, noise(random, 64 * 1024)],
		[3 * MiB - 4096, noise(random, 4096)],
	]);
	writeSparse(at('sparse', 'hole at the end'), 5 * MiB + 1, [[0, noise(random, 100_000)]]);
	writeSparse(at('sparse', 'nothing but a hole'), 40 * MiB, []);
	writeSparse(at('sparse', 'one small hole'), 600 * 1024, [
		[0, noise(random, 300 * 1024)],
		[304 * 1024, noise(random, 296 * 1024)],
	]);
	writeSparse(
		at('sparse', 'comb'),
		2000 * 8192,
		Array.from({ length: 2000 }, (_, i) => [i * 8192, Buffer.alloc(4096, 1 + (i % 250))] as const),
	);
	writeSparse(at('sparse', 'large with holes'), 200 * MiB, [
		[0, noise(random, MiB)],
		[63 * MiB, noise(random, 2 * MiB)],
		[130 * MiB, Buffer.alloc(MiB)],
		[199 * MiB, noise(random, 1000)],
	]);
	fs.writeFileSync(at('large'), Buffer.concat([noise(random, 40 * MiB), Buffer.alloc(MiB), noise(random, 30 * MiB + 12_345)]));

	fs.mkdirSync(at('links', 'sub'), { recursive: true });
	fs.writeFileSync(at('links', 'a'), 'linked');
	fs.linkSync(at('links', 'a'), at('links', 'b'));
	fs.linkSync(at('links', 'a'), at('links', 'sub', 'c'));
	fs.linkSync(at('large'), at('links', 'large too'));
	fs.symlinkSync('a', at('links', 'to a'));
	fs.symlinkSync('nowhere', at('links', 'dangling'));
	fs.symlinkSync('../plain', at('links', 'to a folder'));
	fs.symlinkSync('/'.repeat(10) + 'x'.repeat(4000), at('links', 'long'));
	fs.symlinkSync(Buffer.from([0x66, 0xff, 0xfe]), at('links', 'to no text'));
	fs.linkSync(at('links', 'dangling'), at('links', 'the same link'));

	fs.mkdirSync(at('special'));
	const node = (name: string, mode: number, rdev: bigint): void => platform.metadata.makeNode(Buffer.from(at('special', name)), mode, rdev);
	node('fifo', 0o010640, 0n);
	node('null', 0o020666, 0x103n);
	node('block', 0o060600, 0x0700n);
	node('large numbers', 0o020600, BigInt((0x123 << 8) | 0x45) + (0xabcn << 20n));

	fs.mkdirSync(at('names'));
	const names = [
		'x'.repeat(255),
		'new\nline',
		'quo"te\'s',
		'back\\slash',
		'ünï çødé 名前 🗄',
		' spaces ',
		'-dash',
		'*?[a]{b,c}',
		'…',
		'tab\t',
		'con',
		'..dots',
		'e\u0301',
	];
	for (const name of names) fs.writeFileSync(at('names', name), name);
	for (const bytes of [[0xff], [0x61, 0xe9, 0x62], [0xc3], [0xed, 0xb2, 0x80], [0xf5, 0x80, 0x80, 0x80]])
		fs.writeFileSync(Buffer.concat([Buffer.from(`${at('names')}/`), Buffer.from(bytes)]), Buffer.from(bytes));
	fs.mkdirSync(Buffer.concat([Buffer.from(`${at('names')}/`), Buffer.from([0x64, 0x80])]));
	fs.writeFileSync(Buffer.concat([Buffer.from(`${at('names')}/`), Buffer.from([0x64, 0x80, 0x2f, 0x66])]), 'below a folder that is no text');
	let deep = at('deep');
	for (let i = 0; i < 14; i++) deep = join(deep, `${i}-${'d'.repeat(240)}`);
	fs.mkdirSync(deep, { recursive: true });
	fs.writeFileSync(join(deep, 'bottom'), 'deep');

	fs.mkdirSync(at('metadata'));
	for (const mode of [0o000, 0o444, 0o640, 0o755, 0o4755, 0o2755, 0o1777, 0o7777]) {
		fs.writeFileSync(at('metadata', `mode ${mode.toString(8)}`), mode.toString(8));
		fs.chownSync(at('metadata', `mode ${mode.toString(8)}`), 1000 + mode, 2000);
		fs.chmodSync(at('metadata', `mode ${mode.toString(8)}`), mode);
	}
	for (const [name, time] of [
		['before 1970', -1_234_567_890_123_456_789n],
		['just before 1970', -1n],
		['1901', -2_147_483_648_000_000_000n],
		['2038', 2_147_483_648_999_999_999n],
		['2200', 7_258_118_400_000_000_001n],
	] as const) {
		fs.writeFileSync(at('metadata', name), name);
		setTime(at('metadata', name), time);
	}
	fs.writeFileSync(at('metadata', 'attributes'), 'attributes');
	const attribute = (name: string, value: Uint8Array): void => platform.metadata.setXattr(Buffer.from(at('metadata', 'attributes')), name, value);
	attribute('user.text', Buffer.from('value'));
	attribute('user.empty', new Uint8Array());
	attribute('user.binary', Buffer.from([0, 1, 255, 0]));
	attribute('user.large', noise(random, 3000));
	attribute('trusted.secret', Buffer.from('root only'));
	fs.writeFileSync(at('metadata', 'acl'), 'acl');
	execFileSync('setfacl', ['-m', 'u:1234:rw,g:77:r,m::rw', at('metadata', 'acl')]);
	fs.mkdirSync(at('metadata', 'default acl'));
	fs.writeFileSync(at('metadata', 'default acl', 'made before the default'), 'no acl');
	execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', at('metadata', 'default acl')]);
	fs.writeFileSync(at('metadata', 'default acl', 'made after the default'), 'acl');
	fs.writeFileSync(at('metadata', 'capable'), 'capable');
	fs.chownSync(at('metadata', 'capable'), 1000, 1000);
	execFileSync('setcap', ['cap_net_raw+ep', at('metadata', 'capable')]);
	fs.mkdirSync(at('metadata', 'sticky'), { mode: 0o700 });
	fs.chmodSync(at('metadata', 'sticky'), 0o3777);
	fs.lchownSync(at('links', 'dangling'), 4711, 4712);
	setTime(at('links', 'dangling'), 1_000_000_000_123_456_789n);
	setTime(at('plain', 'empty folder'), 981_173_106_987_654_321n);
	setTime(at('special', 'fifo'), 1_111_111_111_111_111_111n);
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T;

/** One round of change to the files and folders below `root`: every operation that a program or a person would do. */
export function changeTree(root: string, random: Random, operations: number): void {
	let counter = 0;
	const fresh = (): string => `n${random(1_000_000)}-${counter++}`;
	for (let i = 0; i < operations; i++) {
		const folders: string[] = [root];
		const files: string[] = [];
		for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
			const path = join(entry.parentPath, entry.name);
			if (entry.isDirectory()) folders.push(path);
			else if (entry.isFile()) files.push(path);
		}
		const parent = pick(random, folders);
		const file = files.length > 0 ? pick(random, files) : null;
		const target = join(parent, fresh());
		switch (file === null ? 0 : random(14)) {
			case 0:
			case 1:
				fs.writeFileSync(target, noise(random, random(20) === 0 ? random(3 * MiB) : random(20_000)));
				break;
			case 2:
				fs.appendFileSync(file as string, noise(random, 1 + random(10_000)));
				break;
			case 3: {
				const size = fs.statSync(file as string).size;
				const fd = fs.openSync(file as string, 'r+');
				fs.writeSync(fd, noise(random, 1 + random(500)), 0, undefined, random(size + 1));
				fs.closeSync(fd);
				break;
			}
			case 4:
				fs.truncateSync(file as string, random(2) === 0 ? random(fs.statSync(file as string).size + 1) : fs.statSync(file as string).size + random(MiB));
				break;
			case 5:
				fs.renameSync(file as string, target);
				break;
			case 6:
				fs.rmSync(file as string);
				break;
			case 7:
				fs.chmodSync(file as string, random(0o1000));
				break;
			case 8:
				setTime(file as string, BigInt(random(2 ** 31)) * 1_000_000_000n + BigInt(random(1_000_000_000)));
				break;
			case 9:
				fs.linkSync(file as string, target);
				break;
			case 10:
				fs.mkdirSync(join(target, fresh()), { recursive: true });
				break;
			case 11: {
				const folder = folders.length > 1 ? (folders[1 + random(folders.length - 1)] as string) : null;
				if (!folder || random(2) === 0) break;
				fs.rmSync(folder, { recursive: true });
				fs.writeFileSync(folder, 'a file where a folder was');
				break;
			}
			case 12:
				fs.rmSync(file as string);
				fs.mkdirSync(file as string);
				break;
			case 13:
				if (parent !== root && !parent.startsWith(`${file}/`)) fs.symlinkSync(file as string, target);
				break;
		}
	}
}
