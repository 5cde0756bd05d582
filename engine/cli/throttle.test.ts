/** Throttling from the command line, on a real engine and real files. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { seededRandom } from '../repository/testing/random.ts';
import { makePlaceInProcess, succeeding } from './testing/program.ts';

async function openSite(t: TestContext) {
	const place = await makePlaceInProcess(t);
	await mkdir(join(place.root, 'papers'));
	await writeFile(join(place.root, 'papers', 'noise'), seededRandom(12).bytes(600_000));
	return { run: place.run, ok: succeeding(place) };
}

test('NET-01, NET-05: a rule is added, listed, edited and removed', async (t) => {
	const { run, ok } = await openSite(t);
	assert.match((await run('throttle', 'list')).stdout, /No throttling rules/);
	const add = ['throttle', 'add', 'Branch', '--from', '10.0.0.0/24', '--to', '10.8.0.1-10.8.0.20', '--limit', '5'];
	const { throttle } = await ok(...add, '--window', 'mon-fri 8:00-18:00', '--window', 'sat');
	const { id, active, ...facts } = throttle;
	const expected = {
		name: 'Branch',
		from: '10.0.0.0/24',
		to: '10.8.0.1-10.8.0.20',
		bytesPerSec: 5_000_000,
		windows: ['mon-fri 08:00-18:00', 'sat'],
		enabled: true,
		transfers: 0,
	};
	assert.deepEqual(facts, expected);
	assert.equal(typeof active, 'boolean');
	assert.deepEqual(await ok('throttle', 'list').then(({ throttles }) => throttles.map((rule: { id: string }) => rule.id)), [id]);
	assert.match((await run('throttle', 'list')).stdout, /Branch.+10\.0\.0\.0\/24.+10\.8\.0\.1-10\.8\.0\.20.+5 MB\/s.+mon-fri 08:00-18:00; sat/);
	const edited = await ok('throttle', 'edit', 'branch', '--limit', '0.5', '--always', '--off', '--name', 'Far');
	assert.deepEqual(edited.throttle, { ...expected, id, name: 'Far', bytesPerSec: 500_000, windows: [], enabled: false, active: false });
	assert.deepEqual(await ok('throttle', 'remove', id), { removed: { id, name: 'Far' } });
	assert.equal((await run('throttle', 'remove', 'Far')).code, 1);
});

test('what makes no rule is refused with the option that is to blame', async (t) => {
	const { run } = await openSite(t);
	const good = { '--from': '10.0.0.0/24', '--to': '10.8.0.1', '--limit': '5' };
	for (const [option, value] of [
		['--from', '10.0.0'],
		['--to', '10.0.0.9-10.0.0.1'],
		['--limit', 'fast'],
		['--limit', '0'],
		['--limit', '0.0001'],
		['--window', 'someday'],
	] as const) {
		const { code, stderr } = await run('throttle', 'add', 'x', ...Object.entries({ ...good, [option]: value }).flat());
		assert.equal(code, 2, `${option} ${value}`);
		assert.ok(stderr.includes(option), stderr);
	}
	assert.equal((await run('throttle', 'add', 'x', '--from', '10.0.0.1')).code, 2);
});

test('NET-06, BOTTL-04: a run under a rule goes at its pace, and says that the rule held it back and what it would be without', async (t) => {
	const { run, ok } = await openSite(t);
	await ok('repository', 'add', 'Main', '--path', 'backup');
	await ok('job', 'add', 'Papers', '--source', 'folder:papers', '--repository', 'Main', '--compression', 'none');
	await ok('throttle', 'add', 'Slow', '--from', '127.0.0.1', '--to', '127.0.0.0/8', '--limit', '0.3');
	const { session } = await ok('job', 'run', 'Papers');
	assert.equal(session.bottleneck.stage, 'throttling', JSON.stringify(session.bottleneck));
	assert.match(session.bottleneck.reason, /throttling rule “Slow” \(0\.3 MB\/s\)/);
	assert.match(session.bottleneck.whatIf, /^Without the limit: [\d.]+ times faster\.$/);
	assert.ok(session.durationMs >= 1900, `${session.durationMs}`);
	const [kept] = (await ok('session', 'list')).sessions;
	assert.equal(kept.bottleneck.stage, 'throttling');
	assert.match(
		(await run('session', 'show', session.id)).stdout,
		/Throttling \(busy: .+; held back: \d+ %\)\. The throttling rule “Slow”.+ Without the limit:/,
	);
});
