import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../base/testing.ts';
import { describeWhatIf } from '../contract/index.ts';
import { findBottleneck, LaneMeter, type StageTimes } from './meter.ts';

const MB = 1_000_000;
/** A run of 100 s with two workers in which nothing took any time. */
const times = (more: Partial<StageTimes>): StageTimes => ({
	elapsedMs: 100_000,
	workerCount: 2,
	readMs: 0,
	processMs: 0,
	listMs: 0,
	networkMs: 0,
	writeMs: 0,
	throttledMs: 0,
	doneBytes: 1000 * MB,
	readBytes: 1000 * MB,
	transferredBytes: 500 * MB,
	...more,
});

test('BOTTL-02, BOTTL-03: the stage that is busy for the largest share is the bottleneck, and all shares are told', () => {
	const cases = [
		{ more: { readMs: 160_000, processMs: 20_000, writeMs: 50_000 }, stage: 'source', busyPercent: { source: 80, proxy: 10, network: 0, target: 50 } },
		{ more: { listMs: 70_000, readMs: 10_000, writeMs: 50_000 }, stage: 'source', busyPercent: { source: 70, proxy: 0, network: 0, target: 50 } },
		{ more: { readMs: 20_000, processMs: 170_000, writeMs: 84_000 }, stage: 'proxy', busyPercent: { source: 10, proxy: 85, network: 0, target: 84 } },
		{ more: { processMs: 60_000, networkMs: 99_000, writeMs: 20_000 }, stage: 'network', busyPercent: { source: 0, proxy: 30, network: 99, target: 20 } },
		{ more: { processMs: 60_000, writeMs: 95_000, throttledMs: 10_000 }, stage: 'target', busyPercent: { source: 0, proxy: 30, network: 0, target: 95 } },
	] as const;
	for (const { more, stage, busyPercent } of cases) {
		const found = findBottleneck(times(more));
		assert.deepEqual({ stage: found.stage, busyPercent: found.busyPercent }, { stage, busyPercent });
		assert.ok(found.reason.length > 20);
	}
});

test('BOTTL-04: where a limit holds the flow back longer than any stage is busy, that is throttling', () => {
	const found = findBottleneck(times({ readMs: 20_000, processMs: 60_000, writeMs: 40_000, throttledMs: 90_000 }));
	assert.deepEqual([found.stage, found.throttledPercent], ['throttling', 90]);
	assert.equal(findBottleneck(times({ throttledMs: 5, doneBytes: 1e12, readBytes: 10, transferredBytes: 10 })).stage, 'none');
	assert.equal(findBottleneck(times({ throttledMs: 90_000, doneBytes: 1e12, readBytes: 10, transferredBytes: 10 })).stage, 'throttling');
});

test('BOTTL-03: where little had to be read and moved, no stage is to blame, however busy it was', () => {
	assert.equal(findBottleneck(times({ listMs: 99_000, readBytes: 5 * MB, transferredBytes: 2 * MB })).stage, 'none');
	assert.equal(findBottleneck(times({})).stage, 'none');
	assert.equal(findBottleneck(times({ doneBytes: 0, readBytes: 0, transferredBytes: 0, listMs: 50 })).stage, 'none');
	// a disk that was read in full for few changes waits for its source
	assert.equal(findBottleneck(times({ readMs: 190_000, transferredBytes: 2 * MB })).stage, 'source');
});

const whatIf = (more: Partial<StageTimes>, isSerial = false): string | null => describeWhatIf(findBottleneck(times(more), { isSerial }));

test('what a faster stage would bring is bound by what is done beside it', () => {
	// the workers need 70 of the 100 s, however fast the target is
	assert.equal(whatIf({ readMs: 40_000, processMs: 100_000, writeMs: 100_000 }), 'With a target twice as fast: 1.4 times faster.');
	assert.equal(whatIf({ processMs: 20_000, writeMs: 100_000 }), 'With a target twice as fast: 2.0 times faster.');
	// a thread that reads for 80 s also processes for 20: 40 + 20 are left
	assert.equal(whatIf({ readMs: 160_000, processMs: 40_000 }), 'With a source twice as fast: 1.6 times faster.');
	assert.equal(whatIf({ readMs: 160_000, processMs: 40_000, writeMs: 75_000 }), 'With a source twice as fast: 1.3 times faster.');
	assert.equal(whatIf({ readMs: 40_000, processMs: 160_000 }), 'With processing twice as fast: 1.6 times faster.');
	assert.equal(whatIf({ networkMs: 90_000, processMs: 20_000 }), 'With a network twice as fast: 1.8 times faster.');
	assert.equal(whatIf({ throttledMs: 95_000, processMs: 10_000 }), 'Without the limit: 20 times faster.');
	// a restore does one thing after the other
	assert.equal(whatIf({ readMs: 20_000, writeMs: 90_000, processMs: 100_000 }, true), 'With a target twice as fast: 1.8 times faster.');
});

test('where a faster stage would bring nothing, nothing is promised', () => {
	assert.equal(whatIf({ processMs: 190_000, writeMs: 100_000 }), null);
	assert.equal(whatIf({ writeMs: 10_000, processMs: 2000 }), null);
	assert.equal(whatIf({ listMs: 99_000, readBytes: 0, transferredBytes: 0 }), null);
	assert.equal(describeWhatIf({ stage: 'target' }), null, 'sessions of older versions have no such figure');
});

test('BOTTL-02, BOTTL-04: time in which several things are under way at once counts once, and while somebody is held back the stage behind is not busy', async () => {
	const clock = new FakeClock(0);
	const meter = new LaneMeter(clock);
	const lasting = (ms: number) => () => clock.sleep(ms);
	const first = meter.working(lasting(30));
	await clock.advance(10);
	const second = meter.working(lasting(30));
	assert.equal(meter.workMs, 10);
	await clock.advance(10);
	const held = meter.held(lasting(15));
	await clock.advance(100);
	await Promise.all([first, second, held]);
	// at work from 0 to 20 and from 35 to 40, held back from 20 to 35
	assert.deepEqual([meter.workMs, meter.heldMs], [25, 15]);
});
