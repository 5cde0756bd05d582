import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '../base/index.ts';
import type { Session, SessionState, SessionTask } from '../contract/index.ts';
import { Output } from './output.ts';
import { createProgress, describeStep, describeTask, RateMeter } from './progress.ts';
import { Collected } from './testing.ts';

function clockAt(): Clock & { advance(ms: number): void } {
	let now = 0;
	return {
		...systemClock,
		monotonic: () => now,
		advance(ms) {
			now += ms;
		},
	};
}

function sessionAt(state: SessionState, doneBytes: number, totalBytes: number | null): Session {
	const counters = {
		totalBytes,
		doneBytes,
		readBytes: doneBytes,
		transferredBytes: 0,
		storedBytes: 0,
		totalItems: null,
		doneItems: 0,
		unchangedItems: 0,
		warningCount: 0,
	};
	const task = {
		object: 'folder:/etc',
		name: '/etc',
		state,
		mode: { requested: 'full', actual: 'full', reason: '' },
		counters,
		bottleneck: null,
		startedAt: 0,
		endedAt: null,
		activity: 'a\u001b[2J/very/long/path',
		warnings: [],
		error: null,
		pointId: null,
	} as const;
	return {
		id: 's',
		kind: 'backup',
		jobId: 'j',
		title: 'Job',
		trigger: 'manual',
		state,
		queuedAt: 0,
		startedAt: 0,
		endedAt: null,
		attempt: 1,
		counters,
		bottleneck: null,
		tasks: [task],
		error: null,
		throughput: [],
		rateBytesPerSec: null,
		remainingMs: 2000,
		step: null,
	} as unknown as Session;
}

test('a rate needs two samples and follows changes smoothly', () => {
	const clock = clockAt();
	const meter = new RateMeter(clock);
	assert.equal(meter.sample(0), null);
	clock.advance(1000);
	assert.equal(meter.sample(1000), 1000);
	clock.advance(1000);
	const slower = meter.sample(1000) ?? 0;
	assert.ok(slower > 500 && slower < 1000, String(slower));
	clock.advance(10);
	assert.equal(meter.sample(5000), slower, 'samples too close together say nothing');
});

test('where there is no terminal, changes and now and then a figure are told in lines', async () => {
	const clock = clockAt();
	const stderr = new Collected();
	using progress = await createProgress(new Output({ stdout: new Collected(), stderr }, false), clock);
	progress.update(sessionAt('queued', 0, null));
	progress.update(sessionAt('running', 0, 2 ** 20));
	progress.update(sessionAt('running', 1000, 2 ** 20));
	clock.advance(6000);
	progress.update(sessionAt('running', 2 ** 19, 2 ** 20));
	progress.update(sessionAt('success', 2 ** 20, 2 ** 20));
	assert.deepEqual(stderr.text.trim().split('\n'), ['folder:/etc: running', '50 % of 1.00 MiB, 85.3 KiB/s, 2.0 s left', 'folder:/etc: succeeded (full)']);
});

test('beside its bar a task has its share, amount, rate, time left and what it does now, within the width of the terminal', () => {
	const clock = clockAt();
	const meter = new RateMeter(clock);
	const around = (session: Session, columns: number) => describeTask(session.tasks[0] as SessionTask, meter, columns);
	assert.equal(around(sessionAt('running', 0, 1000), 120).percent, '  0 %');
	clock.advance(1000);
	const { label, percent, detail } = around(sessionAt('running', 500, 1000), 120);
	assert.equal(label.trim(), '/etc');
	assert.equal(percent, ' 50 %');
	assert.equal(detail, '500 B · 500 B/s · 1.0 s left · a\ufffd[2J/very/long/path', 'no name can command the terminal');
	for (const columns of [40, 80, 90, 100]) {
		const narrow = around(sessionAt('running', 500, 1000), columns);
		const width = [narrow.label, 'x'.repeat(20), narrow.percent, narrow.detail].join(' ').length;
		assert.ok(width <= Math.max(columns, 80), `${width} of ${columns}`);
	}
	assert.equal(around(sessionAt('failed', 500, 1000), 120).detail, 'failed');
});

test('a step on a chain is told with what it has moved and has to move, also when its tasks are done', async () => {
	const clock = clockAt();
	const stderr = new Collected();
	using progress = await createProgress(new Output({ stdout: new Collected(), stderr }, false), clock);
	const merging = (movedBytes: number, totalBytes: number): Session => ({
		...sessionAt('running', 1000, 1000),
		tasks: sessionAt('success', 1000, 1000).tasks,
		step: { part: 'merge', movedBytes, totalBytes },
	});
	progress.update(merging(0, 0));
	clock.advance(6000);
	progress.update(merging(0, 0));
	clock.advance(6000);
	progress.update(merging(2 ** 19, 2 ** 20));
	assert.deepEqual(stderr.text.trim().split('\n'), ['folder:/etc: succeeded (full)', 'merging points: looking', 'merging points: 50 %, 512 KiB of 1.00 MiB']);
	assert.deepEqual(describeStep({ part: 'merge', movedBytes: 2 ** 18, totalBytes: 2 ** 20 }), {
		label: 'merging points'.padEnd(24),
		percent: ' 25 %',
		detail: '256 KiB of 1.00 MiB',
	});
});

test('bars clean up after themselves', async () => {
	const stderr = Object.assign(new Collected(), { isTTY: true, columns: 120 });
	{
		using progress = await createProgress(new Output({ stdout: new Collected(), stderr }, false), clockAt());
		progress.update(sessionAt('running', 0, 1000));
	}
	assert.ok(stderr.text.endsWith('\u001b[?25h\u001b[?7h\u001b[1G\u001b[0J'), JSON.stringify(stderr.text));
});
