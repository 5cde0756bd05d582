import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMover } from './testing/mover.ts';
import { makePlace, makeServedPlace } from './testing/program.ts';

test('SRV-07 SRV-10 SRV-12: a machine is paired, listed, changed, asked and let go; its data mover is a process of its own', async (t) => {
	const far = await makePlace(t);
	const place = await makeServedPlace(t);
	const { token, expiresAt } = (await place.json('machine', 'token')).document;
	assert.ok(Date.parse(expiresAt) > Date.now());
	const mover = await startMover(far, 'vault', { pair: token });
	const added = await place.json('machine', 'add', 'Vault', '--address', mover.address, '--token', token, '--role', 'repository,proxy');
	assert.equal(added.code, 0, added.stderr);
	const { machine } = added.document;
	assert.deepEqual(
		[machine.name, machine.address, machine.roles, machine.state, machine.problem],
		['Vault', mover.address, ['proxy', 'repository'], 'online', null],
	);
	assert.ok(machine.status.volumes.length > 0);
	await mover.stderr.hear(/Paired with /);

	const again = await place.json('machine', 'add', 'Again', '--address', '127.0.0.1:1', '--token', token);
	assert.deepEqual([again.code, again.document.error.code], [1, 'auth.refused']);
	assert.equal((await place.json('machine', 'set', 'vault', '--name', 'Cellar', '--role', 'gateway')).document.machine.roles[0], 'gateway');
	assert.deepEqual(
		(await place.json('machine', 'list')).document.machines.map(({ name }: { name: string }) => name),
		['Cellar'],
	);
	assert.match((await place.run('machine', 'show', 'Cellar')).stdout, /Certificate {2}until /);
	assert.equal((await place.run('machine', 'rescan', 'Cellar')).code, 0);

	mover.child.kill('SIGKILL');
	await mover.ended;
	const gone = await place.json('machine', 'rescan', 'Cellar');
	assert.deepEqual([gone.code, gone.document.machine.state, gone.document.machine.problem.code], [1, 'offline', 'connection.refused']);

	const back = await startMover(far, 'vault');
	await back.stdout.hear(/It belongs to /);
	assert.equal((await place.run('machine', 'set', 'Cellar', '--address', back.address)).code, 0);
	assert.equal((await place.json('machine', 'rescan', 'Cellar')).document.machine.state, 'online');
	assert.equal((await place.json('machine', 'remove', 'Cellar')).document.removed.told, true);
	const { code, stderr } = await back.ended;
	assert.deepEqual([code, /has let this machine go/.test(stderr)], [0, true], stderr);
});

test('wrong words about machines and data movers are named', async (t) => {
	const place = await makeServedPlace(t);
	const vault = ['--data', join(place.root, 'vault')];
	for (const [args, code, message] of [
		[['machine', 'add', 'X', '--address', 'nowhere', '--token', 'x'], 'usage.invalid', /--address/],
		[['machine', 'add', 'X', '--address', 'h:1', '--token', 'x', '--role', 'cook'], 'usage.invalid', /"cook" is not a role/],
		[['machine', 'add', 'X', '--address', 'h:1', '--token', 'x'], 'usage.invalid', /token is not whole/],
		[['machine', 'show', 'X'], 'not-found.machine', /no machine "X"/],
		[[...vault, 'mover', 'start', '--listen', '127.0.0.1:0'], 'auth.required', /does not belong/],
		[[...vault, 'mover', 'start', '--listen', 'x'], 'usage.invalid', /not an address/],
	] as const) {
		const { document } = await place.json(...args);
		assert.equal(document.error.code, code, args.join(' '));
		assert.match(document.error.message, message);
	}
});
