import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isEngineError, silentLog } from '../base/index.ts';
import { FakeClock, settle } from '../base/testing.ts';
import { Requestor, type SetOptions, type SnapshotPhase, usualDeadlines, type Volume, VolumeSlots, type VolumeWish } from './index.ts';
import { Faults, MemoryJournal, UnrulyProvider, UnrulyWriter } from './testing/unruly.ts';

const volume = (id: string): Volume => ({
	id,
	kind: 'file-system',
	mountPoint: id,
	fileSystem: 'btrfs',
	device: '/dev/vdb',
	root: '/',
	isReadOnly: false,
});

type Site = ReturnType<typeof createSite>;

function createSite(provider: { faults?: UnrulyProvider['faults']; isSerialised?: boolean; instant?: 'volume' | 'file' } = {}) {
	const history: string[] = [];
	const journal = new MemoryJournal(history);
	const clock = new FakeClock('2026-11-27T08:00:00Z');
	const memory = new UnrulyProvider(history, provider);
	const requestor = new Requestor({ journal, slots: new VolumeSlots(), clock, log: silentLog });
	return { history, journal, clock, provider: memory, requestor, notes: [] as string[] };
}

const wishes = (site: Site, ...ids: string[]): VolumeWish[] => ids.map((id) => ({ volume: volume(id), provider: site.provider, paths: [id], limit: 4 }));

function open(site: Site, volumes: readonly VolumeWish[], writers: readonly UnrulyWriter[], options: Partial<SetOptions> = {}) {
	return site.requestor.createSet(
		{ sessionId: 'session', volumes, writers },
		{ signal: new AbortController().signal, onNote: (note) => site.notes.push(note), ...options },
	);
}

const parties = (site: Site, ...writers: UnrulyWriter[]) => ({
	provider: (name: string) => (name === site.provider.name ? site.provider : undefined),
	writer: (spec: string) => writers.find((writer) => writer.spec === spec),
});

/** Nothing is left: no snapshot, no frozen application, no line in the journal. */
function assertClean(site: Site, ...writers: UnrulyWriter[]): void {
	assert.deepEqual([...site.provider.snapshots], []);
	assert.deepEqual([...site.journal.entries.values()], []);
	for (const writer of writers) assert.equal(writer.isFrozen, false, `${writer.spec} is still frozen`);
	for (const { faults } of [site.provider, ...writers]) faults.assertFired();
}

describe('one passage', () => {
	test('VSS-02 SNAP-02 SNAP-03: freeze, one snapshot for each volume, thaw, and only then the reading', async () => {
		const site = createSite();
		const [a, b] = [new UnrulyWriter(site.history, 'a'), new UnrulyWriter(site.history, 'b')];
		const phases: SnapshotPhase[] = [];
		const set = await open(site, wishes(site, '/', '/data', '/home', '/var'), [a, b], { onPhase: (phase) => phases.push(phase) });
		assert.equal(set.snapshots.length, 4);
		assert.equal(site.provider.snapshots.size, 4);
		assert.deepEqual(
			set.writerViews.map(({ at }) => at),
			['/extra/a', '/extra/b'],
		);
		assert.ok(!a.isFrozen && !b.isFrozen);
		assert.ok([...site.journal.entries.values()].every((entry) => entry.kind === 'freeze' || entry.lease.details !== null));
		await set.complete();
		assert.deepEqual(phases, ['identify', 'wait', 'prepare', 'freeze', 'create', 'thaw', 'post-snapshot', 'read', 'release', 'released']);
		assert.deepEqual(site.history, [
			...['identify a', 'identify b', 'journal 6', 'prepare a', 'prepare b', 'freeze a', 'freeze b', 'create / /data /home /var'],
			...['thaw b', 'thaw a', 'postSnapshot a', 'postSnapshot b'],
			...['end b complete', 'end a complete', 'release /', 'release /data', 'release /home', 'release /var'],
		]);
		assertClean(site, a, b);
	});

	test('a set that is disposed without having been read tells the writers so, and is released once', async () => {
		const site = createSite();
		const writer = new UnrulyWriter(site.history, 'a');
		const set = await open(site, wishes(site, '/data'), [writer]);
		await Promise.all([set[Symbol.asyncDispose](), set[Symbol.asyncDispose]()]);
		assert.deepEqual(site.history.slice(-2), ['end a aborted', 'release /data']);
		assertClean(site, writer);
	});
});

describe('who fails', () => {
	test('VSS-03: a snapshot that cannot be made thaws the applications and leaves nothing, not even of the volumes that were made', async () => {
		const site = createSite({ faults: new Faults('create fails') });
		const writer = new UnrulyWriter(site.history, 'a');
		await assert.rejects(open(site, wishes(site, '/', '/data'), [writer]), (error) => isEngineError(error, 'snapshot.failed'));
		assert.ok(site.history.includes('end a aborted'));
		assertClean(site, writer);
	});

	for (const step of ['identify', 'prepare', 'freeze', 'postSnapshot'] as const) {
		test(`a writer whose ${step} fails takes nobody with it: the other is thawed and told`, async () => {
			const site = createSite();
			const [good, bad] = [new UnrulyWriter(site.history, 'good'), new UnrulyWriter(site.history, 'bad', new Faults(`${step} fails` as const))];
			await assert.rejects(open(site, wishes(site, '/data'), [good, bad]), (error) => isEngineError(error, 'snapshot.writer'));
			assert.equal(site.history.includes('thaw bad'), step === 'freeze' || step === 'postSnapshot');
			assert.equal(site.history.includes('end good aborted'), step !== 'identify');
			assertClean(site, good, bad);
		});

		test(`a writer whose ${step} never answers is given up at its deadline`, async () => {
			const site = createSite();
			const writer = new UnrulyWriter(site.history, 'a', new Faults(`${step} hangs` as const));
			const opening = open(site, wishes(site, '/data'), [writer]);
			const failed = assert.rejects(opening, (error) => isEngineError(error, 'snapshot.timeout'));
			await site.clock.advance(usualDeadlines[`${step}Ms`]);
			await failed;
			assertClean(site, writer);
		});
	}

	test('the freeze of all writers together and the snapshot share one window of 60 s', async () => {
		const site = createSite({ faults: new Faults('create hangs'), instant: 'file' });
		const writer = new UnrulyWriter(site.history, 'a');
		const failed = assert.rejects(open(site, wishes(site, '/data'), [writer]), (error) => isEngineError(error, 'snapshot.timeout'));
		await site.clock.advance(59_000);
		assert.equal(writer.isFrozen, true);
		await site.clock.advance(1000);
		await failed;
		assert.equal(writer.isFrozen, false);
		assert.equal(site.journal.entries.size, 1); // the provider may still be at it
	});

	test('QUIESCE-02 an application that went on by itself makes the snapshot worthless', async () => {
		const site = createSite();
		const writer = new UnrulyWriter(site.history, 'a', new Faults('goes on by itself'));
		await assert.rejects(open(site, wishes(site, '/data'), [writer]), (error) => isEngineError(error, 'snapshot.writer') && error.data?.writer === 'a');
		assertClean(site, writer);
	});

	test('a snapshot that is made after its deadline of 10 s is released when it comes, and not forgotten before', async () => {
		const site = createSite({ faults: new Faults('create is late') });
		const failed = assert.rejects(open(site, wishes(site, '/data'), []), (error) => isEngineError(error, 'snapshot.timeout'));
		await site.clock.advance(10_000);
		await failed;
		assert.equal(site.journal.entries.size, 1);
		site.provider.finishLate();
		await settle();
		assertClean(site);
	});

	test('cancelling while an application is frozen thaws it', async () => {
		const site = createSite({ faults: new Faults('create is late') });
		const writer = new UnrulyWriter(site.history, 'a');
		const cancel = new AbortController();
		const opening = open(site, wishes(site, '/data'), [writer], { signal: cancel.signal });
		await settle();
		assert.equal(writer.isFrozen, true);
		cancel.abort();
		await assert.rejects(opening, (error: Error) => error.name === 'AbortError');
		assert.equal(writer.isFrozen, false);
		site.provider.finishLate();
		await settle();
		assertClean(site, writer);
	});
});

describe('clean-up', () => {
	test('what could not be released stays in the journal, and is released by the next clean-up', async () => {
		const site = createSite({ faults: new Faults('release fails') });
		await (await open(site, wishes(site, '/data'), [])).complete();
		assert.match(site.notes.join(), /could not be released.*The device is busy/);
		assert.equal(site.journal.entries.size, 1);
		const { undone } = await site.requestor.cleanUp(parties(site));
		assert.equal(undone.length, 1);
		assertClean(site);
	});

	test('an engine that died while applications were frozen thaws them at its next start, before it removes the snapshot', async () => {
		const site = createSite({ faults: new Faults('create hangs') });
		const [writer, inner] = [new UnrulyWriter(site.history, 'a'), new UnrulyWriter(site.history, 'b')];
		void open(site, wishes(site, '/data', '/home'), [writer, inner]).catch(() => undefined);
		await settle();
		assert.equal(writer.isFrozen, true);
		site.provider.snapshots.add([...site.journal.entries.keys()].at(-1) as string); // made, and nobody was told
		site.history.length = 0;
		const successor = new Requestor({ journal: site.journal, slots: new VolumeSlots(), clock: site.clock, log: silentLog });
		await successor.cleanUp(parties(site, writer, inner));
		assert.deepEqual(site.history, ['thaw b', 'end b aborted', 'thaw a', 'end a aborted', 'release /data', 'release /home'], 'last frozen, first thawed');
		assertClean(site, writer, inner);
	});

	test('a writer that cannot be thawed makes the snapshot worthless, and is thawed by the next clean-up', async () => {
		const site = createSite();
		const writer = new UnrulyWriter(site.history, 'a', new Faults('thaw fails'));
		await assert.rejects(open(site, wishes(site, '/data'), [writer]), (error) => isEngineError(error, 'snapshot.writer'));
		assert.equal(writer.isFrozen, true);
		await site.requestor.cleanUp(parties(site, writer));
		assertClean(site, writer);
	});

	test('what is in use is left alone; what nobody knows any more is named and kept', async () => {
		const site = createSite();
		await using _set = await open(site, wishes(site, '/data'), []);
		await site.journal.add([{ kind: 'freeze', id: 'old', sessionId: 's', writer: 'gone:x', takenAt: 0 }]);
		const { undone, left } = await site.requestor.cleanUp(parties(site));
		assert.deepEqual([undone.length, left.map(({ reason }) => reason)], [0, ['There is no writer for gone:x any more.']]);
		assert.equal(site.provider.snapshots.size, 1);
	});
});

describe('what is not as it was left', () => {
	test('a snapshot that runs full while it is read says so at once; one that does at the end, at the end', async () => {
		for (const when of ['meanwhile', 'at the end'] as const) {
			const site = createSite({ faults: new Faults('runs full') });
			const set = await open(site, wishes(site, '/data', '/home'), []);
			assert.equal(set.lost.aborted, false);
			if (when === 'meanwhile') await site.clock.advance(usualDeadlines.verifyEveryMs);
			assert.equal(set.lost.aborted, when === 'meanwhile');
			await set.complete();
			assert.match(String(set.lost.reason), /\/data ran full/);
			assert.match(site.notes.join(), /ran full\. What was to be read after that is missing/);
			assertClean(site);
		}
	});

	test('snapshots that are in no journal are released, and those that are read are not', async () => {
		const site = createSite();
		await using _set = await open(site, wishes(site, '/data'), []);
		site.provider.snapshots.add('forgotten');
		const { undone } = await site.requestor.cleanUp({ ...parties(site), listing: [site.provider] });
		assert.deepEqual([undone.map(({ id }) => id), site.provider.snapshots.size], [['forgotten'], 1]);
	});
});

describe('snapshots of one volume at a time', () => {
	test('SNAP-07: a fifth one waits for one of four, also when several volumes are wanted', async () => {
		const site = createSite();
		const sets = await Promise.all([1, 2, 3, 4].map(() => open(site, wishes(site, '/data'), [])));
		const fifth = open(site, wishes(site, '/home', '/data'), []);
		await settle();
		assert.equal(site.provider.snapshots.size, 4);
		assert.match(site.notes.join(), /another job has released its snapshot of \/data/);
		await using other = await open(site, wishes(site, '/home'), []); // not kept out by somebody who waits for something else
		assert.equal(other.snapshots.length, 1);
		await sets[0]?.complete();
		await (await fifth).complete();
		for (const set of sets) await set.complete();
	});

	test('SNAP-09: a serialised provider locks the volume until its snapshot is released', async () => {
		const site = createSite({ isSerialised: true });
		const first = await open(site, wishes(site, '/data'), []);
		const cancel = new AbortController();
		const second = open(site, wishes(site, '/data'), []);
		const third = open(site, wishes(site, '/data'), [], { signal: cancel.signal });
		await settle();
		assert.equal(site.provider.snapshots.size, 1);
		cancel.abort();
		await assert.rejects(third);
		await first.complete();
		await (await second).complete();
		assertClean(site);
	});
});
