/** The program itself, as its own process, on real files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { addJob, makeFolder, makePlace, makePlaceInProcess, noise, program, sameTree } from './testing/program.ts';

test('a folder is backed up, changed, backed up again, and every point comes back as it was', async (t) => {
	const place = await makePlace(t);
	const folder = join(place.root, 'documents');
	await makeFolder(folder);
	await addJob(place, 'folder:documents', '--exclude', '*.tmp');

	const first = await place.json('job', 'run', 'Web');
	assert.equal(first.code, 0, first.stderr);
	assert.equal(first.document.session.state, 'success');
	assert.equal(first.document.session.tasks[0].mode.actual, 'full');
	const [firstPoint] = first.document.session.points;
	const { code, stderr } = await place.run('restore', 'files', firstPoint, '/', '--to', 'first');
	assert.equal(code, 0, stderr);
	await sameTree(folder, join(place.root, 'first'));

	await writeFile(join(folder, 'new.txt'), 'new');
	await rm(join(folder, 'text.txt'));
	await writeFile(join(folder, 'left-out.tmp'), 'x');
	const second = await place.json('job', 'run', 'Web');
	assert.equal(second.document.session.tasks[0].mode.actual, 'increment');
	assert.ok(second.document.session.storedBytes < first.document.session.storedBytes / 2);
	assert.equal((await place.run('restore', 'files', 'Web@latest', '/', '--to', 'second')).code, 0);
	await rm(join(folder, 'left-out.tmp'));
	await sameTree(folder, join(place.root, 'second'));

	const { points } = (await place.json('point', 'list', '--job', 'Web')).document;
	assert.deepEqual(
		points.map(({ kind, restorable, problem }: Record<string, unknown>) => [kind, restorable, problem]),
		[
			['increment', true, null],
			['full', true, null],
		],
	);
	const { entries } = (await place.json('point', 'browse', firstPoint, '/deep')).document;
	assert.deepEqual(
		entries.map(({ name, type }: Record<string, unknown>) => [name, type]),
		[
			['er', 'directory'],
			['link', 'link'],
			['noise.bin', 'file'],
		],
	);
	assert.equal((await place.json('point', 'verify', 'Web@latest')).code, 0);
	const [chain] = (await place.json('chain', 'list', '--job', 'Web')).document.chains;
	assert.deepEqual(
		chain.files.map(({ kind }: { kind: string }) => kind),
		['full', 'increment'],
	);
	const { check } = (await place.json('chain', 'check', chain.id)).document;
	assert.deepEqual([check.chain, check.damaged, check.unreadable], [chain.id, [], []]);
	assert.ok(check.readBytes > 1_500_000);
});

test('a disk image comes back with its holes', async (t) => {
	const place = await makePlaceInProcess(t);
	const image = join(place.root, 'disk.img');
	await truncate(image, 0).catch(() => writeFile(image, ''));
	await truncate(image, 64 << 20);
	{
		await using file = await open(image, 'r+');
		await file.write(noise('disk', 3 << 20), 0, 3 << 20, 17 << 20);
	}
	await addJob(place, 'disk:disk.img', '--block-size', '256k');
	assert.equal((await place.json('job', 'run', 'Web')).code, 0);
	{
		await using file = await open(image, 'r+');
		await file.write(noise('change', 4096), 0, 4096, 40 << 20);
	}
	const { document } = await place.json('job', 'run', 'Web');
	assert.equal(document.session.tasks[0].mode.actual, 'increment');
	assert.ok(document.session.storedBytes < 1 << 20);
	const restored = await place.json('restore', 'disk', 'Web@latest', '--to', 'restored.img');
	assert.equal(restored.code, 0, restored.stderr);
	assert.ok((await readFile(image)).equals(await readFile(join(place.root, 'restored.img'))));
	assert.ok((await stat(join(place.root, 'restored.img'))).blocks * 512 < 8 << 20, 'holes stay holes');
	const again = await place.json('restore', 'disk', 'Web@latest', '--to', 'restored.img');
	assert.deepEqual([again.code, again.document.error.code], [1, 'exists.target']);
});

test('Ctrl+C cancels a run: exit code 130, no restore point, no file left; the next run succeeds', async (t) => {
	const place = await makePlace(t);
	await mkdir(join(place.root, 'documents'));
	await writeFile(join(place.root, 'documents', 'big.bin'), noise('big', 12 << 20));
	await addJob(place, 'folder:documents');
	assert.equal((await place.run('repository', 'edit', 'Main', '--write-limit', '0.5')).code, 0);
	const run = place.start('job', 'run', 'Web', '--json');
	await run.stderr.hear(/running/);
	run.child.kill('SIGINT');
	const { code, stdout } = await run.ended;
	assert.equal(code, 130);
	assert.equal(JSON.parse(stdout).session.state, 'cancelled');
	assert.deepEqual((await place.json('point', 'list')).document.points, []);
	const left = (await readdir(join(place.root, 'backup'), { recursive: true })).filter((name) => /\.h[bir][kb]$/.test(name));
	assert.deepEqual(left, []);
	assert.equal((await place.run('repository', 'edit', 'Main', '--write-limit', '0')).code, 0);
	assert.equal((await place.run('job', 'run', 'Web')).code, 0);
});

test('--no-wait leaves the session to a process of its own, which others can follow', async (t) => {
	const place = await makePlace(t);
	await makeFolder(join(place.root, 'documents'));
	await addJob(place, 'folder:documents');
	assert.equal((await place.run('repository', 'edit', 'Main', '--write-limit', '1')).code, 0);
	const { code, document, stderr } = await place.json('job', 'run', 'Web', '--no-wait');
	assert.equal(code, 0, stderr);
	const followed = await place.json('session', 'follow', document.session.id);
	assert.equal(followed.code, 0, followed.stderr);
	assert.equal(followed.document.session.state, 'success');
	assert.equal((await place.json('point', 'list')).document.points.length, 1);
	const unknown = await place.json('job', 'run', 'Nope', '--no-wait');
	assert.deepEqual([unknown.code, unknown.document.error.code], [1, 'not-found.job']);
});

test('a server runs in the background of commands until it is told to stop', async (t) => {
	const place = await makePlace(t);
	await makeFolder(join(place.root, 'documents'));
	const server = place.start('server', 'start', '--listen', '127.0.0.1:0', '--json');
	await server.stdout.hear(/\n/);
	const { address, tokenFile } = JSON.parse(server.stdout.text).server;
	if (process.platform !== 'win32') assert.equal((await stat(tokenFile)).mode & 0o777, 0o600);
	await addJob(place, 'folder:documents');
	const { code, document, stderr } = await place.json('--server', address, '--token-file', tokenFile, 'job', 'run', 'Web');
	assert.equal(code, 0, stderr);
	assert.equal(document.session.state, 'success');
	const page = await fetch(address);
	assert.equal(page.status, 200);
	const authorization = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
	const content = await fetch(new URL('/download?point=Web%40latest&path=/text.txt', address), { headers: { authorization } });
	assert.equal(await content.text(), 'hello\n'.repeat(1000));
	server.child.kill('SIGTERM');
	assert.equal((await server.ended).code, 0);
	assert.equal((await place.json('point', 'list')).document.points.length, 1, 'the data folder is free again');
});

test('damage is loud: the check names it, the restore fails', async (t) => {
	const place = await makePlaceInProcess(t);
	await makeFolder(join(place.root, 'documents'));
	await addJob(place, 'folder:documents');
	await place.run('job', 'run', 'Web');
	const [chain] = (await place.json('chain', 'list')).document.chains;
	const backup = join(place.root, 'backup', chain.files[0].path);
	{
		await using file = await open(backup, 'r+');
		const { size } = await file.stat();
		const byte = Buffer.alloc(1);
		await file.read(byte, 0, 1, Math.floor(size / 2));
		byte[0] = (byte[0] ?? 0) ^ 0xff;
		await file.write(byte, 0, 1, Math.floor(size / 2));
	}
	const check = await place.json('chain', 'check', chain.id);
	assert.equal(check.code, 1);
	assert.ok(check.document.check.damaged.length > 0);
	const restore = await place.json('restore', 'files', 'Web@latest', '/', '--to', 'out');
	assert.deepEqual([restore.code, restore.document.error.code], [1, 'repository.damaged']);
});

test('trouble with places and sources is told before anything is made', async (t) => {
	const place = await makePlaceInProcess(t);
	await writeFile(join(place.root, 'file'), 'x');
	await mkdir(join(place.root, 'documents'));
	const missing = await place.json('repository', 'add', 'Main', '--path', 'no/such/parent');
	assert.deepEqual([missing.code, missing.document.error.code], [1, 'not-found.path']);
	const notFolder = await place.json('repository', 'add', 'Main', '--path', 'file');
	assert.equal(notFolder.code, 1);
	assert.match(notFolder.document.error.message, /file/);
	assert.equal((await place.run('repository', 'add', 'Main', '--path', 'backup')).code, 0);
	const noSource = await place.json('job', 'add', 'X', '--source', 'folder:nowhere', '--repository', 'Main');
	assert.deepEqual([noSource.code, noSource.document.error.code], [1, 'source.missing']);
	const dataInFile = await place.json('--data', join(place.root, 'file'), 'job', 'list');
	assert.deepEqual([dataInFile.code, dataInFile.document.error.code], [1, 'data-folder.unusable']);
	assert.deepEqual((await place.json('job', 'list')).document.jobs, []);
});

test('wrong usage is exit code 2 with the same document as any failure', async (t) => {
	const place = await makePlace(t);
	for (const args of [['job', 'list', '--frob'], ['frob'], ['job', 'add', 'X'], ['restore', 'vm']]) {
		const { code, document } = await place.json(...args);
		assert.equal(code, 2, args.join(' '));
		assert.match(document.error.code, /^usage\./);
	}
	assert.equal((await place.run('--help')).code, 0);
	assert.match((await place.run('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('the program starts through a symbolic link, from anywhere', { skip: process.platform === 'win32' && 'links need rights there' }, async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-link-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	await symlink(program, join(folder, 'holdfast'));
	const place = await makePlace(t, [join(folder, 'holdfast')]);
	assert.deepEqual((await place.json('job', 'list')).document, { jobs: [] });
});

/** A Node of another version on this machine, older but not too old. */
function otherNode(): string | undefined {
	for (const folder of (process.env.PATH ?? '').split(delimiter)) {
		const node = join(folder, 'node');
		try {
			const major = Number(
				execFileSync(node, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
					.slice(1)
					.split('.')[0],
			);
			if (major >= 20 && major !== 24) return node;
		} catch {
			// No Node in this folder: the next one may have it.
		}
	}
	return undefined;
}

test('under another Node it goes on under its own, with signals and exit codes passed on', async (t) => {
	const node = otherNode();
	if (node === undefined) return t.skip('no other Node on this machine');
	const place = await makePlace(t, [node, program]);
	assert.equal((await place.json('job', 'show', 'Nope')).code, 1);
	assert.equal((await place.json('frob')).code, 2);
	const server = place.start('server', 'start', '--listen', '127.0.0.1:0');
	await server.stdout.hear(/#token=/);
	server.child.kill('SIGINT');
	assert.equal((await server.ended).code, 0);

	// What the first process cannot pass on, its death tells: nothing stays behind that holds the data folder.
	const orphan = place.start('server', 'start', '--listen', '127.0.0.1:0');
	await orphan.stdout.hear(/#token=/);
	orphan.child.kill('SIGKILL');
	await orphan.ended;
	assert.equal((await place.json('job', 'list')).code, 0);
});

test('quickstart backs up, restores and compares; once more makes an increment', async (t) => {
	const place = await makePlace(t);
	const folder = join(place.root, 'documents');
	await makeFolder(folder);
	await mkdir(join(folder, 'backup [1]')); // a repository inside its source
	await mkdir(join(folder, 'deep', 'backup [1]'));
	await chmod(join(folder, 'deep', 'er'), 0o555);
	await writeFile(join(folder, 'deep', 'backup [1]', 'kept'), 'x');
	const args = ['quickstart', '--source', 'documents', '--repository', join(folder, 'backup [1]')];
	const first = await place.json(...args);
	assert.equal(first.code, 0, first.stderr);
	assert.equal(first.document.quickstart.identical, true);
	assert.equal(first.document.point.kind, 'full');
	assert.ok(first.document.quickstart.ratio > 0);
	await writeFile(join(folder, 'more.txt'), 'more');
	const second = await place.run(...args);
	assert.equal(second.code, 0, second.stderr);
	assert.match(second.stdout, /Identical: .*\n[\s\S]*\(increment\)[\s\S]*server start/);
	assert.deepEqual(await readdir(join(place.root, 'tmp')), [], 'the restored copies are gone');
	await chmod(join(folder, 'deep', 'er'), 0o755); // so that it can be removed by anybody
	const missing = await place.json('quickstart', '--source', 'nowhere');
	assert.deepEqual([missing.code, missing.document.error.code], [1, 'source.missing']);
});

test('PIPE-03: a job leaves unused blocks of disks out unless it is told to store them, and says how much that was', async (t) => {
	const place = await makePlaceInProcess(t);
	const image = join(place.root, 'swap.img');
	const area = Buffer.alloc(1024 * 1024, 'swapped out');
	area.write('SWAPSPACE2', 4086);
	area.writeUInt32LE(1, 1024);
	area.writeUInt32LE(255, 1028);
	await writeFile(image, area);
	await addJob(place, 'disk:swap.img');
	const { session } = (await place.json('job', 'run', 'Web')).document;
	assert.deepEqual([session.leftOutDeadBytes, session.leftOutSwapBytes, session.tasks[0].leftOutSwapBytes], [0, 1_044_480, 1_044_480]);
	assert.match((await place.run('session', 'show', session.id)).stdout, /Left out: 0 B that file systems mark free, 1.00 MiB of swap/);
	assert.equal((await place.json('job', 'edit', 'Web', '--store-unused')).document.job.storeUnused, true);
	const whole = (await place.json('job', 'run', 'Web')).document.session;
	assert.deepEqual([whole.readBytes, 'leftOutSwapBytes' in whole], [1_048_576, false]);
	assert.equal((await place.json('job', 'edit', 'Web', '--no-store-unused')).document.job.storeUnused, false);
});
