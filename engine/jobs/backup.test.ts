import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { EngineError } from '../base/index.ts';
import { settle } from '../base/testing.ts';
import { addJob, addRepository, disk, documents, ended, local, openJobSite, pictures, runToEnd } from './testing/job-site.ts';

const DAY_MS = 86_400_000;
const logOf = async (site: Awaited<ReturnType<typeof openJobSite>>, id: string) => (await site.sessions.log(id, 0, 5000)).map(({ message }) => message);

test('each object of a job is a task with a chain of its own', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id, { sources: [documents, disk] });
	const session = await runToEnd(site, job.id);
	assert.equal(session.state, 'success');
	assert.deepEqual(
		session.tasks.map(({ object, state }) => [object, state]),
		[
			['folder:/documents', 'success'],
			['disk:/disks/web.qcow2', 'success'],
		],
	);
	assert.equal((await site.plane.list(local)).chains.length, 2);
	assert.equal(session.counters.readBytes, 22);
	assert.equal(session.bottleneck?.stage, 'source');
});

test('a repository with single-file chains gets one run with all objects', async (t) => {
	const site = await openJobSite(t);
	// Whether a source is there is asked of the real file system.
	const sources = ['/', tmpdir()].map((path) => ({ kind: 'folder', path }) as const);
	for (const source of sources) site.plane.putSource(source, { '/one': 'first' });
	const job = await addJob(site, (await addRepository(site, { singleFile: true })).id, { sources });
	const session = await runToEnd(site, job.id);
	assert.equal(site.plane.runs.length, 1);
	assert.equal(session.tasks.filter(({ pointId }) => pointId !== null).length, 2);
});

test('one object that fails does not stop the others, and a retry covers only it', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id, { sources: [documents, pictures] });
	const fault = site.plane.failNext(new EngineError('source.missing', 'The source /documents does not exist.', { hint: 'Mount it.' }), documents);
	const session = await runToEnd(site, job.id);
	assert.equal(fault.fired, true);
	assert.equal(session.state, 'failed');
	assert.deepEqual(
		session.tasks.map(({ state }) => state),
		['failed', 'success'],
	);
	assert.equal(session.error?.code, 'source.missing');
	assert.equal(session.error?.message, '1 of 2 objects failed. The source /documents does not exist.');

	const retried = await ended(site, await site.runner.retry(await site.sessions.record(session.id)));
	assert.equal(retried.state, 'success');
	assert.equal(retried.attempt, 2);
	assert.deepEqual(
		retried.tasks.map(({ object }) => object),
		['folder:/documents'],
	);
	await assert.rejects(site.runner.retry(await site.sessions.record(retried.id)), { code: 'usage.invalid' });
});

test('trouble with the repository stops what has not begun', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site, { maxTasks: 1 })).id, { sources: [documents, pictures, disk] });
	site.plane.failNext(new EngineError('repository.io', 'The repository /repositories/Local could not be written.'));
	const session = await runToEnd(site, job.id);
	assert.equal(session.state, 'failed');
	assert.equal(site.plane.runs.length, 1);
	assert.deepEqual(
		session.tasks.map(({ error }) => error?.data?.notTried ?? false),
		[false, true, true],
	);
	assert.equal(session.error?.message, '3 of 3 objects failed. The repository /repositories/Local could not be written.');
});

test('a missing source does not spoil the single-file run of the others', async (t) => {
	const site = await openJobSite(t);
	const there = { kind: 'folder', path: '/' } as const;
	site.plane.putSource(there, { '/one': 'first' });
	const job = await addJob(site, (await addRepository(site, { singleFile: true })).id, { sources: [{ kind: 'folder', path: '/no/such/place' }, there] });
	const session = await runToEnd(site, job.id);
	assert.deepEqual(
		session.tasks.map(({ state, error }) => [state, error?.code]),
		[
			['failed', 'source.missing'],
			['success', undefined],
		],
	);
});

test('warnings of items make a warning of the session, and a point all the same', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	site.plane.putSource(documents, { '/one': 'first', '/two.unreadable': '' });
	const session = await runToEnd(site, job.id);
	assert.equal(session.state, 'warning');
	assert.equal(session.counters.warningCount, 1);
	assert.deepEqual(session.tasks[0]?.warnings, [{ code: 'source.unreadable', message: '/two.unreadable cannot be read.', path: '/two.unreadable' }]);
	assert.notEqual(session.tasks[0]?.pointId, null);
});

test('TASK-03: a repository works on no more tasks than it allows, across sessions', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site, { maxTasks: 2 });
	const first = await addJob(site, repository.id, { name: 'First', sources: [documents, pictures] });
	const second = await addJob(site, repository.id, { name: 'Second', sources: [disk] });
	const hangs = [site.plane.hangNext(documents), site.plane.hangNext(pictures)];
	const one = await site.runner.run(first.id, null);
	await Promise.all(hangs.map(({ begun }) => begun));
	const two = await site.runner.run(second.id, null);
	await settle();
	assert.equal(two.state, 'queued');
	assert.match((await site.sessions.get(two.id)).tasks[0]?.activity ?? '', /^waits for the repository “.*” \(2 of 2 tasks run\)$/);
	assert.equal(site.plane.running, 2);
	hangs[0]?.release();
	assert.equal((await ended(site, two)).state, 'success');
	hangs[1]?.release();
	assert.equal((await ended(site, one)).state, 'success');
	assert.equal(site.plane.peakRunning, 2);
});

test('TASK-06 TASK-07: switched to one after the other, a job works on one object at a time, and different jobs side by side', async (t) => {
	const site = await openJobSite(t);
	const { revision, settings } = await site.config.serverSettings.get();
	assert.equal(settings.processing, 'parallel');
	await site.config.serverSettings.update(revision, { processing: 'sequential' });
	await assert.rejects(site.config.serverSettings.update(revision, settings), { code: 'stale.revision' });
	const repository = await addRepository(site, { maxTasks: 4 });
	const first = await addJob(site, repository.id, { name: 'First', sources: [documents, pictures] });
	const second = await addJob(site, repository.id, { name: 'Second', sources: [disk] });
	const hangs = [site.plane.hangNext(documents), site.plane.hangNext(disk)];
	const one = await site.runner.run(first.id, null);
	const two = await site.runner.run(second.id, null);
	await Promise.all(hangs.map(({ begun }) => begun));
	await settle();
	assert.equal(site.plane.running, 2, 'of each job one');
	const [, waiting] = (await site.sessions.get(one.id)).tasks;
	assert.match(waiting?.activity ?? '', /^waits for the object before it, as the server processes those of “First” one after the other/);
	for (const hang of hangs) hang.release();
	assert.deepEqual([(await ended(site, one)).state, (await ended(site, two)).state], ['success', 'success']);
	assert.deepEqual(
		site.plane.runs.map(({ objects }) => objects[0]?.path),
		[documents, disk, pictures].map(({ path }) => path),
	);

	// together again, from the next session on
	await site.config.serverSettings.update(revision + 1, settings);
	const both = [site.plane.hangNext(documents), site.plane.hangNext(pictures)];
	const next = await site.runner.run(first.id, null);
	await Promise.all(both.map(({ begun }) => begun));
	for (const hang of both) hang.release();
	assert.equal((await ended(site, next)).state, 'success');
});

test('a job runs once at a time', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	const hang = site.plane.hangNext();
	const starts = await Promise.allSettled([site.runner.run(job.id, null), site.runner.run(job.id, null)]);
	assert.deepEqual(
		starts.map(({ status }) => status),
		['fulfilled', 'rejected'],
	);
	await assert.rejects(site.runner.run(job.id, null), { code: 'busy.job' });
	await hang.begun;
	hang.release();
	assert.equal((await site.sessions.list({})).total, 1);
});

test('a cancelled session ends soon, as cancelled, and leaves the chain as it was', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site, { maxTasks: 1 })).id, { sources: [documents, pictures] });
	const hang = site.plane.hangNext();
	const session = await site.runner.run(job.id, null);
	await hang.begun;
	await site.sessions.cancel(session.id);
	assert.equal(session.state, 'cancelling');
	const after = await ended(site, session);
	assert.equal(after.state, 'cancelled');
	assert.deepEqual(
		after.tasks.map(({ state }) => state),
		['cancelled', 'cancelled'],
	);
	assert.equal((await site.plane.list(local)).chains.length, 0);
	await site.sessions.cancel(session.id);
	assert.equal((await site.sessions.get(session.id)).state, 'cancelled');
});

test('what a run became is shown while it runs, and logged once', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	const hang = site.plane.hangNext();
	const session = await site.runner.run(job.id, null);
	await hang.begun;
	const { tasks } = await site.sessions.get(session.id);
	assert.deepEqual(tasks[0]?.mode, { requested: 'increment', actual: 'full', reason: 'There is no chain to build on.' });
	hang.release();
	assert.equal((await ended(site, session)).state, 'success');
	const entries = await site.sessions.log(session.id, 0, 100);
	assert.equal(entries.filter(({ message }) => message.includes('There is no chain to build on.')).length, 1);
});

test('a session that waits for its turn is cancelled without having begun', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site, { maxTasks: 1 });
	const first = await addJob(site, repository.id, { name: 'First' });
	const second = await addJob(site, repository.id, { name: 'Second', sources: [pictures] });
	const hang = site.plane.hangNext(documents);
	const running = await site.runner.run(first.id, null);
	await hang.begun;
	const waiting = await site.runner.run(second.id, null);
	await settle();
	await site.sessions.cancel(waiting.id);
	assert.equal((await ended(site, waiting)).state, 'cancelled');
	assert.equal(site.plane.runs.length, 1);
	hang.release();
	assert.equal((await ended(site, running)).state, 'success');
	assert.equal((await runToEnd(site, second.id)).state, 'success', 'its place in the queue was given up');
});

test('a cancel that comes when all is done changes nothing', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	const session = await runToEnd(site, job.id);
	await site.sessions.cancel(session.id);
	assert.equal((await site.sessions.get(session.id)).state, 'success');
});

test('the chain is renewed when it holds the points to keep, and the old one goes when the new one does', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id, { retainPoints: 3 });
	const kinds: (string | undefined)[] = [];
	for (let run = 0; run < 6; run++) {
		kinds.push((await runToEnd(site, job.id)).tasks[0]?.mode?.actual);
		await site.clock.advance(DAY_MS);
	}
	assert.deepEqual(kinds, ['full', 'increment', 'increment', 'full', 'increment', 'increment']);
	const { chains } = await site.plane.list(local);
	assert.deepEqual(
		chains.map(({ points }) => points.length),
		[3],
	);
});

test('an active full comes when its schedule says so, with the reason', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id, { activeFull: { cron: '0 0 * * 0', timeZone: 'UTC' } });
	await runToEnd(site, job.id); // Monday
	await site.clock.advance(5 * DAY_MS);
	assert.equal((await runToEnd(site, job.id)).tasks[0]?.mode?.actual, 'increment');
	await site.clock.advance(DAY_MS);
	const due = await runToEnd(site, job.id);
	assert.deepEqual(due.tasks[0]?.mode, { requested: 'full', actual: 'full', reason: 'The active full planned for 2026-06-07T00:00:00.000Z was due.' });
	assert.equal((await runToEnd(site, job.id)).tasks[0]?.mode?.actual, 'increment');
});

test('a full that is asked for by hand begins a new chain', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	await runToEnd(site, job.id);
	assert.equal((await runToEnd(site, job.id, 'active')).tasks[0]?.mode?.reason, 'A full was asked for.');
});

test('settings that exclude each other are refused before a session begins', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const reverse = await addJob(site, repository.id, { name: 'Reverse', method: 'reverse', differential: true });
	await assert.rejects(site.runner.run(reverse.id, null), { code: 'usage.conflict', data: { field: 'differential' } });
	const forever = await addJob(site, repository.id, { name: 'Forever', method: 'forever-forward' });
	await assert.rejects(site.runner.run(forever.id, 'synthetic'), { code: 'usage.conflict', data: { field: 'full' } });
	assert.equal((await site.sessions.list({})).total, 0);
});

test('retention leaves a chain that is being restored from, and takes it the next time', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id, { retainPoints: 1 });
	await runToEnd(site, job.id);
	const [old] = (await site.plane.list(local)).chains;
	const use = site.chainUse.tryRead(old?.id ?? '');
	const during = await runToEnd(site, job.id, 'active');
	assert.equal((await site.plane.list(local)).chains.length, 2);
	assert.ok((await logOf(site, during.id)).some((message) => message.includes('is being read')));
	use?.[Symbol.dispose]();
	await runToEnd(site, job.id);
	assert.ok((await site.plane.list(local)).chains.every(({ id }) => id !== old?.id));
});

test('a repository without room is refused before the run, one that may run full is warned of', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	site.plane.putSource(documents, { '/big': 'x'.repeat(20 * 1_048_576) });
	await runToEnd(site, job.id);
	site.plane.freeBytes = 18 * 1_048_576;
	const warned = await runToEnd(site, job.id, 'active');
	assert.equal(warned.state, 'success');
	assert.ok((await logOf(site, warned.id)).some((message) => message.includes('may run full')));
	site.plane.freeBytes = 1000;
	const refused = await runToEnd(site, job.id);
	assert.equal(refused.error?.code, 'repository.full');
	assert.equal(site.plane.runs.length, 2);
});

test('a repository that cannot be reached fails the session, and the job runs again when it is back', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	await runToEnd(site, job.id);
	site.plane.setReachable('/repositories/Local', false);
	const failed = await runToEnd(site, job.id);
	assert.equal(failed.error?.code, 'repository.unreachable');
	assert.equal((await site.catalogue.all())[0]?.chains.length, 1, 'the points are still known');
	site.plane.setReachable('/repositories/Local', true);
	assert.equal((await runToEnd(site, job.id)).state, 'success');
});

test('a defect of the data plane is an internal failure of the session, not of the engine', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	site.plane.failNext(new TypeError('undefined is not a function'));
	assert.equal((await runToEnd(site, job.id)).error?.code, 'internal');
	assert.equal((await runToEnd(site, job.id)).state, 'success');
});

test('what the repository holds after a run is remembered for its growth', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	await runToEnd(site, job.id);
	await runToEnd(site, job.id);
	assert.deepEqual(await site.config.usage.list(repository.id, 90), [{ at: Date.parse('2026-06-01T00:00:00Z'), usedBytes: 22 }]);
});
