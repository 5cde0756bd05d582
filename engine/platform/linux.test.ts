import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
	chmodSync,
	closeSync,
	constants,
	existsSync,
	fstatSync,
	fsyncSync,
	ftruncateSync,
	lstatSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
	writeSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { systemErrorCode } from '../base/index.ts';
import { requireTool } from '../base/testing.ts';
import { collectDataExtents } from './data-extents.ts';
import { joinDevice, openPlatform, platformLimits, splitDevice } from './index.ts';
import { afterwards, fileSystems, isRootOnLinux, mountFresh, temporaryFolder } from './testbed.ts';

const onlyLinux = process.platform === 'linux' ? {} : { skip: 'the Linux adapter' };
const platform = openPlatform();
const { metadata, files, locks, disks } = platform;
const mib = 1024 * 1024;

const failsWith = (code: string) => (error: unknown) => systemErrorCode(error) === code;
const nameOf = (folder: string, name: Buffer | string): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]);
const openForTest = (t: TestContext, path: string | Buffer, flags: string | number): number => {
	const fd = openSync(path, flags);
	afterwards(t, () => closeSync(fd));
	return fd;
};

for (const kind of fileSystems) {
	test(`${kind}: times come back to the nanosecond, for names that are not UTF-8 and for links themselves`, onlyLinux, (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const file = nameOf(folder, Buffer.from([0x66, 0xff, 0xfe, 0x20, 0x0a]));
		writeFileSync(file, 'x');
		symlinkSync('nowhere', join(folder, 'link'));
		for (const path of [file, nameOf(folder, 'link')]) {
			for (const times of [
				{ atimeNs: 1_700_000_000_123_456_789n, mtimeNs: 1_600_000_000_987_654_321n },
				{ atimeNs: 1n, mtimeNs: 999_999_999n },
				{ atimeNs: -1n, mtimeNs: -1_500_000_000n }, // before 1970
			]) {
				metadata.setTimes(path, times);
				const { atimeNs, mtimeNs } = lstatSync(path, { bigint: true });
				assert.deepEqual({ atimeNs, mtimeNs }, times);
			}
		}
	});

	test(`${kind}: attributes are listed, set and removed, also large, empty and oddly named ones`, onlyLinux, (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const file = nameOf(folder, 'file');
		writeFileSync(file, 'x');
		assert.deepEqual(metadata.listXattrs(file), []);
		const wanted = new Map([
			['trusted.holdfast', Buffer.from([0, 1, 255])],
			['trusted.empty', Buffer.alloc(0)],
			['trusted.\udcff\udc80', Buffer.from('a name that is not UTF-8')],
			['trusted.larger', Buffer.alloc(2500, 7)],
		]);
		for (const [name, value] of wanted) metadata.setXattr(file, name, value);
		const found = new Map(metadata.listXattrs(file).map(({ name, value }) => [name, value]));
		assert.deepEqual(new Map([...found].sort()), new Map([...wanted].sort()));
		metadata.setXattr(file, 'trusted.holdfast', Buffer.from('new'));
		metadata.removeXattr(file, 'trusted.empty');
		metadata.removeXattr(file, 'trusted.empty');
		assert.deepEqual(metadata.listXattrs(file).find(({ name }) => name === 'trusted.holdfast')?.value, Buffer.from('new'));
		assert.equal(metadata.listXattrs(file).length, 3);
		symlinkSync('file', join(folder, 'link'));
		metadata.setXattr(nameOf(folder, 'link'), 'trusted.own', Buffer.from('of the link'));
		assert.deepEqual(metadata.listXattrs(nameOf(folder, 'link')), [{ name: 'trusted.own', value: Buffer.from('of the link') }]);
	});

	test(`${kind}: ACLs and file capabilities can be carried to another file`, onlyLinux, (t) => {
		if (!requireTool(t, 'setfacl', 'getfacl', 'setcap', 'getcap')) return;
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const [from, to] = [join(folder, 'from'), join(folder, 'to')];
		for (const path of [from, to]) execFileSync('mkdir', [path]);
		writeFileSync(join(from, 'f'), '');
		writeFileSync(join(to, 'f'), '');
		execFileSync('setfacl', ['-m', 'u:1234:rwx,g:77:r', '-d', '-m', 'u:9:rx', from]);
		execFileSync('setcap', ['cap_net_raw+ep', join(from, 'f')]);
		const names: string[] = [];
		for (const name of ['', 'f']) {
			for (const attribute of metadata.listXattrs(Buffer.from(join(from, name)))) {
				names.push(attribute.name);
				metadata.setXattr(Buffer.from(join(to, name)), attribute.name, attribute.value);
			}
		}
		assert.deepEqual(names.sort(), ['security.capability', 'system.posix_acl_access', 'system.posix_acl_default']);
		const acl = (path: string): string => execFileSync('getfacl', ['-n', '--omit-header', '.'], { cwd: path, encoding: 'utf8' });
		assert.equal(acl(to), acl(from));
		assert.match(acl(to), /user:1234:rwx/);
		assert.match(execFileSync('getcap', [join(to, 'f')], { encoding: 'utf8' }), /cap_net_raw[+=]ep/);
	});

	test(`${kind}: data of a sparse file is found, holes are punched, and a file that shrinks has less`, onlyLinux, (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const path = join(folder, 'sparse');
		const fd = openForTest(t, path, 'w+');
		ftruncateSync(fd, 64 * mib);
		for (const at of [4, 20, 40]) writeSync(fd, Buffer.alloc(2 * mib, at), 0, 2 * mib, at * mib);
		fsyncSync(fd);
		const found = (size: number, most?: number): number[][] => files.dataExtents(fd, size, most).map(({ offset, length }) => [offset / mib, length / mib]);
		assert.deepEqual(found(64 * mib), [
			[4, 2],
			[20, 2],
			[40, 2],
		]);
		assert.deepEqual(
			found(64 * mib, 2),
			[
				[4, 2],
				[20, 44],
			],
			'the last one allowed covers the rest',
		);
		assert.deepEqual(found(21 * mib), [
			[4, 2],
			[20, 1],
		]);
		assert.equal(files.punchHole(fd, 20 * mib, 2 * mib), true);
		assert.deepEqual(found(64 * mib), [
			[4, 2],
			[40, 2],
		]);
		const hole = Buffer.alloc(4096, 1);
		readSync(fd, hole, 0, hole.length, 21 * mib);
		assert.ok(hole.every((byte) => byte === 0));
		truncateSync(path, 30 * mib);
		assert.deepEqual(found(64 * mib), [[4, 2]]);
		truncateSync(path, 0);
		assert.deepEqual(found(64 * mib), []);
		assert.deepEqual(found(0), []);
	});

	test(`${kind}: ranges are cloned where the file system shares extents, and refused where it does not`, onlyLinux, (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const source = openForTest(t, join(folder, 'source'), 'w+');
		const target = openForTest(t, join(folder, 'target'), 'w+');
		const content = Buffer.alloc(mib + 100, 'shared');
		writeSync(source, content);
		ftruncateSync(target, mib);
		assert.equal(files.cloneRange(source, 4096, 0, target, 0), true, 'nothing to do');
		assert.equal(fstatSync(target).blocks, 0);
		const canClone = kind === 'xfs' || kind === 'btrfs';
		assert.equal(files.cloneRange(source, 4096, 65_536, target, 131_072), canClone);
		assert.equal(files.cloneRange(source, 1, 100, target, 0), false, 'not aligned');
		const elsewhere = openForTest(t, join(temporaryFolder(t), 'elsewhere'), 'w+');
		assert.equal(files.cloneRange(source, 0, 4096, elsewhere, 0), false, 'another file system');
		if (!canClone) return;
		assert.equal(files.cloneRange(source, mib, 100, target, mib), true, 'the end of the source need not be a whole block');
		const result = readFileSync(join(folder, 'target'));
		assert.ok(result.subarray(131_072, 196_608).equals(content.subarray(4096, 69_632)));
		assert.ok(result.subarray(mib).equals(content.subarray(mib)));
	});

	test(`${kind}: ranges are copied within the system, whatever they begin at, and no more than there is`, onlyLinux, async (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const source = openForTest(t, join(folder, 'source'), 'w+');
		const target = openForTest(t, join(folder, 'target'), 'w+');
		const content = Buffer.alloc(3 * mib + 100, 'copied, not moved');
		writeSync(source, content);
		const expected = Buffer.alloc(4 * mib);
		ftruncateSync(target, expected.length);
		for (const [from, length, to] of [
			[0, mib, 2 * mib],
			[4097, mib + 5, 333],
			[3 * mib, 100, 4 * mib - 100],
		] as const) {
			assert.equal(await files.copyRange(source, from, length, target, to), true);
			content.copy(expected, to, from, from + length);
		}
		assert.equal(await files.copyRange(source, 0, 0, target, 0), true, 'nothing to do');
		assert.ok(readFileSync(join(folder, 'target')).equals(expected));
		assert.equal(await files.copyRange(source, 3 * mib, 101, target, 0), false, 'the source ends before');
		const readOnly = openForTest(t, join(folder, 'target'), 'r');
		assert.equal(await files.copyRange(source, 0, 100, readOnly, 0), false, 'what fails is left to a write, which tells why');
	});

	test(`${kind}: fifos and devices come back with their numbers`, onlyLinux, (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		const numbers = [
			{ major: 1, minor: 3 },
			{ major: 259, minor: 70_000 },
			{ major: 511, minor: 250_000 },
		];
		for (const [i, number] of numbers.entries()) {
			for (const [suffix, type] of [
				['c', constants.S_IFCHR],
				['b', constants.S_IFBLK],
			] as const) {
				const path = nameOf(folder, `${i}${suffix}`);
				metadata.makeNode(path, type | 0o600, joinDevice(number));
				const stats = lstatSync(path, { bigint: true });
				assert.equal(Number(stats.mode), type | 0o600);
				assert.deepEqual(splitDevice(stats.rdev), number);
			}
		}
		metadata.makeNode(nameOf(folder, 'fifo'), constants.S_IFIFO | 0o640, 12_345);
		assert.ok(lstatSync(join(folder, 'fifo')).isFIFO());
		assert.throws(() => metadata.makeNode(nameOf(folder, 'fifo'), constants.S_IFIFO | 0o640, 0), failsWith('EEXIST'));
	});
}

test('device numbers split and join as in the C library', () => {
	const { dev } = statSync('/dev/null', { throwIfNoEntry: false }) ?? {};
	assert.notEqual(dev, undefined);
	for (const major of [0, 1, 0xfff, 0x1000, 0xffff_ffff]) {
		for (const minor of [0, 0xff, 0x100, 0xf_ffff, 0xffff_ffff]) assert.deepEqual(splitDevice(joinDevice({ major, minor })), { major, minor });
	}
	assert.equal(joinDevice({ major: 8, minor: 1 }), 0x801n);
});

test('errors look like those of fs', onlyLinux, (t) => {
	const folder = temporaryFolder(t);
	const missing = nameOf(folder, 'missing');
	assert.throws(() => metadata.listXattrs(missing), { code: 'ENOENT', errno: -2, syscall: 'llistxattr', path: String(missing) });
	assert.throws(() => metadata.setTimes(missing, { atimeNs: 0n, mtimeNs: 0n }), { code: 'ENOENT', syscall: 'utimensat' });
	assert.throws(() => metadata.setTimes(Buffer.alloc(5000, 'x'), { atimeNs: 0n, mtimeNs: 0n }), failsWith('ENAMETOOLONG'));
	writeFileSync(join(folder, 'short'), '');
	assert.throws(() => metadata.setTimes(nameOf(folder, 'short\0and more'), { atimeNs: 0n, mtimeNs: 0n }), failsWith('EINVAL'));
	assert.throws(() => metadata.setXattr(nameOf(folder, 'short'), 'user.a\0b', Buffer.of(1)), failsWith('EINVAL'));
	assert.throws(() => metadata.setXattr(nameOf(folder, 'short'), 'unheard-of.name', Buffer.of(1)), failsWith('ENOTSUP'));
	assert.throws(() => files.openForBackup(missing), failsWith('ENOENT'));
});

test('opening for backup leaves the access time, follows no link and never waits', onlyLinux, (t) => {
	const folder = temporaryFolder(t);
	const file = nameOf(folder, 'file');
	writeFileSync(file, 'content');
	metadata.setTimes(file, { atimeNs: 5n, mtimeNs: 10_000_000_000n }); // older than the modification: even relatime would update it
	const fd = files.openForBackup(file);
	readSync(fd, Buffer.alloc(7));
	closeSync(fd);
	assert.equal(lstatSync(file, { bigint: true }).atimeNs, 5n);
	symlinkSync('file', join(folder, 'link'));
	assert.throws(() => files.openForBackup(nameOf(folder, 'link')), failsWith('ELOOP'));
	metadata.makeNode(nameOf(folder, 'fifo'), constants.S_IFIFO | 0o600, 0);
	const fifo = files.openForBackup(nameOf(folder, 'fifo'));
	assert.ok(fstatSync(fifo).isFIFO());
	closeSync(fifo);
});

test('somebody else’s file opens for backup although its access time may not be left alone', onlyLinux, (t) => {
	if (!isRootOnLinux(t)) return;
	const folder = temporaryFolder(t);
	const file = join(folder, 'file');
	writeFileSync(file, 'content');
	chmodSync(folder, 0o755);
	const index = fileURLToPath(new URL('index.ts', import.meta.url));
	const script = `const { openPlatform } = await import(process.env.INDEX); const platform = openPlatform();
		process.setuid(65534); process.stdout.write(String(platform.files.openForBackup(Buffer.from(process.env.FILE)) > 2));`;
	const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, INDEX: index, FILE: file }, encoding: 'utf8' });
	assert.equal(output, 'true');
});

test('an attribute that cannot be read is reported, and the others are kept', onlyLinux, (t) => {
	if (!isRootOnLinux(t)) return;
	const folder = temporaryFolder(t);
	const file = join(folder, 'file');
	writeFileSync(file, '', { mode: 0o600 });
	chmodSync(folder, 0o755);
	metadata.setXattr(Buffer.from(file), 'user.secret', Buffer.of(1));
	metadata.setXattr(Buffer.from(file), 'security.holdfast', Buffer.of(2));
	const index = fileURLToPath(new URL('index.ts', import.meta.url));
	const script = `const { openPlatform } = await import(process.env.INDEX); const { metadata } = openPlatform();
		process.setuid(65534); const failed = []; const path = Buffer.from(process.env.FILE);
		const found = metadata.listXattrs(path, (name, error) => failed.push(name + ' ' + error.code));
		let thrown; try { metadata.listXattrs(path) } catch (error) { thrown = error.code }
		process.stdout.write(JSON.stringify({ found: found.map(({ name }) => name), failed, thrown }));`;
	const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, INDEX: index, FILE: file }, encoding: 'utf8' });
	assert.deepEqual(JSON.parse(output), { found: ['security.holdfast'], failed: ['user.secret EACCES'], thrown: 'EACCES' });
});

test('a lock excludes others until it is released or its process is killed', onlyLinux, async (t) => {
	const path = join(temporaryFolder(t), 'lock');
	const fd = openForTest(t, path, 'a');
	const second = openForTest(t, path, 'a');
	assert.equal(locks.tryLock(fd), true);
	assert.equal(locks.tryLock(second), false, 'another open of the same process');
	locks.unlock(fd);
	const script = `import { openSync } from 'node:fs'; const { openPlatform } = await import(process.env.INDEX);
		process.stdout.write(String(openPlatform().locks.tryLock(openSync(process.env.LOCK, 'a')))); setInterval(() => {}, 1000);`;
	const index = fileURLToPath(new URL('index.ts', import.meta.url));
	const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
		env: { ...process.env, INDEX: index, LOCK: path },
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	afterwards(t, () => void holder.kill('SIGKILL'));
	const [answer] = await once(holder.stdout, 'data');
	assert.equal(String(answer), 'true');
	assert.equal(locks.tryLock(fd), false, 'held by another process');
	const exit = once(holder, 'exit');
	holder.kill('SIGKILL');
	await exit;
	assert.equal(locks.tryLock(fd), true, 'free again after kill -9');
});

test('works in several worker threads at once', onlyLinux, async (t) => {
	const folder = temporaryFolder(t);
	const script = `const { workerData, parentPort } = require('node:worker_threads'); const fs = require('node:fs');
		import(workerData.index).then(({ openPlatform }) => {
			const { metadata } = openPlatform(); let wrong = 0;
			for (let i = 0; i < 2000; i++) {
				const path = Buffer.from(workerData.folder + '/' + workerData.id + '-' + (i % 50));
				if (i < 50) fs.writeFileSync(path, '');
				const mtimeNs = BigInt(i) * 1_000_000_007n; metadata.setTimes(path, { atimeNs: 0n, mtimeNs });
				metadata.setXattr(path, 'user.i', Buffer.from(String(i)));
				if (fs.lstatSync(path, { bigint: true }).mtimeNs !== mtimeNs || String(metadata.listXattrs(path)[0].value) !== String(i)) wrong++;
				try { metadata.listXattrs(Buffer.from('/missing/' + i)); wrong++ } catch (error) { if (error.code !== 'ENOENT') wrong++ }
			}
			parentPort.postMessage(wrong);
		});`;
	const index = fileURLToPath(new URL('index.ts', import.meta.url));
	const results = await Promise.all(
		[1, 2, 3].map(async (id) => {
			const worker = new Worker(script, { eval: true, workerData: { index, folder, id } });
			const [wrong] = await once(worker, 'message');
			await worker.terminate();
			return wrong;
		}),
	);
	assert.deepEqual(results, [0, 0, 0]);
});

test('names of owners come from the system, unknown ones are numbers', onlyLinux, () => {
	assert.equal(metadata.ownerName(0), 'root');
	assert.equal(metadata.groupName(0), 'root');
	assert.equal(metadata.ownerName(987_654), '987654');
	assert.equal(metadata.ownerName(987_654), '987654');
});

test('volumes and disks of this machine are listed, a fresh mount among them', onlyLinux, async (t) => {
	const folder = mountFresh(t, 'ext4');
	if (folder === null) return;
	const found = (await disks.volumes()).filter(({ mountPoint }) => mountPoint === folder);
	assert.equal(found.length, 1);
	assert.equal(found[0]?.fileSystem, 'ext4');
	assert.equal(found[0]?.readOnly, false);
	assert.ok((found[0]?.freeBytes ?? 0) > 100 * mib && (found[0]?.sizeBytes ?? 0) > (found[0]?.freeBytes ?? 0));
	assert.ok((await disks.volumes()).every(({ fileSystem }) => !['proc', 'sysfs', 'tmpfs', 'devtmpfs', 'cgroup2'].includes(fileSystem)));
	const loop = disks.blockDevices().find(({ path }) => path === found[0]?.device);
	assert.deepEqual(loop, { path: found[0]?.device, sizeBytes: 320 * mib, model: null, readOnly: false, parentPath: null });
	const fd = openForTest(t, found[0]?.device ?? '', 'r');
	assert.equal(files.blockDeviceSize(fd), 320 * mib);
	const every = readdirSync('/sys/block').filter(
		(name) => existsSync(`/dev/${name}`) && Number(readFileSync(`/sys/block/${name}/size`, 'utf8')) > 0 && !/^z?ram/.test(name),
	);
	assert.deepEqual(
		disks
			.blockDevices()
			.filter(({ parentPath }) => parentPath === null)
			.map(({ path }) => path)
			.sort(),
		every.map((name) => `/dev/${name}`).sort(),
	);
	assert.throws(() => files.blockDeviceSize(openForTest(t, join(folder, 'x'), 'w')), failsWith('ENOTTY'));
});

test('a file system that answers nonsense about holes ends the search', () => {
	const stuck = { next: (_what: string, from: number) => from };
	assert.deepEqual(collectDataExtents(stuck, 100, 10), [{ offset: 0, length: 100 }]);
	const mute = { next: () => 'unsupported' as const };
	assert.deepEqual(collectDataExtents(mute, 100, 10), [{ offset: 0, length: 100 }]);
	assert.deepEqual(collectDataExtents(mute, 0, 10), []);
});

test('Linux lacks nothing', onlyLinux, () => {
	assert.equal(platform.system, 'linux');
	assert.deepEqual(platformLimits(platform), []);
});
