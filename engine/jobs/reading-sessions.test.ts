import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/index.ts';
import { settle } from '../base/testing.ts';
import { type Point, restoreFilesInput } from '../contract/index.ts';
import { planOutlook } from './outlook.ts';
import { toPoint } from './restore-points.ts';
import { addJob, addRepository, documents, ended, type JobSite, openJobSite, runToEnd } from './testing/job-site.ts';

async function protect(site: JobSite) {
	const repository = await addRepository(site, { maxTasks: 1 });
	const job = await addJob(site, repository.id);
	await runToEnd(site, job.id);
	await runToEnd(site, job.id);
	const points = async (): Promise<Point[]> => {
		const view = await site.catalogue.view(repository.id);
		const context = {
			repositoryName: 'Local',
			jobNames: new Map([[job.id, 'Office']]),
			jobsHere: new Set([job.id]),
			formerJobs: new Set<string>(),
			outlook: planOutlook([], [], { singleFile: false, encryptionKeyId: null }, 0),
			verifiedAt: new Map(),
			health: new Map(),
		};
		return view.chains.flatMap((chain) => chain.points.map((point) => toPoint({ view, chain, context }, point)));
	};
	const [first, second] = (await points()) as [Point, Point];
	return { repository, job, points, first, second };
}

test('damage that a verification finds marks the point, and retention stops counting it', async (t) => {
	const site = await openJobSite(t);
	const { repository, points, second } = await protect(site);
	site.plane.damagePoint(second.id);
	const session = await ended(site, await site.reading.verify({ repository, point: second }));
	assert.equal(session.state, 'failed');
	assert.equal(session.error?.code, 'repository.damaged');
	assert.deepEqual(
		(await points()).map(({ restorable, problem }) => [restorable, problem]),
		[
			[true, null],
			[false, 'a byte was flipped'],
		],
	);
	assert.deepEqual(
		(await site.config.verifications.list()).map(({ target, targetId, damagedCount }) => [target, targetId, damagedCount]),
		[['point', second.id, 1]],
	);
	assert.ok((await site.sessions.log(session.id, 0, 100)).some(({ code, severity }) => code === 'repository.damaged' && severity === 'error'));
});

test('a check reads a whole chain and keeps its result', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, first } = await protect(site);
	const session = await ended(site, await site.reading.check({ repository, chainId: first.chainId, jobId: job.id, title: 'Office' }));
	assert.equal(session.state, 'success');
	assert.deepEqual((await site.sessions.record(session.id)).result, { chain: first.chainId, readBytes: 22, damaged: [], unreadable: [] });
});

test('somebody who restores does not wait behind backups, a check does', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, first } = await protect(site);
	const hang = site.plane.hangNext(documents);
	const backup = await site.runner.run(job.id, null);
	await hang.begun;
	const restore = await site.reading.restoreFiles({
		repository,
		point: first,
		input: restoreFilesInput.parse({ point: first.id, paths: ['/'], to: '/target' }),
	});
	assert.equal((await ended(site, restore)).state, 'success');
	const verify = await site.reading.verify({ repository, point: first });
	await settle();
	assert.equal(verify.state, 'queued');
	hang.release();
	assert.equal((await ended(site, verify)).state, 'success');
	await ended(site, backup);
});

test('a restore that fails or is cancelled says so, and lets go of its chain', async (t) => {
	const site = await openJobSite(t);
	const { repository, first } = await protect(site);
	const input = restoreFilesInput.parse({ point: first.id, paths: ['/'], to: '/target' });
	const fault = site.plane.failNext(new EngineError('restore.target', '/target cannot be written.'));
	assert.equal((await ended(site, await site.reading.restoreFiles({ repository, point: first, input }))).error?.code, 'restore.target');
	assert.equal(fault.fired, true);
	const hang = site.plane.hangNext();
	const session = await site.reading.restoreFiles({ repository, point: first, input });
	await hang.begun;
	const seat = site.chainUse.tryWrite(first.chainId, 'a backup');
	assert.equal(seat.tryAlone(), undefined);
	await site.sessions.cancel(session.id);
	assert.equal((await ended(site, session)).state, 'cancelled');
	const removing = seat.tryAlone({ isRemoval: true });
	assert.notEqual(removing, undefined);
	await assert.rejects(site.reading.restoreFiles({ repository, point: first, input }), { code: 'busy.chain' });
	removing?.[Symbol.dispose]();
});
