import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EngineError, silentLog, systemClock } from '../base/index.ts';
import { openEngine } from '../engine.ts';
import { openSite, openSiteWithJob } from './testing.ts';

const isoWithZone = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/;

test('a job run prints the session as the specification has it', async (t) => {
	const site = await openSiteWithJob(t);
	const { code, document, stderr } = await site.json('job', 'run', 'Web');
	assert.equal(code, 0, stderr);
	const { session } = document;
	assert.equal(session.job, 'Web');
	assert.equal(session.state, 'success');
	assert.match(session.startedAt, isoWithZone);
	for (const key of ['durationMs', 'readBytes', 'transferredBytes', 'storedBytes']) assert.equal(typeof session[key], 'number', key);
	assert.deepEqual(Object.keys(session.bottleneck.busyPercent), ['source', 'proxy', 'network', 'target']);
	assert.equal(session.error, null);
	assert.equal(session.points.length, 1);
	const [task] = session.tasks;
	assert.equal(task.object, `folder:${site.source.path}`);
	assert.deepEqual(task.mode.actual, 'full');
	assert.deepEqual(task.warnings, []);
	for (const key of ['name', 'state', 'readBytes', 'transferredBytes', 'storedBytes']) assert.ok(key in task, key);

	const again = await site.json('job', 'run', 'Web');
	assert.equal(again.document.session.tasks[0].mode.actual, 'increment');
});

test('points, folders, chains and checks are printed as the specification has them', async (t) => {
	const site = await openSiteWithJob(t);
	await site.run('job', 'run', 'Web');
	const { points } = (await site.json('point', 'list', '--job', 'Web')).document;
	const { id, createdAt, ...point } = points[0];
	assert.match(createdAt, isoWithZone);
	assert.equal(point.job, 'Web');
	for (const key of ['object', 'kind', 'consistency', 'file', 'storedBytes', 'sourceBytes', 'restorable', 'problem']) assert.ok(key in point, key);
	assert.equal((await site.json('point', 'show', 'Web@latest')).document.point.id, id);

	const { entries } = (await site.json('point', 'browse', id)).document;
	assert.deepEqual(
		entries.map((entry: Record<string, unknown>) => [entry.name, entry.type, entry.sizeBytes]),
		[
			['a.txt', 'file', 5],
			['folder', 'directory', 0],
		],
	);
	assert.match(entries[0].modifiedAt, isoWithZone);

	const [chain] = (await site.json('chain', 'list')).document.chains;
	for (const key of ['id', 'job', 'object', 'repository', 'method']) assert.equal(typeof chain[key], 'string', key);
	assert.deepEqual(Object.keys(chain.files[0]).slice(0, 3), ['path', 'kind', 'sizeBytes']);
	assert.match(chain.files[0].createdAt, isoWithZone);

	const check = await site.json('chain', 'check', chain.id);
	assert.equal(check.code, 0);
	assert.deepEqual(check.document.check, { chain: chain.id, readBytes: 9, damaged: [], unreadable: [] });
	assert.equal((await site.json('point', 'verify', 'Web@latest')).document.check.readBytes, 9);
	site.plane.damagePoint(id);
	const damaged = await site.json('chain', 'check', chain.id);
	assert.equal(damaged.code, 1);
	assert.equal(damaged.document.check.damaged[0].reason, 'a byte was flipped');
	assert.match((await site.run('point', 'verify', 'Web@latest')).stdout, /Damaged \(1\)[\s\S]*a byte was flipped/);
});

test('a failed run is told in the session and as an error, with exit code 1', async (t) => {
	const site = await openSiteWithJob(t);
	const fault = site.plane.failNext(new EngineError('repository.full', 'No room is left in the repository.', { hint: 'Free some.' }));
	const { code, document } = await site.json('job', 'run', 'Web');
	assert.ok(fault.fired);
	assert.equal(code, 1);
	assert.equal(document.session.state, 'failed');
	assert.equal(document.session.error.code, 'repository.full');
	assert.deepEqual(document.error, document.session.error);
});

test('the first Ctrl+C cancels the session: exit code 130, nothing left behind', async (t) => {
	const site = await openSiteWithJob(t);
	const hang = site.plane.hangNext();
	const run = site.start('job', 'run', 'Web', '--json');
	await hang.begun;
	process.emit('SIGINT');
	assert.equal(await run.code, 130);
	assert.equal(JSON.parse(run.stdout.text).session.state, 'cancelled');
	assert.match(run.stderr.text, /Cancelling/);
	assert.deepEqual((await site.json('point', 'list')).document.points, []);
});

test('unknown names are errors that say what there is', async (t) => {
	const site = await openSiteWithJob(t);
	const cases: [string[], string, RegExp][] = [
		[['job', 'show', 'Nope'], 'not-found.job', /"Nope"/],
		[['job', 'run', 'Nope'], 'not-found.job', /"Nope"/],
		[['repository', 'show', 'Nope'], 'not-found.repository', /"Nope"/],
		[['job', 'add', 'X', '--source', 'folder:documents', '--repository', 'Nope'], 'not-found.repository', /"Nope"/],
		[['session', 'show', 'nope'], 'not-found.session', /nope/],
		[['session', 'follow', 'nope'], 'not-found.session', /nope/],
		[['point', 'show', 'Web@latest'], 'not-found.point', /Web/],
		[['point', 'list', '--job', 'Nope'], 'not-found.job', /"Nope"/],
		[['chain', 'check', 'nope'], 'not-found.chain', /nope/],
		[['restore', 'files', 'nope', '/', '--to', 'out'], 'not-found.point', /nope/],
		[['job', 'cancel', 'Web'], 'not-found.session', /not running/],
	];
	for (const [args, expected, message] of cases) {
		const { code, document, stderr } = await site.json(...args);
		assert.equal(code, 1, args.join(' '));
		assert.equal(document.error.code, expected, args.join(' '));
		assert.match(document.error.message, message);
		assert.ok('hint' in document.error);
		assert.match(stderr, message, 'a person reads it too');
	}
	assert.match((await site.json('job', 'show', 'Nope')).document.error.hint, /Web/);
});

test('wrong usage is exit code 2, and the message names the option', async (t) => {
	const site = await openSiteWithJob(t);
	const add = ['job', 'add', 'X', '--source', 'folder:documents', '--repository', 'Main'];
	const cases: [string[], RegExp][] = [
		[[], /command is missing/],
		[['job'], /command is missing/],
		[['jobs'], /unknown command 'jobs'/],
		[['job', 'lst'], /unknown command 'lst'.*list/],
		[['job', 'list', '--frob'], /--frob/],
		[['job', 'show'], /NAME/],
		[['job', 'show', 'a', 'b'], /too many arguments/],
		[['job', 'add', 'X', '--repository', 'Main'], /--source/],
		[['job', 'add', 'X', '--source', 'folder:documents'], /--repository/],
		[['job', 'add', 'X', '--source', '/etc', '--repository', 'Main'], /--source.*\/etc/],
		[['job', 'add', 'X', '--source', 'tape:1', '--repository', 'Main'], /--source.*tape:1/],
		[['job', 'add', 'X', '--source', 'folder:', '--repository', 'Main'], /--source/],
		[['job', 'add', 'a/b', '--source', 'folder:documents', '--repository', 'Main'], /NAME/],
		[[...add, '--snapshot', 'floppy'], /no snapshot provider “floppy”/],
		[[...add, '--writer', 'lotus:notes'], /no writer of the kind “lotus”/],
		[[...add, '--writer', 'script:relative.sh'], /whole path/],
		[[...add, '--writer', 'nothing'], /--writer/],
		[[...add, '--guest-writer', 'script:/app.sh'], /--guest-writer/],
		[[...add, '--guest-writer', 'agent:relative.sh'], /whole path/],
		[[...add, '--guest-writer', 'ssh:root@host/app.sh'], /names nothing in a guest/],
		[[...add, '--guest-writer', 'agent:/app.sh', '--quiesce', 'crash'], /nobody is asked/],
		[[...add, '--require-consistent', '--quiesce', 'crash'], /crash-consistent/],
		[[...add, '--retain', '0'], /--retain/],
		[[...add, '--retain', 'many'], /--retain.*many/],
		[[...add, '--schedule', 'now and then'], /--schedule/],
		[[...add, '--schedule', '0 1 * * *', '--time-zone', 'Mars/Olympus'], /--time-zone.*Mars/],
		[[...add, '--block-size', '3m'], /--block-size/],
		[[...add, '--compression', 'best'], /--compression/],
		[[...add, '--active-full', '* *'], /--active-full/],
		[['repository', 'add', 'X'], /--path/],
		[['repository', 'add', 'X', '--path', 'x', '--max-tasks', '1000'], /--max-tasks/],
		[['repository', 'add', 'X', '--path', 'x', '--read-limit', 'fast'], /--read-limit/],
		[['job', 'run', 'Web', '--full', 'huge'], /--full/],
		[['restore', 'files', 'Web@latest', '/'], /--to/],
		[['restore', 'files', 'Web@latest', '/', '--to', 'x', '--original'], /--original/],
		[['restore', 'files', 'Web@latest', '/', '--to', 'x', '--overwrite', 'maybe'], /--overwrite/],
		[['restore', 'disk', 'Web@latest'], /--to/],
		[['session', 'list', '--limit', '0'], /--limit/],
		[['server', 'start', '--listen', 'nonsense'], /nonsense/],
		[['--server', 'nonsense', 'job', 'list'], /--server/],
		[['--token-file', 'x', 'job', 'list'], /--token-file/],
		[['--server', 'http://127.0.0.1:1', '--data', 'x', 'job', 'list'], /--server and --data/],
	];
	for (const [args, message] of cases) {
		const { code, document } = await site.json(...args);
		assert.equal(code, 2, `${args.join(' ')}: ${JSON.stringify(document)}`);
		assert.match(document.error.code, /^usage\./, args.join(' '));
		assert.match(document.error.message, message, args.join(' '));
	}
});

test('JOB-08: a wish for a run that cannot be fulfilled names the option', async (t) => {
	const site = await openSiteWithJob(t);
	for (const [args, message] of [
		[['--keep-until', '2099-12-31'], /--keep-until: it belongs to --ad-hoc-full/],
		[['--ad-hoc-full', '--keep-until', 'soon'], /--keep-until: "soon" is not a date/],
		[['--ad-hoc-full', '--keep-until', '2001-01-01'], /has passed/],
		[['--ad-hoc-full', '--full', 'active'], /exclude each other/],
		[['--object', 'elsewhere'], /--object/],
		[['--object', 'folder:elsewhere'], /does not protect/],
	] as const) {
		const { code, document } = await site.json('job', 'run', 'Web', ...args);
		assert.equal(code, 2, args.join(' '));
		assert.match(document.error?.message ?? '', message);
	}
});

test('what this version cannot do yet says so', async (t) => {
	const site = await openSiteWithJob(t);
	const { code, document } = await site.json('server', 'start', '--listen', '0.0.0.0:9000');
	assert.deepEqual([code, document.error?.code], [2, 'usage.unsupported']);
	assert.equal((await site.json('job', 'list')).document.jobs.length, 1);
});

test('TASK-06: what holds for all jobs of a server is shown and changed', async (t) => {
	const site = await openSite(t);
	assert.deepEqual((await site.json('server', 'show')).document, { settings: { processing: 'parallel' } });
	assert.deepEqual((await site.json('server', 'set', '--processing', 'sequential')).document, { settings: { processing: 'sequential' } });
	assert.match((await site.run('server', 'show')).stdout, /sequential: objects of a job one after the other; different jobs side by side/);
	assert.equal((await site.run('server', 'set', '--processing', 'backwards')).code, 2);
	assert.equal((await site.run('server', 'set')).code, 2);
});

test('jobs are listed, edited, switched and removed; what is not named stays', async (t) => {
	const site = await openSiteWithJob(t);
	const edited = (await site.json('job', 'edit', 'web', '--retain', '5', '--exclude', '*.tmp', '--schedule', '0 22 * * *', '--time-zone', 'Europe/Berlin'))
		.document.job;
	assert.equal(edited.retainPoints, 5);
	assert.deepEqual(edited.exclude, ['*.tmp']);
	assert.deepEqual(edited.schedule, { cron: '0 22 * * *', timeZone: 'Europe/Berlin' });
	assert.match(edited.nextRunAt, isoWithZone);
	const again = (await site.json('job', 'edit', 'Web', '--name', 'Docs', '--no-exclude', '--time-zone', 'UTC')).document.job;
	assert.deepEqual([again.name, again.retainPoints, again.exclude, again.schedule], ['Docs', 5, [], { cron: '0 22 * * *', timeZone: 'UTC' }]);
	assert.equal((await site.json('job', 'edit', 'Docs', '--no-schedule')).document.job.schedule, null);
	assert.equal((await site.json('job', 'disable', 'Docs')).document.job.enabled, false);
	assert.equal((await site.json('job', 'enable', 'Docs')).document.job.enabled, true);
	assert.equal((await site.json('job', 'add', 'Docs', '--source', 'folder:documents', '--repository', 'Main')).document.error.code, 'exists.name');

	await site.run('job', 'run', 'Docs');
	assert.equal((await site.json('job', 'remove', 'Docs')).document.removed.name, 'Docs');
	assert.deepEqual((await site.json('job', 'list')).document.jobs, []);
	assert.equal((await site.json('point', 'list', '--job', 'Docs')).document.points.length, 1, 'points outlive their job');
});

test('repositories are added, edited, checked and removed', async (t) => {
	const site = await openSiteWithJob(t);
	const added = (await site.json('repository', 'add', 'Second', '--path', 'second', '--single-file', '--max-tasks', '2', '--read-limit', '1.5')).document
		.repository;
	assert.deepEqual([added.path, added.singleFile, added.maxTasks, added.readLimit, added.writeLimit], [join(site.root, 'second'), true, 2, 1_500_000, null]);
	const edited = (await site.json('repository', 'edit', 'Second', '--no-single-file', '--read-limit', '0')).document.repository;
	assert.deepEqual([edited.singleFile, edited.maxTasks, edited.readLimit], [false, 2, null]);
	assert.equal((await site.run('repository', 'check', 'Second')).code, 0);
	site.plane.setReachable(added.path, false);
	const unreachable = await site.json('repository', 'check', 'Second');
	assert.equal(unreachable.code, 1);
	assert.match(unreachable.document.error.code, /^repository\./);
	assert.equal((await site.json('repository', 'remove', 'Main')).document.error.code, 'busy.repository');
	assert.equal((await site.run('repository', 'remove', 'Second')).code, 0);
	assert.deepEqual(
		(await site.json('repository', 'list')).document.repositories.map(({ name }: { name: string }) => name),
		['Main'],
	);
});

test('a dry run tells a plan and restores nothing', async (t) => {
	const site = await openSiteWithJob(t);
	await site.run('job', 'run', 'Web');
	const { code, document } = await site.json('restore', 'files', 'Web@latest', '/', '--to', 'out', '--dry-run');
	assert.equal(code, 0);
	assert.equal(document.plan.files, 2);
	assert.equal(site.plane.restored.length, 0);
	assert.equal((await site.json('restore', 'files', 'Web@latest', '/a.txt', '--to', 'out')).document.session.kind, 'restore-files');
	assert.equal(site.plane.restored[0]?.to, join(site.root, 'out'));
});

test('every command explains itself with an example', async (t) => {
	const site = await openSite(t);
	const help = async (...path: string[]): Promise<string> => {
		const { code, stdout } = await site.run(...path, '--help');
		assert.equal(code, 0);
		return stdout;
	};
	const subcommands = (text: string): string[] =>
		[...(text.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'help');
	let count = 0;
	for (const group of subcommands(await help())) {
		const names = subcommands(await help(group));
		for (const name of names.length > 0 ? names : ['']) {
			const text = await help(...[group, name].filter(Boolean));
			assert.match(text, /\nExamples?:\n {2}\$ holdfast /, `${group} ${name}`);
			count++;
		}
	}
	assert.ok(count >= 26, `${count} commands`);
	assert.equal((await site.run('--version')).stdout, '1.2.3\n');
});

test('a server serves commands of the same data folder, and is told apart from a wrong one', async (t) => {
	const site = await openSiteWithJob(t);
	const server = site.start('server', 'start', '--listen', '127.0.0.1:0');
	const [, address = ''] = await server.stdout.hear(/(http:\/\/127\.0\.0\.1:\d+)\/#token=[\w-]{43}\n/);
	const runs: [string, string[]][] = [
		['found through the data folder', []],
		['named by address', ['--server', address]],
		['named by address and token file', ['--server', `${address}/`, '--token-file', 'data/token']],
	];
	for (const [how, options] of runs) {
		const { code, document, stderr } = await site.json(...options, 'job', 'run', 'Web');
		assert.equal(code, 0, `${how}: ${stderr}`);
		assert.equal(document.session.state, 'success', how);
	}
	assert.equal((await site.json('job', 'show', 'Nope')).document.error.code, 'not-found.job');
	assert.equal((await site.json('server', 'start')).document.error.code, 'busy.data-folder');
	assert.equal((await site.json('--server', address, '--token-file', 'none', 'job', 'list')).document.error.code, 'auth.required');

	const hang = site.plane.hangNext();
	const started = (await site.json('job', 'run', 'Web', '--no-wait')).document.session;
	assert.match(started.state, /queued|running/);
	await hang.begun;
	const follower = site.start('session', 'follow', started.id, '--json');
	assert.equal((await site.json('job', 'run', 'Web')).document.error.code, 'busy.job');
	assert.equal((await site.json('job', 'cancel', 'Web')).code, 0);
	assert.equal(await follower.code, 130);
	assert.equal(JSON.parse(follower.stdout.text).session.state, 'cancelled');

	process.emit('SIGTERM');
	assert.equal(await server.code, 0);
	const gone = await site.json('--server', address, 'job', 'list');
	assert.equal(gone.document.error.code, 'connection.refused');
	assert.equal(gone.code, 1);
});

test('a command that runs a session lets others follow and cancel it', async (t) => {
	const site = await openSiteWithJob(t);
	const hang = site.plane.hangNext();
	const run = site.start('job', 'run', 'Web', '--json');
	await hang.begun;
	assert.equal((await site.json('job', 'cancel', 'Web')).code, 0);
	assert.equal(await run.code, 130);
	assert.equal(JSON.parse(run.stdout.text).session.state, 'cancelled');
});

test('a follower of a server that goes away says how its session ended, or that the server is lost', async (t) => {
	const site = await openSiteWithJob(t);
	const server = site.start('server', 'start', '--listen', '127.0.0.1:0', '--json');
	await server.stdout.hear(/\n/);
	site.plane.hangNext();
	const id = (await site.json('job', 'run', 'Web', '--no-wait')).document.session.id;
	const { address } = JSON.parse(server.stdout.text).server;
	const follower = site.start('session', 'follow', id, '--json');
	const remote = site.start('--server', address, 'session', 'follow', id, '--json');
	await Promise.all([follower.stderr.hear(/running/), remote.stderr.hear(/running/)]);
	// Only the server hears this: the follower would be interrupted by the signal itself.
	process.listeners('SIGTERM')[0]?.('SIGTERM');
	assert.equal(await server.code, 0);
	assert.equal(await follower.code, 130, follower.stdout.text);
	assert.equal(JSON.parse(follower.stdout.text).session.state, 'cancelled', 'told by the server, or read in the data folder that it left');
	const code = await remote.code;
	const { error, session } = JSON.parse(remote.stdout.text);
	// The engine cancels what runs when it closes; whichever is told first, the follower ends.
	assert.ok((code === 1 && error.code === 'connection.lost') || (code === 130 && session.state === 'cancelled'), remote.stdout.text);
});

test('a missed run is made up by a server, not by a command that ends at once', async (t) => {
	const site = await openSiteWithJob(t);
	await site.run('job', 'edit', 'Web', '--schedule', '0 3 * * *');
	const serve = async (whileRunning: () => Promise<unknown>): Promise<void> => {
		const server = site.start('server', 'start', '--listen', '127.0.0.1:0');
		await server.stdout.hear(/#token=/);
		await whileRunning();
		process.emit('SIGTERM');
		assert.equal(await server.code, 0);
	};
	await serve(() => site.run('job', 'list'));
	site.aheadMs = 3 * 86_400_000;
	const hang = site.plane.hangNext();
	const { document } = await site.json('job', 'list');
	assert.equal(document.jobs[0].activeSession, null);
	assert.equal(site.plane.runs.length, 0);
	await serve(async () => {
		await hang.begun;
		hang.release();
	});
	assert.equal(site.plane.runs.length, 1);
});

test('a data folder that another engine holds for itself is named, after a little patience', async (t) => {
	const site = await openSiteWithJob(t);
	let waitedMs = 0;
	site.clock = {
		...systemClock,
		monotonic: () => waitedMs,
		sleep: async (ms) => {
			waitedMs += ms;
		},
	};
	{
		await using _holder = await openEngine({ dataFolder: join(site.root, 'data'), plane: site.plane, chainStore: site.plane, logger: silentLog });
		const { code, document } = await site.json('job', 'list');
		assert.deepEqual([code, document.error.code], [1, 'busy.data-folder']);
		assert.match(document.error.message, new RegExp(`${process.pid}`));
		assert.ok(waitedMs >= 1000, 'most commands are done in a moment, so it is worth waiting');
	}
	assert.equal((await site.json('job', 'list')).code, 0);
});

test('chains and retention of a job are set by options, and what excludes each other names its option', async (t) => {
	const site = await openSiteWithJob(t);
	const edited = await site.json('job', 'edit', 'Web', '--synthetic-full', '0 20 * * 6', '--differential', '--retain-days', '30', '--gfs', 'weekly:4,yearly:1');
	const { differential, syntheticFull, retainDays, retainPoints, gfs } = edited.document.job;
	assert.deepEqual([differential, syntheticFull.cron, retainDays, retainPoints], [true, '0 20 * * 6', 30, 14]);
	assert.deepEqual(gfs, { weekly: 4, monthly: 0, yearly: 1 });
	assert.match((await site.run('job', 'show', 'Web')).stdout, /forward \(differential\)[\s\S]*14 restore points; all of 30 days; fulls: 4 weekly, 1 yearly/);
	const refused = await site.json('job', 'edit', 'Web', '--method', 'reverse');
	assert.equal(refused.code, 2);
	assert.equal(refused.document.error.code, 'usage.conflict');
	assert.match(refused.document.error.message, /--differential/);
	const plain = ['--no-synthetic-full', '--no-differential', '--no-gfs', '--no-retain-days'];
	assert.equal((await site.json('job', 'edit', 'Web', '--method', 'reverse', ...plain)).document.job.method, 'reverse');
	assert.equal((await site.json('job', 'run', 'Web', '--full', 'synthetic')).document.error.code, 'usage.conflict');

	const days = ['job', 'add', 'Days', '--source', 'folder:documents', '--repository', 'Main', '--retain-days', '7'];
	assert.equal((await site.json(...days)).document.job.retainPoints, 1, 'by days alone');
	assert.equal((await site.json(...days.with(2, 'Both'), '--retain', '5')).document.job.retainPoints, 5);
	assert.equal((await site.json('chain', 'compact', 'nope')).document.error.code, 'not-found.chain');
});
