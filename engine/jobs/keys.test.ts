import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addJob, addRepository, local, openJobSite, runToEnd } from './testing/job-site.ts';

async function openEncryptedSite(t: TestContext) {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const site = await openJobSite(t, { databasePath: join(root, 'holdfast.db') });
	const { keyId } = await site.keys.create('password');
	const repository = await addRepository(site, { encryptionKeyId: keyId });
	const job = await addJob(site, repository.id);
	await runToEnd(site, job.id);
	return { site, keyId, repository, job };
}

test('a chain in use keeps its old secrets, is named, and gets the new ones when asked again', async (t) => {
	const { site, keyId } = await openEncryptedSite(t);
	const [chain] = (await site.plane.list(local)).chains;
	assert.equal(chain?.keyId, keyId);
	for (const hold of [() => site.chainUse.tryRead(chain.id), () => site.chainUse.tryWrite(chain.id, 'a backup')]) {
		using _ = hold();
		const { chainCount, pending } = await site.keys.changePassword(keyId, 'another');
		assert.deepEqual([chainCount, pending.map(({ chainId }) => chainId)], [1, [chain.id]]);
		assert.deepEqual(site.plane.relocked, []);
	}
	assert.deepEqual(await site.keys.relock(keyId), { chainCount: 1, pending: [] });
	assert.deepEqual(site.plane.relocked, [chain.id]);
});

test('a repository that cannot be reached does not hide the chains that are still open to the secret before', async (t) => {
	const { site, keyId } = await openEncryptedSite(t);
	site.plane.setReachable('/repositories/Local', false);
	const { chainCount, pending } = await site.keys.changePassword(keyId, 'another');
	assert.deepEqual([chainCount, pending.length], [1, 1]);
});

test('keys survive a restart, and what the database alone holds opens nothing', async (t) => {
	const { site, keyId } = await openEncryptedSite(t);
	const [stored] = await site.config.keys.list();
	assert.equal(stored?.id, keyId);
	assert.equal(Buffer.from(JSON.stringify(stored.slots)).includes(Buffer.from(stored.secret)), false);
	const users = (await site.keys.list())[0]?.usedBy.map(({ kind, name }) => `${kind} ${name}`);
	assert.deepEqual(users, ['repository Local']);
});
