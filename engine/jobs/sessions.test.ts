import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../base/testing.ts';
import { isFinal, type Session, type TaskCounters } from '../contract/index.ts';
import { noCounters } from '../mover/index.ts';
import type { LiveSession } from './live-session.ts';
import { MAX_LOG_ENTRIES } from './session-log.ts';
import { resultOf } from './session-state.ts';
import { ended, openJobSite } from './testing/job-site.ts';

const spec = {
	kind: 'backup',
	jobId: null,
	title: 'Office',
	trigger: 'manual',
	attempt: 1,
	input: null,
	objects: [{ object: 'folder:/a', name: 'a' }],
} as const;
const at = (doneBytes: number, totalBytes: number | null = null): TaskCounters => ({ ...noCounters, doneBytes, readBytes: doneBytes, totalBytes });

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
	const all: T[] = [];
	for await (const item of items) all.push(item);
	return all;
}

/** A session that works until the returned `finish` is called. */
async function startOpenEnded(site: Awaited<ReturnType<typeof openJobSite>>) {
	const gate = Promise.withResolvers<void>();
	const session = await site.sessions.start(spec, async (live) => {
		live.begin();
		live.tasks[0]?.start(null);
		await gate.promise;
		live.tasks[0]?.succeed(null);
	});
	await settle();
	return { session, task: session.tasks[0] as LiveSession['tasks'][number], finish: () => gate.resolve() };
}

test('a session tells its rate and the time that is left', async (t) => {
	const site = await openJobSite(t);
	const { session, task, finish } = await startOpenEnded(site);
	assert.equal(session.snapshot().remainingMs, null);
	for (let second = 1; second <= 10; second++) {
		task.counters(at(second * 1000, 30_000));
		await site.clock.advance(1000);
	}
	const { rateBytesPerSec, remainingMs } = session.snapshot();
	assert.ok(Math.abs((rateBytesPerSec ?? 0) - 1000) < 150, `${rateBytesPerSec}`);
	assert.ok(Math.abs((remainingMs ?? 0) - 20_000) < 4000, `${remainingMs}`);
	finish();
	const over = await ended(site, session);
	assert.equal(over.rateBytesPerSec, null);
});

test('the throughput of a long session stays within 600 samples and covers all of it', async (t) => {
	const site = await openJobSite(t);
	const { session, task, finish } = await startOpenEnded(site);
	for (let second = 1; second <= 1500; second++) {
		task.counters(at(second * 1000));
		await site.clock.advance(1000);
	}
	finish();
	const { throughput } = await ended(site, session);
	assert.ok(throughput.length > 300 && throughput.length <= 600, `${throughput.length}`);
	assert.equal(throughput.at(-1)?.offsetMs, 1_500_000);
	const mean = throughput.reduce((sum, { readRate }) => sum + readRate, 0) / throughput.length;
	assert.ok(Math.abs(mean - 1000) < 50, `${mean}`);
});

test('a running session is written down every ten seconds', async (t) => {
	const site = await openJobSite(t);
	const { task, session, finish } = await startOpenEnded(site);
	let saves = 0;
	const save = site.config.sessions.save;
	site.config.sessions.save = (...args) => {
		saves++;
		return save(...args);
	};
	for (let i = 0; i < 500; i++) {
		task.counters(at(i));
		await site.clock.advance(100);
	}
	assert.ok(saves >= 4 && saves <= 5, `${saves} saves in 50 seconds`);
	finish();
	await ended(site, session);
});

test('a follower gets the session at once, then at most four times a second, and the end', async (t) => {
	const site = await openJobSite(t);
	const { session, task, finish } = await startOpenEnded(site);
	const seen: Session[] = [];
	const following = (async () => {
		for await (const snapshot of site.sessions.follow(session.id, {})) seen.push(snapshot);
	})();
	for (let i = 0; i < 200; i++) {
		task.counters(at(i));
		await site.clock.advance(10);
	}
	assert.ok(seen.length >= 7 && seen.length <= 10, `${seen.length} in two seconds`);
	finish();
	await following;
	assert.equal(seen.at(-1)?.state, 'success');
	assert.equal(seen.filter(({ state }) => isFinal(state)).length, 1);
});

test('a follower that leaves is let go, and a session that has ended is followed once', async (t) => {
	const site = await openJobSite(t);
	const { session, finish } = await startOpenEnded(site);
	const leave = new AbortController();
	const following = collect(site.sessions.follow(session.id, { signal: leave.signal }));
	await site.clock.advance(1000);
	leave.abort();
	assert.ok((await following).length >= 1);
	finish();
	await ended(site, session);
	assert.deepEqual(
		(await collect(site.sessions.follow(session.id, {}))).map(({ state }) => state),
		['success'],
	);
	await assert.rejects(collect(site.sessions.follow('nobody', {})), { code: 'not-found.session' });
});

test('the log is kept to its limit, and what is beyond is counted', async (t) => {
	const site = await openJobSite(t);
	const { session, task, finish } = await startOpenEnded(site);
	for (let i = 0; i < MAX_LOG_ENTRIES + 500; i++) task.warning({ code: 'source.unreadable', message: `${i} cannot be read.`, path: `/${i}` });
	finish();
	const over = await ended(site, session);
	assert.equal(over.counters.warningCount, MAX_LOG_ENTRIES + 500);
	assert.equal(over.tasks[0]?.warnings.length, 100);
	const tail = await site.sessions.log(session.id, MAX_LOG_ENTRIES - 1, 100);
	assert.deepEqual(
		tail.map(({ seq, message }) => [seq - MAX_LOG_ENTRIES, message]),
		[
			[0, `${MAX_LOG_ENTRIES - 1} cannot be read.`],
			[1, 'The log is full: 500 more warnings, 0 more errors and 0 more notes were counted but not kept.'],
			[2, 'Finished with warnings.'],
		],
	);
});

test('the log of a running session is up to date and read in pages', async (t) => {
	const site = await openJobSite(t);
	const { session, task, finish } = await startOpenEnded(site);
	for (const word of ['one', 'two', 'three']) task.info(word);
	const first = await site.sessions.log(session.id, 0, 2);
	assert.deepEqual(
		first.map(({ message }) => message),
		['a: one', 'a: two'],
	);
	assert.deepEqual(
		(await site.sessions.log(session.id, first.at(-1)?.seq ?? 0, 2)).map(({ message }) => message),
		['a: three'],
	);
	await assert.rejects(site.sessions.log('nobody', 0, 10), { code: 'not-found.session' });
	finish();
});

test('sessions are found by state, kind, job, time and title, in every alphabet', async (t) => {
	const site = await openJobSite(t);
	for (const title of ['Büro Süd', 'ÜBERSICHT', 'Café%']) {
		await ended(
			site,
			await site.sessions.start({ ...spec, title }, async (live) => {
				live.begin();
				live.tasks[0]?.succeed(null);
			}),
		);
		await site.clock.advance(1000);
	}
	const titles = async (filter: Parameters<typeof site.sessions.list>[0]) => (await site.sessions.list(filter)).sessions.map(({ title }) => title);
	assert.deepEqual(await titles({}), ['Café%', 'ÜBERSICHT', 'Büro Süd']);
	assert.deepEqual(await titles({ search: 'übers' }), ['ÜBERSICHT']);
	assert.deepEqual(await titles({ search: '%' }), ['Café%']);
	assert.deepEqual(await titles({ states: ['failed'] }), []);
	assert.deepEqual(await titles({ kinds: ['backup'], offset: 1, limit: 1 }), ['ÜBERSICHT']);
	assert.equal((await site.sessions.list({ limit: 1 })).total, 3);
});

test('work that ends without ending its tasks is no success', async (t) => {
	const site = await openJobSite(t);
	const failed = await ended(
		site,
		await site.sessions.start(spec, async () => {
			throw new Error('out of order');
		}),
	);
	assert.equal(failed.state, 'failed');
	assert.equal(failed.tasks[0]?.error?.code, 'internal');
});

test('the result of a session follows from its tasks', () => {
	const task = (state: Session['state'], message?: string) => ({
		name: 'x',
		state,
		error: message === undefined ? null : ({ code: 'source.missing', message } as const),
	});
	assert.equal(resultOf([task('success'), task('success')]).state, 'success');
	assert.equal(resultOf([task('success'), task('warning')]).state, 'warning');
	assert.equal(resultOf([task('warning'), task('failed', 'gone')]).state, 'failed');
	assert.equal(resultOf([task('failed', 'gone'), task('cancelled')]).state, 'cancelled');
	assert.equal(resultOf([task('failed', 'gone')]).error?.message, 'gone');
});

test('closing waits for sessions a bounded time', async (t) => {
	const site = await openJobSite(t);
	const { finish } = await startOpenEnded(site);
	const closing = site.sessions.close(5000);
	await site.clock.advance(5000);
	assert.equal(await closing, 1);
	await assert.rejects(
		site.sessions.start(spec, async () => {}),
		{ code: 'connection.lost' },
	);
	finish();
	await settle();
});
