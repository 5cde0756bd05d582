import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requireTool } from '../../base/testing.ts';
import { openBlockSource } from '../open-block-source.ts';
import { temporaryFolder } from '../testbed.ts';
import { type Blank, findBlank } from './find-blank.ts';
import { type Kind, makeFileSystem, run, toolsFor, whileMounted } from './testbed.ts';

const MiB = 1024 * 1024;

function blankOf(image: string): Blank {
	using source = openBlockSource(image);
	return findBlank(source);
}

const bytesOf = ({ extents }: Blank, kind: 'dead' | 'swap'): number =>
	extents.filter((extent) => extent.kind === kind).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);

const isSwitchedOff = (blank: Blank, reason: RegExp): void => {
	assert.deepEqual(blank.extents, []);
	assert.match(blank.notes.join('\n'), reason);
};

/** A number behind a word in what a tool prints. */
const numberOf = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1]);

/** Free bytes as the file system's own tools count them. */
const freeBytes: Record<Kind, (image: string) => number> = {
	ext4: (image) => {
		const head = run('dumpe2fs', '-h', image);
		return numberOf(head, /^Free blocks: +(\d+)/m) * numberOf(head, /^Block size: +(\d+)/m);
	},
	// what freesp counts beside the trees is the list of blocks for the trees themselves, which stays
	xfs: (image) => {
		const print = (...commands: string[]): string => run('xfs_db', '-r', ...commands.flatMap((command) => ['-c', command]), image);
		const groups = numberOf(print('sb 0', 'p agcount'), /= (\d+)/);
		let blocks = 0;
		for (let group = 0; group < groups; group++) blocks += numberOf(print(`agf ${group}`, 'p freeblks'), /= (\d+)/);
		return blocks * numberOf(print('sb 0', 'p blocksize'), /= (\d+)/);
	},
	ntfs: (image) => {
		const text = run('ntfsinfo', '-m', image);
		return numberOf(text, /Free Clusters: (\d+)/) * numberOf(text, /Cluster Size: (\d+)/);
	},
};

const variants: readonly (readonly [Kind, string])[] = [
	['ext4', ''],
	['ext4', '-b 4096 -O ^flex_bg'],
	['ext4', '-O ^metadata_csum,uninit_bg'],
	['ext4', '-O ^metadata_csum,^uninit_bg,^64bit'],
	['ext4', '-O meta_bg,^resize_inode,^flex_bg'],
	['ext4', '-O meta_bg,^resize_inode -b 4096 -g 1024'],
	['ext4', '-O bigalloc -C 65536'],
	['ext4', '-b 4096 -O bigalloc,sparse_super2'],
	['ext4', '-O mmp,quota,project,metadata_csum_seed,orphan_file,inline_data,ea_inode'],
	['ext4', '-t ext2'],
	['ext4', '-t ext3'],
	['xfs', ''],
	['xfs', '-m crc=0'],
	['xfs', '-m rmapbt=1,reflink=1 -i sparse=1'],
	['xfs', '-b size=1024'],
	['xfs', '-s size=4096 -m bigtime=0,inobtcount=0'],
	['ntfs', ''],
	['ntfs', '-c 512'],
	['ntfs', '-c 65536'],
	['ntfs', '-s 4096'],
];
for (const [kind, options] of variants) {
	test(`PIPE-03: as much is found to be free of ${kind} ${options} as its own tools count`, (t) => {
		if (!requireTool(t, ...toolsFor(kind))) return;
		const image = join(temporaryFolder(t), 'image');
		makeFileSystem(kind, image, 340 * MiB, options.split(' ').filter(Boolean));
		const blank = blankOf(image);
		assert.deepEqual(blank.notes, []);
		const expected = freeBytes[kind](image);
		assert.ok(expected > 200 * MiB);
		assert.equal(bytesOf(blank, 'dead'), expected);
	});
}

const isRoot = (t: TestContext): boolean => {
	if (process.getuid?.() === 0) return true;
	t.skip('needs root');
	return false;
};

for (const kind of ['ext4', 'xfs'] as const) {
	test(`everything of ${kind} counts as used while it is mounted, and after a crash`, (t) => {
		if (!requireTool(t, ...toolsFor(kind)) || !isRoot(t)) return;
		const folder = temporaryFolder(t);
		const image = join(folder, 'image');
		makeFileSystem(kind, image, 340 * MiB);
		const crashed = join(folder, 'crashed');
		whileMounted(kind, image, (mounted) => {
			fs.writeFileSync(join(mounted, 'file'), 'content');
			run('sync', '-f', mounted);
			isSwitchedOff(blankOf(image), /not unmounted/);
			fs.copyFileSync(image, crashed);
		});
		isSwitchedOff(blankOf(crashed), /not unmounted/);
		assert.ok(bytesOf(blankOf(image), 'dead') > 200 * MiB, 'unmounted in order, it is trusted again');
	});
}

/** Changes bytes of a file in place. */
function poke(image: string, offset: number, change: (byte: number) => number): void {
	const fd = fs.openSync(image, 'r+');
	const byte = Buffer.alloc(1);
	fs.readSync(fd, byte, 0, 1, offset);
	fs.writeSync(fd, Buffer.of(change(byte[0] ?? 0)), 0, 1, offset);
	fs.closeSync(fd);
}

test('unknown features, errors, dirty flags and wrong checksums make everything of a file system used', (t) => {
	if (!requireTool(t, ...toolsFor('ext4'), ...toolsFor('xfs'), ...toolsFor('ntfs'))) return;
	const folder = temporaryFolder(t);
	const flip = (bit: number) => (byte: number) => byte ^ bit;
	const cases: readonly (readonly [string, Kind, string, number, (byte: number) => number, RegExp])[] = [
		['an unknown incompatible feature', 'ext4', '-O ^metadata_csum', 1024 + 0x63, flip(0x80), /unknown features/],
		['an unknown read-only feature', 'ext4', '-O ^metadata_csum', 1024 + 0x67, flip(0x80), /unknown features/],
		['errors', 'ext4', '-O ^metadata_csum', 1024 + 0x3a, flip(2), /errors/],
		['a superblock that is not as it was written', 'ext4', '', 1024 + 0x28, flip(1), /checksum of its superblock/],
		['a group descriptor that is not as it was written', 'ext4', '-b 4096', 4096 + 0xc, flip(1), /checksum of a group descriptor/],
		['counts that do not agree', 'ext4', '-b 4096 -O ^metadata_csum,^uninit_bg', 4096 + 0xc, flip(1), /do not agree/],
		['a need of repair', 'xfs', '-m crc=0', 126, () => 1, /not made to the end/],
		['a superblock that is not as it was written', 'xfs', '', 108, flip(1), /checksum of an XFS superblock/],
		['a header that is not as it was written', 'xfs', '', 512 + 53, flip(1), /checksum of an XFS allocation group/],
	];
	for (const [what, kind, options, offset, change, reason] of cases) {
		const image = join(folder, kind);
		makeFileSystem(kind, image, 340 * MiB, options.split(' ').filter(Boolean));
		poke(image, offset, change);
		assert.deepEqual(blankOf(image).extents, [], `${kind} with ${what}`);
		isSwitchedOff(blankOf(image), reason);
	}
	const image = join(folder, 'ntfs');
	makeFileSystem('ntfs', image, 40 * MiB);
	run('ntfsfix', image); // asks Windows to check the volume at its next start
	isSwitchedOff(blankOf(image), /not unmounted/);
});

test('PIPE-03: swap files of Windows are left out; those of a hibernated one keep the whole file system', (t) => {
	if (!requireTool(t, ...toolsFor('ntfs')) || !isRoot(t)) return;
	const image = join(temporaryFolder(t), 'image');
	makeFileSystem('ntfs', image, 60 * MiB);
	const write = (name: string, bytes: Buffer): void => whileMounted('ntfs', image, (mounted) => fs.writeFileSync(join(mounted, name), bytes));
	write('PageFile.sys', Buffer.alloc(3 * MiB, 'page'));
	write('swapfile.sys', Buffer.alloc(2 * MiB, 'swap'));
	write('pagefile.sys.txt', Buffer.alloc(MiB, 'no swap file'));
	whileMounted('ntfs', image, (mounted) => {
		for (let i = 0; i < 200; i++) fs.writeFileSync(join(mounted, `another file of the root ${i}`), '');
		fs.mkdirSync(join(mounted, 'folder'));
		fs.writeFileSync(join(mounted, 'folder/pagefile.sys'), Buffer.alloc(MiB, 'elsewhere'));
	});
	assert.equal(bytesOf(blankOf(image), 'swap'), 5 * MiB);
	write('hiberfil.sys', Buffer.alloc(MiB, 'wake'));
	assert.equal(bytesOf(blankOf(image), 'swap'), 6 * MiB);
	write('hiberfil.sys', Buffer.alloc(MiB, 'HIBR'));
	isSwitchedOff(blankOf(image), /hibernated/);
});

test('PIPE-03: partitions of GPT and of MBR, logical ones too, are looked at each for itself', (t) => {
	if (!requireTool(t, 'sfdisk', 'mkswap', ...toolsFor('ext4'))) return;
	const folder = temporaryFolder(t);
	const part = join(folder, 'part');
	makeFileSystem('ext4', part, 24 * MiB);
	const alone = bytesOf(blankOf(part), 'dead');
	const swap = join(folder, 'swap');
	fs.writeFileSync(swap, Buffer.alloc(16 * MiB, 'swapped out'));
	fs.chmodSync(swap, 0o600);
	run('mkswap', swap);
	const layouts = {
		gpt: 'label: gpt\nstart=2048,size=49152\nstart=65536,size=32768\nstart=131072,size=49152\n',
		mbr: 'label: dos\nstart=2048,size=49152,type=83\nstart=61440,size=122880,type=5\nstart=65536,size=32768,type=82\nstart=131072,size=49152,type=83\n',
	};
	for (const [name, script] of Object.entries(layouts)) {
		const image = join(folder, name);
		fs.writeFileSync(image, '');
		fs.truncateSync(image, 100 * MiB);
		fs.writeFileSync(join(folder, 'script'), script);
		run('sh', '-c', `sfdisk --quiet --no-reread --no-tell-kernel '${image}' < '${join(folder, 'script')}'`);
		const fd = fs.openSync(image, 'r+');
		fs.writeSync(fd, fs.readFileSync(part), 0, 24 * MiB, 2048 * 512);
		fs.writeSync(fd, fs.readFileSync(swap), 0, 16 * MiB, 65536 * 512);
		fs.writeSync(fd, fs.readFileSync(part), 0, 24 * MiB, 131072 * 512);
		fs.closeSync(fd);
		const blank = blankOf(image);
		assert.deepEqual(blank.notes, [], name);
		assert.equal(bytesOf(blank, 'dead'), 2 * alone, name);
		assert.equal(bytesOf(blank, 'swap'), 16 * MiB - 4096, name);
		poke(image, 131072 * 512 + 1024 + 0x28, (byte) => byte ^ 1);
		assert.equal(bytesOf(blankOf(image), 'dead'), alone, `${name}: a damaged file system does not speak for the others`);
	}
	poke(join(folder, 'gpt'), 1024 + 32, (byte) => byte ^ 1);
	isSwitchedOff(blankOf(join(folder, 'gpt')), /checksum of its partition table/);
	poke(join(folder, 'gpt'), 512, (byte) => byte ^ 1);
	isSwitchedOff(blankOf(join(folder, 'gpt')), /missing or damaged/);
});

test('a suspended system is no swap area, and a disk without anything known is used', (t) => {
	const image = join(temporaryFolder(t), 'image');
	const bytes = Buffer.alloc(MiB);
	bytes.write('S1SUSPEND\0', 4086);
	bytes.writeUInt32LE(1, 1024);
	bytes.writeUInt32LE(255, 1028);
	fs.writeFileSync(image, bytes);
	assert.deepEqual(blankOf(image), { extents: [], notes: [] });
	bytes.write('SWAPSPACE2', 4086);
	fs.writeFileSync(image, bytes);
	assert.deepEqual(blankOf(image).extents, [{ offsetBytes: 4096, lengthBytes: MiB - 4096, kind: 'swap' }]);
	bytes.writeUInt32LE(256, 1028);
	fs.writeFileSync(image, bytes);
	isSwitchedOff(blankOf(image), /larger than it/);
});
