import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withFindings } from './damage.ts';
import type { ChainRecord } from './ports.ts';
import { addJob, addRepository, openJobSite, runToEnd } from './testing/job-site.ts';

test('readings that are asked for while one is under way share the next one, which begins after they asked', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	let listed = 0;
	const gates: PromiseWithResolvers<void>[] = [];
	const list = site.plane.list.bind(site.plane);
	site.plane.list = async (path) => {
		listed++;
		const gate = Promise.withResolvers<void>();
		gates.push(gate);
		await gate.promise;
		return list(path);
	};
	const first = site.catalogue.refresh(repository.id);
	const others = [1, 2, 3].map(() => site.catalogue.refresh(repository.id));
	while (gates.length < 1) await new Promise((resolve) => setImmediate(resolve));
	assert.equal(listed, 1);
	gates[0]?.resolve();
	await first;
	while (gates.length < 2) await new Promise((resolve) => setImmediate(resolve));
	gates[1]?.resolve();
	const views = await Promise.all(others);
	assert.equal(listed, 2);
	assert.equal(views[0], views[2]);
	assert.equal(await site.catalogue.view(repository.id), views[0], 'what was read is kept');
});

test('what a repository held is known from the time before, when it cannot be read now', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	await runToEnd(site, job.id);
	site.catalogue.forget(repository.id);
	site.plane.setReachable(repository.settings.path, false);
	const view = await site.catalogue.view(repository.id);
	assert.equal(view.error?.code, 'repository.unreachable');
	assert.equal(view.chains[0]?.points.length, 1);
});

test('an unknown repository is an error of whoever asks, and does not stay in the way', async (t) => {
	const site = await openJobSite(t);
	await assert.rejects(site.catalogue.refresh('nobody'), { code: 'not-found.repository' });
	await assert.rejects(site.catalogue.view('nobody'), { code: 'not-found.repository' });
});

const chain: ChainRecord = {
	id: 'c',
	job: { id: 'j', name: 'Office' },
	objects: [{ kind: 'folder', path: '/a' }],
	method: 'forward',
	createdAt: 0,
	encrypted: false,
	keyId: null,
	files: ['one', 'two', 'three'].map((path, i, all) => ({
		path,
		dependsOn: all[i - 1] ?? null,
		kind: i === 0 ? 'full' : 'increment',
		sizeBytes: 1,
		createdAt: i,
		pointIds: [`p${i}`],
		problem: null,
	})),
	points: [0, 1, 2].map((i) => ({
		id: `p${i}`,
		chainId: 'c',
		object: { kind: 'folder', path: '/a' },
		createdAt: i,
		kind: i === 0 ? 'full' : 'increment',
		consistency: 'file-system',
		mode: { requested: 'increment', actual: 'increment', reason: '' },
		sessionId: 's',
		file: ['one', 'two', 'three'][i] ?? '',
		storedBytes: 1,
		sourceBytes: 1,
		itemCount: 1,
		warningCount: 0,
		problem: null,
	})),
};
const problems = (found: { file: string; point: string | null }) =>
	withFindings(chain, [{ damaged: [{ ...found, path: null, reason: 'flipped' }] }]).points.map(({ problem }) => problem);

test('CHAIN-02: a damaged file takes the points with it that build on it', () => {
	assert.deepEqual(problems({ file: 'two', point: null }), [null, 'flipped', 'flipped']);
	assert.deepEqual(problems({ file: 'one', point: 'p2' }), [null, null, 'flipped']);
});

test('where older points build on newer ones, damage goes the other way', () => {
	const reversed = { ...chain, files: chain.files.map((file, i, all) => ({ ...file, dependsOn: all[i + 1]?.path ?? null })) };
	const hurt = withFindings(reversed, [{ damaged: [{ file: 'two', point: null, path: null, reason: 'flipped' }] }]);
	assert.deepEqual(
		hurt.points.map(({ problem }) => problem),
		['flipped', 'flipped', null],
	);
});

test('damage of another chain changes nothing', () => {
	assert.equal(withFindings(chain, [{ damaged: [{ file: 'elsewhere', point: 'p9', path: null, reason: 'flipped' }] }]), chain);
	assert.equal(withFindings(chain, []), chain);
});
