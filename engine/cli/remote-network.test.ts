import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { ip, mayMakeNamespaces } from './testing/far-machine.ts';
import { addMachine, openSitesApart } from './testing/mover.ts';
import { makeFolder, makePlace, noise, program, sameTree, succeeding } from './testing/program.ts';

/** Two machines with addresses of their own, joined by one cable. */
function joinMachines(t: TestContext): { readonly near: string; readonly far: string; readonly addresses: readonly [string, string] } {
	const [near, far] = [`holdfast-near-${process.pid}`, `holdfast-far-${process.pid}`];
	const [nearEnd, farEnd] = [`hfn${process.pid}`, `hff${process.pid}`];
	const addresses = ['10.231.77.1', '10.231.77.2'] as const;
	for (const [name, end, address] of [
		[near, nearEnd, addresses[0]],
		[far, farEnd, addresses[1]],
	] as const) {
		t.after(() => ip('netns', 'delete', name));
		ip('netns', 'add', name);
		if (end === nearEnd) ip('-n', near, 'link', 'add', nearEnd, 'type', 'veth', 'peer', 'name', farEnd);
		else ip('-n', near, 'link', 'set', farEnd, 'netns', far);
		ip('-n', name, 'address', 'add', `${address}/24`, 'dev', end);
		for (const device of ['lo', end]) ip('-n', name, 'link', 'set', device, 'up');
	}
	return { near, far, addresses };
}

test('NET-02 NET-03 SRV-13: between two machines with addresses of their own a rule for these addresses holds back what is sent', async (t) => {
	if (!requireTool(t, 'ip')) return;
	if (!mayMakeNamespaces()) return t.skip('network namespaces need root on Linux');
	const { near, far, addresses } = joinMachines(t);
	const on = (namespace: string): [string, ...string[]] => ['ip', 'netns', 'exec', namespace, process.execPath, program];
	const vault = await makePlace(t, on(far));
	const place = await makePlace(t, on(near));
	const server = place.start('server', 'start', '--listen', '127.0.0.1:0');
	await server.stdout.hear(/#token=/);
	await addMachine(place, vault, 'Vault', { listen: `${addresses[1]}:0` });
	const ok = succeeding(place);
	const source = join(place.root, 'documents');
	await makeFolder(source);
	writeFileSync(join(source, 'large'), noise('large', 6_000_000));
	await ok('repository', 'add', 'Far', '--path', join(vault.root, 'backup'), '--on', 'Vault');
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--repository', 'Far');
	await ok('throttle', 'add', 'Elsewhere', '--from', '10.231.78.0/24', '--to', '10.231.77.0/24', '--limit', '0.001');
	await ok('throttle', 'add', 'Cable', '--from', addresses[1], '--to', addresses[0], '--limit', '2');
	const { session } = await ok('job', 'run', 'Web');
	assert.equal(session.bottleneck.stage, 'throttling', JSON.stringify(session.bottleneck));
	assert.match(session.bottleneck.reason, /“Cable”/);
	// the other way round: what lies there is sent here by the data mover, which keeps to the rule
	const remote = join(vault.root, 'documents');
	await makeFolder(remote);
	writeFileSync(join(remote, 'large'), noise('remote', 6_000_000));
	await ok('repository', 'add', 'Near', '--path', join(place.root, 'backup'));
	await ok('job', 'add', 'Pull', '--source', `folder:${remote}`, '--on', 'Vault', '--repository', 'Near');
	const pulled = (await ok('job', 'run', 'Pull')).session;
	assert.equal(pulled.bottleneck.stage, 'throttling', JSON.stringify(pulled.bottleneck));
	assert.match(pulled.bottleneck.reason, /“Cable”/);
	await ok('throttle', 'remove', 'Cable');
	await ok('restore', 'files', 'Web@latest', '/', '--to', join(place.root, 'back'));
	await sameTree(source, join(place.root, 'back'));
	server.child.kill('SIGTERM');
	await server.ended;
});

test('PIPE-08: with all connections cut every two seconds, on a way of 50 ms, runs and restores go on where they were, whichever side sends', async (t) => {
	const { server: place, far: vault, proxy, ok } = await openSitesApart(t, { random: () => 0, delayMs: 25 });
	const source = join(place.root, 'documents');
	await makeFolder(source);
	for (let i = 0; i < 2; i++) writeFileSync(join(source, `large-${i}`), noise(`large ${i}`, 6_000_000));
	await ok('repository', 'add', 'Far', '--path', join(vault.root, 'backup'), '--on', 'Vault', '--write-limit', '4', '--read-limit', '4');
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--repository', 'Far');
	// and the other way round: what lies there is sent here, and given back there
	const remote = join(vault.root, 'documents');
	await makeFolder(remote);
	for (let i = 0; i < 2; i++) writeFileSync(join(remote, `large-${i}`), noise(`remote ${i}`, 6_000_000));
	await ok('repository', 'add', 'Near', '--path', join(place.root, 'backup'), '--write-limit', '4', '--read-limit', '4');
	await ok('job', 'add', 'Pull', '--source', `folder:${remote}`, '--on', 'Vault', '--repository', 'Near');
	for (const args of [
		['job', 'run', 'Web'],
		['restore', 'files', 'Web@latest', '/', '--to', join(place.root, 'back')],
		['job', 'run', 'Pull'],
		['restore', 'files', 'Pull@latest', '/', '--on', 'Vault', '--to', join(vault.root, 'back')],
	]) {
		const cutsBefore = proxy.cuts;
		const cutting = setInterval(() => proxy.cutAll(), 2000);
		try {
			const { session } = await ok(...args);
			assert.equal(session.state, 'success');
		} finally {
			clearInterval(cutting);
		}
		assert.ok(proxy.cuts > cutsBefore, `nothing was cut during ${args.join(' ')}`);
	}
	await sameTree(source, join(place.root, 'back'));
	await sameTree(remote, join(vault.root, 'back'));
});
