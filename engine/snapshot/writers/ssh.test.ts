import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startSshServer } from '../testing/ssh-server.ts';
import { parseSshSpec, SshWriter, sshArguments } from './ssh.ts';

const { signal } = new AbortController();

/** A real server on loopback, and a script that it may be asked for. */
async function startServer(t: TestContext) {
	const server = await startSshServer(t);
	if (server === null) return null;
	const { folder, port, key, hostKey } = server;
	const [knownHosts, log] = ['known hosts', 'log'].map((name) => join(folder, name)) as [string, string];
	writeFileSync(knownHosts, `[127.0.0.1]:${port} ${hostKey}`);
	const script = join(folder, "app's freeze.sh");
	// one that goes on by itself ends with its folder
	writeFileSync(script, `#!/bin/sh\necho "$1" >> '${log}'\nwhile [ -e '${folder}/slow' ]; do sleep 0.1; done\nexit 3\n`);
	chmodSync(script, 0o755);
	const spec = (more = '', path = script): string => `root@127.0.0.1:${port}${path}?identity=${key}&known-hosts=${encodeURIComponent(knownHosts)}${more}`;
	return { ...server, spec, log, knownHosts };
}

test('GIP-03 GIP-07: a script in another machine is called by ssh with freeze and thaw; its exit codes are those that it was said to have', {
	timeout: 60_000,
}, async (t) => {
	const site = await startServer(t);
	if (site === null) return;
	const writer = new SshWriter(site.spec('&accept=0,3'));
	assert.match((await writer.identify({ signal })).title, /on 127\.0\.0\.1/);
	assert.equal(existsSync(site.log), false, 'reaching it runs nothing');
	await writer.freeze({ signal });
	assert.equal(await writer.thaw({ signal }), 'held');
	assert.equal(readFileSync(site.log, 'utf8'), 'freeze\nthaw\n');
	await assert.rejects(new SshWriter(site.spec()).freeze({ signal }), { code: 'snapshot.writer', message: /freeze on 127\.0\.0\.1 ended with exit code 3/ });
	await assert.rejects(new SshWriter(site.spec('', '/nowhere.sh')).identify({ signal }), { code: 'snapshot.writer', message: /cannot be run on 127/ });

	writeFileSync(join(site.folder, 'slow'), '');
	await assert.rejects(new SshWriter(site.spec('&timeout=1')).freeze({ signal }), { code: 'snapshot.timeout', message: /took longer than 1 s/ });
	rmSync(join(site.folder, 'slow'));

	writeFileSync(site.knownHosts, `web ${site.hostKey}`);
	await assert.rejects(writer.identify({ signal }), { code: 'snapshot.writer' }, 'its key is not known by its address');
	await new SshWriter(site.spec('&accept=0,3&alias=web')).identify({ signal });
	writeFileSync(site.knownHosts, `[127.0.0.1]:${site.port} ${site.publicKey}`);
	await assert.rejects(
		writer.freeze({ signal }),
		({ code, message, hint }) => code === 'snapshot.writer' && /cannot be reached by ssh/.test(message) && /known hosts/.test(hint),
	);
});

test('specs of scripts elsewhere that cannot be understood, or would be options, are refused; words for the shell there are quoted', () => {
	const there = parseSshSpec("me@[::1]:2222/opt/it's here.sh?timeout=5");
	assert.deepEqual([there.host, there.port, there.timeoutMs], ['::1', 2222, 5000]);
	assert.deepEqual(sshArguments(there, 'thaw').slice(-6), ['2222', '-l', 'me', '--', '::1', "'/opt/it'\\''s here.sh' thaw"]);
	for (const spec of [
		'',
		'host/x',
		'-oProxyCommand=x@h/x',
		'me@-h/x',
		'me@h',
		'me@h:0/x',
		'me@h:99999/x',
		'me@h/x?accept=255',
		'me@h/x?what=1',
		'me@h/x?identity=key',
		'me@h/x?alias=-oX',
		'me@h/x?alias=a%20b',
		'me@h/x?identity=/a"b',
		'm e@h/x',
		'me@h/x\ny',
	])
		assert.throws(() => parseSshSpec(spec), { code: 'usage.invalid' }, spec);
});
