import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { silentLog } from '../base/index.ts';
import { FakeClock } from '../base/testing.ts';
import { openConfiguration } from '../config/index.ts';
import type { EngineEvent, MachineSettingsInput } from '../contract/index.ts';
import { machineSettings } from '../contract/index.ts';
import { openPlatform } from '../platform/index.ts';
import { Look } from '../restore/index.ts';
import { certificateMs, createAuthority, fingerprintOf, issue, selfSigned } from './certificates.ts';
import { alpn, controlVersion } from './control-words.ts';
import { createMachines, openMoverFolder, startMover } from './index.ts';
import { formatPairingToken, parsePairingToken } from './pairing-token.ts';

const platform = openPlatform();
const noon = '2026-06-01T12:00:00Z';

/** A backup server's side, with a database of its own. */
async function openServer(t: TestContext, clock: FakeClock, version?: number) {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-server-'));
	const config = await openConfiguration<{ id: string }>(join(folder, 'holdfast.db'), clock);
	t.after(async () => {
		await config[Symbol.asyncDispose]();
		await rm(folder, { recursive: true, force: true });
	});
	const events: EngineEvent[] = [];
	const machines = createMachines({ store: config.managed, clock, bus: { emit: (event) => void events.push(event) }, log: silentLog, product: '1.0', version });
	return { config, machines, events, folder };
}
type Server = Awaited<ReturnType<typeof openServer>>;

type MoverWish = {
	readonly token?: string | null;
	readonly path?: string;
	readonly version?: number;
	readonly acceptData?: (socket: TLSSocket, peerId: string) => void;
};

async function openMover(t: TestContext, clock: FakeClock, { token = null, path, version, acceptData }: MoverWish) {
	const parent = path ?? (await mkdtemp(join(tmpdir(), 'holdfast-mover-')));
	const folder = await openMoverFolder(join(parent, 'mover'), platform.locks, clock.now());
	const stack = new AsyncDisposableStack();
	stack.use(folder);
	const look = stack.use(new Look());
	t.after(async () => {
		await stack.disposeAsync();
		await rm(parent, { recursive: true, force: true });
	});
	const mover = await startMover({
		folder,
		listen: { host: '127.0.0.1', port: 0 },
		token: token === null ? null : parsePairingToken(token),
		product: '1.1',
		platform,
		measure: (question, options) => look.measure(question, options),
		volumes: { rescan: async () => [], change: () => assert.fail('nobody chose') },
		openHypervisor: { libvirt: () => assert.fail('nobody asked for a host') },
		clock,
		log: silentLog,
		version,
		acceptData,
	}).catch(async (error: unknown) => {
		await folder[Symbol.asyncDispose]();
		throw error;
	});
	stack.use(mover);
	const port = Number(mover.address.split(':').at(-1));
	return { mover, folder, parent, port, address: { host: '127.0.0.1', port }, stop: () => stack.disposeAsync() };
}
type Mover = Awaited<ReturnType<typeof openMover>>;

const settingsOf = ({ address }: Pick<Mover, 'address'>, more: Partial<MachineSettingsInput> = {}) =>
	machineSettings.parse({ name: 'Vault', address, ...more });

const tokenOf = async ({ machines }: Server): Promise<string> => (await machines.offerPairing()).token;

async function pairedSite(t: TestContext) {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	const mover = await openMover(t, clock, { token });
	const machine = await server.machines.add(settingsOf(mover, { roles: ['repository', 'proxy'] }), token, {});
	return { clock, server, token, mover, machine };
}

test('SRV-07 SRV-09: a data mover is paired by a token, known by certificates from then on, and keeps nothing else', async (t) => {
	const { clock, server, mover, machine } = await pairedSite(t);
	assert.deepEqual(machine.settings.roles, ['proxy', 'repository']);
	assert.equal(machine.state, 'online');
	assert.equal(machine.status?.certificateExpiresAt, clock.now() + certificateMs);
	assert.ok((machine.status?.volumes.length ?? 0) > 0);
	assert.deepEqual(server.events, [{ kind: 'machine', id: machine.id }]);
	assert.equal((await mover.mover.paired).id, machine.id);

	const file = join(mover.folder.path, 'mover.json');
	assert.equal((await stat(file)).mode & 0o777, process.platform === 'win32' ? 0o666 : 0o600);
	assert.deepEqual(Object.keys(JSON.parse(await readFile(file, 'utf8'))), ['id', 'certificate', 'key', 'authority', 'serverId', 'serverName', 'repositories']);

	const listed = await server.machines.places(machine.id, mover.folder.path, {});
	assert.deepEqual(
		listed.entries.map(({ name }) => name),
		['engine.lock', 'mover.json'],
	);
	await assert.rejects(server.machines.places(machine.id, join(mover.folder.path, 'none'), {}), { code: 'not-found.path' });
	const measured = (path: string) => server.machines.measure(machine.id, { kind: 'folder', path }, { deadlineMs: 10_000 });
	const bytes = (await stat(file)).size + (await stat(join(mover.folder.path, 'engine.lock'))).size;
	assert.deepEqual(await measured(mover.folder.path), { bytes, items: 3, complete: true });
	await assert.rejects(measured(join(mover.folder.path, 'none')), { code: 'source.missing' });
	assert.equal(await server.machines.mediumOf(machine.id, mover.folder.path, {}), platform.disks.mediumOf(mover.folder.path));
});

test('a paired data mover is found again after both sides were started anew', async (t) => {
	const { clock, server, mover, machine } = await pairedSite(t);
	await mover.stop();
	const again = await openMover(t, clock, { path: mover.parent });
	const machines = createMachines({ store: server.config.managed, clock, bus: { emit: () => undefined }, log: silentLog, product: '1.0' });
	await machines.update(machine.id, 1, settingsOf(again));
	assert.equal((await machines.rescan(machine.id, {})).state, 'online');
});

test('a machine that does not answer is shown as offline with the reason, and as it was when it was seen last', async (t) => {
	const { server, mover, machine } = await pairedSite(t);
	await mover.stop();
	const seen = await server.machines.rescan(machine.id, {});
	assert.equal(seen.state, 'offline');
	assert.equal(seen.problem?.code, 'connection.refused');
	assert.match(seen.problem?.message ?? '', /^The data mover Vault cannot be reached at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)\.$/);
	assert.deepEqual(seen.status, machine.status);
	assert.equal(seen.seenAt, machine.seenAt);
});

test('wrong token: a data mover that waits with another one is not paired, and neither token is used up', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const [given, other] = [await tokenOf(server), await tokenOf(server)];
	const mover = await openMover(t, clock, { token: given });
	await assert.rejects(server.machines.add(settingsOf(mover), other, {}), { code: 'auth.refused', message: /was started with another token/ });
	assert.deepEqual(await server.machines.list(), []);
	assert.equal(mover.folder.membership, null);
	assert.equal((await server.machines.add(settingsOf(mover), given, {})).state, 'online');
});

test('used token: it pairs one machine, and no second one', async (t) => {
	const { clock, server, token } = await pairedSite(t);
	const second = await openMover(t, clock, { token });
	await assert.rejects(server.machines.add(settingsOf(second, { name: 'Second' }), token, {}), { code: 'auth.refused', message: /used already/ });
	assert.equal((await server.machines.list()).length, 1);
	assert.equal(second.folder.membership, null);
});

test('used token: of two machines that are added with it at the same time one is paired', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	const movers = [await openMover(t, clock, { token }), await openMover(t, clock, { token })];
	const outcomes = await Promise.allSettled(movers.map((mover, index) => server.machines.add(settingsOf(mover, { name: `Vault ${index}` }), token, {})));
	assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
	assert.equal((await server.machines.list()).length, 1);
	assert.equal(movers.filter(({ folder }) => folder.membership !== null).length, 1);
});

test('expired token: it is refused by the backup server, and by the data mover', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	const mover = await openMover(t, clock, { token });
	clock.suspend(3_600_001);
	await assert.rejects(server.machines.add(settingsOf(mover), token, {}), { code: 'auth.refused', message: 'The token has expired.' });
	await assert.rejects(openMover(t, clock, { token }), { code: 'auth.refused', message: 'The pairing token has expired.' });
	assert.deepEqual(await server.machines.list(), []);
});

test('expired token: a data mover that waited too long refuses a backup server whose clock is late', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	const ahead = new FakeClock(noon);
	const mover = await openMover(t, ahead, { token });
	ahead.suspend(3_600_001);
	await assert.rejects(server.machines.add(settingsOf(mover), token, {}), { code: 'auth.refused', message: /The pairing token has expired/ });
	assert.equal(mover.folder.membership, null);
});

test('other fingerprint: a data mover gives itself to the backup server of its token only, also when another one knows the secret', async (t) => {
	const clock = new FakeClock(noon);
	const [server, thief] = [await openServer(t, clock), await openServer(t, clock)];
	const token = await tokenOf(server);
	const mover = await openMover(t, clock, { token });
	await assert.rejects(thief.machines.add(settingsOf(mover), token, {}), { code: 'auth.refused', message: /made by another backup server/ });

	const stolen = { ...parsePairingToken(token), fingerprint: parsePairingToken(await tokenOf(thief)).fingerprint };
	await thief.config.managed.addToken(stolen);
	await assert.rejects(thief.machines.add(settingsOf(mover), formatPairingToken(stolen), {}), {
		code: 'auth.refused',
		message: /not the backup server that has made the token/,
	});
	assert.equal(mover.folder.membership, null);
	assert.equal((await server.machines.add(settingsOf(mover), token, {})).state, 'online', 'the true one still can');
});

test('who stands in the middle of a pairing is noticed, whatever certificate he presents', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	const mover = await openMover(t, clock, { token });
	const own = await createAuthority('somebody', clock.now());
	const presented = await issue(own, 'somebody', clock.now());
	let passed = 0;
	const middle = createServer(
		{ cert: presented.certificate, key: presented.key, ALPNProtocols: [alpn.pairing], requestCert: true, rejectUnauthorized: false },
		(inner) => {
			passed++;
			const outer = connect({ ...mover.address, cert: presented.certificate, key: presented.key, ALPNProtocols: [alpn.pairing], rejectUnauthorized: false });
			for (const socket of [inner, outer]) socket.on('error', () => undefined);
			inner.pipe(outer).pipe(inner);
		},
	);
	t.after(() => middle.close());
	await once(middle.listen(0, '127.0.0.1'), 'listening');
	const address = { host: '127.0.0.1', port: (middle.address() as { port: number }).port };
	await assert.rejects(server.machines.add(settingsOf({ address }), token, {}), {
		code: 'auth.refused',
		message: /not the backup server that has made the token/,
	});
	assert.equal(passed, 1);
	assert.deepEqual(await server.machines.list(), []);
	assert.equal((await server.machines.add(settingsOf(mover), token, {})).state, 'online', 'the token was not used up');
});

test('what only pretends to be a data mover gets no certificate, and the token is not used up', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	const presented = await selfSigned(clock.now());
	let heard = '';
	const pretender = createServer({ cert: presented.certificate, key: presented.key, ALPNProtocols: [alpn.pairing] }, (socket) => {
		socket.on('error', () => undefined);
		socket.on('data', (bytes) => {
			heard += bytes.toString();
		});
		socket.write(`${JSON.stringify({ version: controlVersion, product: 'x' })}\n${JSON.stringify({ proof: '0'.repeat(64) })}\n`);
	});
	t.after(() => pretender.close());
	await once(pretender.listen(0, '127.0.0.1'), 'listening');
	const address = { host: '127.0.0.1', port: (pretender.address() as { port: number }).port };
	await assert.rejects(server.machines.add(settingsOf({ address }), token, {}), { code: 'auth.refused', message: /does not know the token/ });
	assert.ok(!heard.includes(parsePairingToken(token).secret.toString('hex')) && !heard.includes(token));
	const mover = await openMover(t, clock, { token });
	assert.equal((await server.machines.add(settingsOf(mover), token, {})).state, 'online');
});

test('certificate of another backup server: its commands and its data are refused', async (t) => {
	const { clock, server, mover, machine } = await pairedSite(t);
	const stranger = await openServer(t, clock);
	const entity = await stranger.config.managed.machines.insert(settingsOf(mover), machine.id);
	const seen = await stranger.machines.rescan(entity.id, {});
	assert.equal(seen.state, 'offline');
	assert.equal(seen.problem?.code, 'auth.refused');

	// who does not mind whom he talks to is refused all the same
	const other = await createAuthority('other', clock.now());
	const identity = await issue(other, (await mover.mover.paired).serverId, clock.now());
	const answer = await converse(mover, identity, `${JSON.stringify({ version: controlVersion, product: 'x' })}\n${JSON.stringify({ ask: 'forget' })}\n`);
	assert.match(answer, /"code":"auth.refused".*another backup server/);
	assert.equal((await server.machines.rescan(machine.id, {})).state, 'online');
});

test('another machine of the same backup server may send data, and commands nothing', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const heard = Promise.withResolvers<string>();
	const tokens = [await tokenOf(server), await tokenOf(server)];
	const vault = await openMover(t, clock, { token: tokens[0] ?? null, acceptData: (socket, peerId) => socket.end(peerId, () => heard.resolve(peerId)) });
	const proxy = await openMover(t, clock, { token: tokens[1] ?? null });
	await server.machines.add(settingsOf(vault), tokens[0] ?? '', {});
	const { id } = await server.machines.add(settingsOf(proxy, { name: 'Proxy' }), tokens[1] ?? '', {});
	const identity = await proxy.mover.paired;
	const answer = await converse(vault, identity, `${JSON.stringify({ version: controlVersion, product: 'x' })}\n${JSON.stringify({ ask: 'status' })}\n`);
	assert.match(answer, /"code":"auth.refused".*Only the backup server/);
	assert.equal(await converse(vault, identity, '', null), id);
	assert.equal(await heard.promise, id);
	const stranger = await issue(await createAuthority('other', clock.now()), id, clock.now());
	assert.equal(await converse(vault, stranger, '', null), '', 'who is not of this backup server sends no data');
});

test('what answers at the address of a machine must be that machine', async (t) => {
	const { clock, server, mover, machine } = await pairedSite(t);
	const token = await tokenOf(server);
	const second = await openMover(t, clock, { token });
	const { id, revision } = await server.machines.add(settingsOf(second, { name: 'Second' }), token, {});
	await assert.rejects(server.machines.update(id, revision, settingsOf(mover, { name: 'Second' })), {
		code: 'usage.conflict',
		data: { field: 'address', id: machine.id },
	});
	await server.config.managed.machines.update(id, revision, settingsOf(mover, { name: 'Second' }));
	assert.match((await server.machines.rescan(id, {})).problem?.message ?? '', /another machine of this backup server/);
});

test('an expired certificate is renewed by a rescan, and does nothing else before', async (t) => {
	const { clock, server, mover, machine } = await pairedSite(t);
	clock.suspend(certificateMs + 1000);
	await assert.rejects(server.machines.places(machine.id, null, {}), { code: 'auth.refused', message: /has expired/ });
	const seen = await server.machines.rescan(machine.id, {});
	assert.equal(seen.problem, null);
	assert.equal(seen.status?.certificateExpiresAt, clock.now() + certificateMs);
	assert.ok((await server.machines.places(machine.id, null, {})).entries.length > 0);
	await mover.stop();
	const again = await openMover(t, clock, { path: mover.parent });
	assert.ok(again.folder.membership, 'the new one was kept');
});

test('a certificate is renewed when a third of its life is left, and not before', async (t) => {
	const { clock, server, machine } = await pairedSite(t);
	const first = machine.status?.certificateExpiresAt;
	clock.suspend(certificateMs * 0.6);
	assert.equal((await server.machines.rescan(machine.id, {})).status?.certificateExpiresAt, first);
	clock.suspend(certificateMs * 0.1);
	assert.equal((await server.machines.rescan(machine.id, {})).status?.certificateExpiresAt, clock.now() + certificateMs);
});

test('a data mover of another version is refused with the side to update', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	const token = await tokenOf(server);
	for (const [version, where] of [
		[controlVersion + 1, 'on this machine'],
		[controlVersion - 1, 'on Vault'],
	] as const) {
		const mover = await openMover(t, clock, { token, version });
		await assert.rejects(server.machines.add(settingsOf(mover), token, {}), {
			code: 'connection.refused',
			message: /has Holdfast 1\.1/,
			hint: `Update Holdfast ${where}.`,
		});
	}
	assert.deepEqual(await server.machines.list(), []);
});

test('a machine that is removed belongs to nobody, and its data mover can be paired anew', async (t) => {
	const { clock, server, mover, machine } = await pairedSite(t);
	assert.deepEqual(await server.machines.remove(machine.id, machine.revision), { isTold: true });
	await mover.mover.dismissed;
	assert.equal(mover.folder.membership, null);
	await mover.stop();
	await assert.rejects(openMover(t, clock, { path: mover.parent }), { code: 'auth.required' });
	const token = await tokenOf(server);
	const again = await openMover(t, clock, { path: mover.parent, token });
	assert.equal((await server.machines.add(settingsOf(again), token, {})).state, 'online');
});

test('a machine that cannot be reached is removed all the same, and that is told', async (t) => {
	const { server, mover, machine } = await pairedSite(t);
	await mover.stop();
	await assert.rejects(server.machines.remove(machine.id, machine.revision + 1), { code: 'stale.revision' });
	assert.deepEqual(await server.machines.remove(machine.id, machine.revision), { isTold: false });
	assert.deepEqual(await server.machines.list(), []);
});

test('a data mover that belongs to somebody is not paired again, and one that belongs to nobody does not start without a token', async (t) => {
	const { clock, server, mover } = await pairedSite(t);
	await mover.stop();
	await assert.rejects(openMover(t, clock, { path: mover.parent, token: await tokenOf(server) }), { code: 'usage.conflict' });
	await assert.rejects(openMover(t, clock, {}), { code: 'auth.required', hint: /machine token/ });
});

test('the data folder of a backup server is not that of a data mover, and one folder has one data mover', async (t) => {
	const clock = new FakeClock(noon);
	const server = await openServer(t, clock);
	await assert.rejects(openMoverFolder(server.folder, platform.locks, clock.now()), {
		code: 'data-folder.unusable',
		message: /data folder of a backup server/,
	});
	const mover = await openMover(t, clock, { token: await tokenOf(server) });
	await assert.rejects(openMoverFolder(mover.folder.path, platform.locks, clock.now()), { code: 'busy.data-folder' });
});

test('hostile: whatever comes over a connection, the data mover goes on', async (t) => {
	const { server, mover, machine } = await pairedSite(t);
	const identity = await mover.mover.paired;
	const greeting = `${JSON.stringify({ version: controlVersion, product: 'x' })}\n`;
	for (const bytes of [
		'',
		'\n',
		'{',
		'null\n',
		'[]\n',
		'{"error":{}}\n',
		'{"version":-1,"product":"x"}\n',
		`${greeting}{"ask":"nothing"}\n`,
		`${greeting}{"ask":"places","path":5}\n`,
		'a'.repeat(9 * 1024 * 1024),
	])
		for (const purpose of [alpn.control, alpn.pairing]) await converse(mover, identity, bytes, purpose);
	assert.equal((await server.machines.rescan(machine.id, {})).state, 'online');
});

test('a pairing token with any character changed is not whole', async () => {
	const token = formatPairingToken({ id: '00112233aabbccdd', secret: Buffer.alloc(32, 7), fingerprint: 'ab'.repeat(32), expiresAt: 1_780_315_200_000 });
	assert.deepEqual(formatPairingToken(parsePairingToken(` ${token}\n`)), token);
	for (let at = 0; at < token.length - 1; at++) {
		const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
		assert.throws(() => parsePairingToken(changed), { code: 'usage.invalid' });
	}
	for (const text of ['', 'hfp_', token.slice(0, -4), `${token}AAAA`]) assert.throws(() => parsePairingToken(text), { code: 'usage.invalid' });
});

test('an authority whose guarding file is lost is replaced, and its machines are refused until they are paired anew', async (t) => {
	const { clock, server, machine } = await pairedSite(t);
	const before = fingerprintOf((await server.config.managed.authority())?.certificate ?? '');
	await rm(join(server.folder, 'secrets.key'));
	const machines = createMachines({ store: server.config.managed, clock, bus: { emit: () => undefined }, log: silentLog, product: '1.0' });
	assert.equal((await machines.rescan(machine.id, {})).problem?.code, 'auth.refused');
	assert.notEqual(fingerprintOf((await server.config.managed.authority())?.certificate ?? ''), before);
});

/** Says something with a certificate of its own, and hears what comes until the other side closes. */
async function converse(
	{ address }: Pick<Mover, 'address'>,
	{ certificate, key }: { certificate: string; key: string },
	text: string,
	purpose: string | null = alpn.control,
): Promise<string> {
	const socket = connect({ ...address, cert: certificate, key, rejectUnauthorized: false, ...(purpose === null ? {} : { ALPNProtocols: [purpose] }) });
	const closed = once(socket, 'close').catch(() => undefined);
	let heard = '';
	socket.on('data', (bytes) => {
		heard += bytes.toString();
	});
	socket.on('error', () => undefined);
	socket.once('secureConnect', () => (purpose === null ? undefined : socket.end(text)));
	await closed;
	return heard;
}
