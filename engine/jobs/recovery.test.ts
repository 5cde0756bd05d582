import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '../base/testing.ts';
import { FakePlane } from './testing/fake-plane.ts';
import { addJob, addRepository, documents, openJobSite, pictures, runToEnd } from './testing/job-site.ts';

test('a session that an engine left running is shown as interrupted, its job is cleaned up and runs again', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-recovery-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	const clock = new FakeClock('2026-06-01T12:00:00Z');
	const plane = new FakePlane({ now: () => clock.now() });
	const databasePath = join(folder, 'holdfast.db');
	const dead = await openJobSite(t, { clock, plane, databasePath });
	const job = await addJob(dead, (await addRepository(dead)).id, { sources: [documents, pictures] });
	const hang = plane.hangNext(pictures);
	const session = await dead.runner.run(job.id, null);
	await hang.begun;
	await clock.advance(90_000);
	// The engine dies: what it wrote is all that is left. Its later writes fail.
	await dead.config[Symbol.asyncDispose]();
	hang.release();
	clock.suspend(3_600_000);

	const site = await openJobSite(t, { clock, plane, databasePath });
	const cleanedBefore = plane.cleanedJobs.length;
	const [found] = await site.runner.recover();
	await site.runner.cleanedUp(job.id);
	assert.deepEqual(plane.cleanedJobs.slice(cleanedBefore), [job.id]);
	assert.equal(found?.id, session.id);
	const shown = await site.sessions.get(session.id);
	assert.equal(shown.state, 'interrupted');
	assert.equal(shown.error?.code, 'session.interrupted');
	assert.equal((shown.endedAt ?? 0) - (shown.startedAt ?? 0), 90_000);
	assert.deepEqual(
		shown.tasks.map(({ state }) => state),
		['success', 'interrupted'],
	);
	const log = await site.sessions.log(session.id, 0, 100);
	assert.equal(log.at(-1)?.code, 'session.interrupted');
	assert.equal((await runToEnd(site, job.id)).state, 'success');
	assert.deepEqual(await site.runner.recover(), []);
});

test('a repository that is away delays nothing at the start', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	site.plane.setReachable('/repositories/Local', false);
	await site.runner.recover();
	assert.equal((await runToEnd(site, job.id)).error?.code, 'repository.unreachable');
});

test('old sessions are forgotten, but never the newest of a job', async (t) => {
	const clock = new FakeClock('2026-06-01T12:00:00Z');
	const site = await openJobSite(t, { clock });
	const job = await addJob(site, (await addRepository(site)).id);
	const ids: string[] = [];
	for (let run = 0; run < 4; run++) {
		ids.push((await runToEnd(site, job.id)).id);
		await clock.advance(1000);
	}
	assert.equal(await site.config.sessions.prune({ endedBefore: clock.now() + 1, keepPerJob: 2 }), 2);
	assert.deepEqual(
		(await site.sessions.list({})).sessions.map(({ id }) => id),
		[ids[3], ids[2]],
	);
	assert.equal(await site.config.sessions.prune({ endedBefore: 0, keepPerJob: 0 }), 0);
});

test('the logs of older sessions are shortened, those of the newest are whole', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	site.plane.putSource(documents, { '/a.unreadable': '', '/b.unreadable': '', '/c.unreadable': '' });
	const lengths: number[] = [];
	const ids: string[] = [];
	for (let run = 0; run < 2; run++) {
		ids.push((await runToEnd(site, job.id)).id);
		await site.clock.advance(1000);
	}
	await site.config.sessions.shortenLogs({ keepPerJob: 1, entries: 2 });
	for (const id of ids) lengths.push((await site.sessions.log(id, 0, 100)).length);
	assert.equal(lengths[0], 2);
	assert.ok((lengths[1] ?? 0) > 3);
});
