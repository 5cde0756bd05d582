/** Databases under load, protected by a job and started again from what it gives back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from './base/index.ts';
import { requireTool } from './base/testing.ts';
import { isFinal, jobSettings, repositorySettings, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';
import { afterwards, mountFresh } from './platform/testbed.ts';
import { giveToServer, TestCluster } from './snapshot/testing.ts';

const none = {};

test('VSS-02, AGENT-05: PostgreSQL under load is backed up from a snapshot, and starts from what was restored with its balances right', {
	timeout: 240_000,
}, async (t) => {
	if (!requireTool(t, 'runuser', 'psql')) return;
	const volume = mountFresh(t, 'btrfs');
	if (volume === null) return;
	const place = mkdtempSync(join(tmpdir(), 'holdfast-databases-'));
	afterwards(t, () => rmSync(place, { recursive: true, force: true }));
	for (const folder of [place, join(volume, '..'), volume]) chmodSync(folder, 0o755);
	execFileSync('btrfs', ['subvolume', 'create', join(volume, 'cluster')], { stdio: 'ignore' });
	await giveToServer(join(volume, 'cluster'));
	await using engine = await openEngine({ dataFolder: join(place, 'data'), logger: silentLog, runSchedules: false });
	const { api } = engine;
	const ended = async (id: string): Promise<Session> => {
		for await (const session of api.sessions.follow({ id }, none)) if (isFinal(session.state)) return session;
		throw new Error('the session was not followed to its end');
	};
	const repository = await api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	const back = join(place, 'back');
	{
		await using cluster = await TestCluster.create(join(volume, 'cluster', 'data'), join(place, 'socket'));
		await cluster.run('pgbench', ['-i', '-q', '-s', '1', 'postgres']);
		const source = { kind: 'folder', path: cluster.dataDirectory } as const;
		const settings = { name: 'Cluster', sources: [source], repositoryId: repository.id, writers: [`postgresql:${cluster.socket}`], requireConsistent: true };
		const job = await api.jobs.create(jobSettings.parse(settings), none);
		{
			await using _load = cluster.load();
			for (let i = 0; i < 2; i++) {
				const session = await ended((await api.jobs.run({ id: job.id, full: null }, none)).sessionId);
				assert.equal(session.state, 'success', JSON.stringify(session.tasks[0]));
			}
		}
		const points = await api.points.list({}, none);
		assert.deepEqual(
			points.map(({ consistency }) => consistency),
			['application', 'application'],
		);
		assert.match(points[0]?.snapshot?.writers[0] ?? '', /^PostgreSQL/);
		const { sessionId } = await api.restore.files({ point: 'Cluster@latest', paths: ['/'], to: back, overwrite: 'never' }, none);
		assert.equal((await ended(sessionId)).state, 'success');
		// It starts while the other one still runs: nothing in it says that it was somebody's.
		await using restored = await TestCluster.start(back, join(place, 'socket-of-restored'));
		const branches = await restored.ask('SELECT sum(bbalance) FROM pgbench_branches');
		const others = 'SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)';
		assert.equal(await restored.ask(others), [branches, branches, branches].join('|'));
		await restored.run('pg_amcheck', ['--install-missing', '--heapallindexed', 'postgres']);
	}
});
