import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { requireTool } from '../../../base/testing.ts';
import { seededRandom, temporaryFolder } from '../../testbed.ts';
import { MemoryDevice, makeCertificates, runBeside } from '../testbed.ts';
import { formatNbdUri, type NbdTransport } from '../uri.ts';
import type { NbdDevice } from './device.ts';
import { NbdServer } from './nbd-server.ts';

const mib = 1024 * 1024;

function makeDisk(): MemoryDevice {
	const bytes = Buffer.alloc(24 * mib + 512);
	randomBytes(5 * mib).copy(bytes, mib);
	randomBytes(1000).copy(bytes, 24 * mib - 488);
	return new MemoryDevice(bytes);
}

async function serve(t: TestContext, exports: ReadonlyMap<string, NbdDevice>, transport?: NbdTransport): Promise<(name: string) => string> {
	const server = new NbdServer(exports);
	t.after(() => server[Symbol.asyncDispose]());
	const at = await server.listen(transport ?? { kind: 'unix', path: join(temporaryFolder(t), 'socket') });
	return (exportName) => formatNbdUri({ transport: at, exportName });
}

test('nbdinfo, nbdcopy and qemu-img read what is there, over a unix socket and TCP', async (t) => {
	if (!requireTool(t, 'nbdinfo', 'nbdcopy', 'qemu-img')) return;
	const disk = makeDisk();
	const exports = new Map([
		['a disk', disk],
		['read-only', new MemoryDevice(disk.bytes, { isReadOnly: true })],
	]);
	const copy = join(temporaryFolder(t), 'copy');
	writeFileSync(copy, disk.bytes);
	for (const transport of [undefined, { kind: 'tcp', host: '127.0.0.1', port: 0 } as const]) {
		const uri = await serve(t, exports, transport);
		const { exports: listed } = JSON.parse(await runBeside('nbdinfo', '--json', '--list', uri(''))) as { exports: Record<string, unknown>[] };
		assert.deepEqual(
			listed.map((each) => [each['export-name'], each['export-size'], each.is_read_only, each.can_fua, each.can_trim, each.contexts]),
			[
				['a disk', disk.sizeBytes, false, true, true, ['base:allocation']],
				['read-only', disk.sizeBytes, true, false, false, ['base:allocation']],
			],
		);
		const map = JSON.parse(await runBeside('nbdinfo', '--json', '--map', uri('a disk'))) as { offset: number; length: number; type: number }[];
		assert.deepEqual(
			map.filter(({ type }) => type === 0).map(({ offset, length }) => [offset, length]),
			[
				[mib, 5 * mib],
				[24 * mib - 65_536, 65_536 + 512],
			],
		);
		const target = join(temporaryFolder(t), 'target');
		await runBeside('nbdcopy', uri('a disk'), target);
		assert.ok(readFileSync(target).equals(disk.bytes));
		assert.match(await runBeside('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri('read-only'), copy), /identical/);
	}
});

test('qemu-io writes, zeroes, trims and flushes; nobody writes to what is read-only', async (t) => {
	if (!requireTool(t, 'qemu-io', 'nbdcopy')) return;
	const disk = makeDisk();
	const uri = await serve(
		t,
		new Map([
			['d', disk],
			['r', new MemoryDevice(disk.bytes, { isReadOnly: true })],
		]),
	);
	const commands = [
		'write -P 0x5a 10M 1M',
		'write -f -P 0x5b 11M 4k',
		'write -z 10240k 64k',
		'write -z -u 10400k 64k',
		'discard 1M 1M',
		'flush',
		'read -P 0 1M 1M',
		'read -P 0x5a 10500k 100k',
	];
	const said = await runBeside('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri('d'));
	assert.doesNotMatch(said, /fail|error|verification/i);
	assert.ok(disk.bytes.subarray(11 * mib, 11 * mib + 4096).equals(Buffer.alloc(4096, 0x5b)));
	for (const call of ['zero', 'trim', 'flush']) assert.ok(disk.calls.includes(call), call);
	await assert.rejects(runBeside('qemu-io', '-f', 'raw', '-c', 'write 0 4k', uri('r')));
	const source = join(temporaryFolder(t), 'source');
	writeFileSync(source, randomBytes(disk.sizeBytes));
	await runBeside('nbdcopy', '--flush', source, uri('d'));
	assert.ok(disk.bytes.equals(readFileSync(source)));
});

test('an export that is taken away is gone for those who have it open, and for others', async (t) => {
	if (!requireTool(t, 'nbdinfo')) return;
	const exports = new Map([['d', makeDisk()]]);
	const path = join(temporaryFolder(t), 'socket');
	await using server = new NbdServer(exports);
	await server.listen({ kind: 'unix', path });
	const client = net.connect(path);
	t.after(() => client.destroy());
	const hello = Buffer.alloc(4);
	hello.writeUInt32BE(3);
	client.write(Buffer.concat([hello, Buffer.from('49484156454f5054' + '00000001' + '00000001' + '64', 'hex')]));
	for (let got = 0; got < 28; ) got += ((await once(client, 'data')) as [Buffer])[0].length;
	assert.equal(server.clientCount('d'), 1);
	exports.delete('d');
	server.hangUp('d');
	await once(client, 'close');
	await assert.rejects(runBeside('nbdinfo', formatNbdUri({ transport: { kind: 'unix', path }, exportName: 'd' })));
});

test('whatever a client says, the server answers or hangs up, and serves the next one', async (t) => {
	const seed = Number(process.env.FUZZ_SEED ?? 23);
	const rounds = Number(process.env.FUZZ_ROUNDS ?? 400);
	t.diagnostic(`seed ${seed}, ${rounds} rounds`);
	const random = seededRandom(seed);
	const disk = makeDisk();
	const path = join(temporaryFolder(t), 'socket');
	await using server = new NbdServer(new Map([['d', disk]]));
	await server.listen({ kind: 'unix', path });
	const word = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
	const anOption = (number: string, data: string): Buffer =>
		word(`49484156454f5054 ${number} ${(data.replaceAll(' ', '').length / 2).toString(16).padStart(8, '0')} ${data}`);
	const aRequest = (type: string, offset: string, length: string): Buffer => word(`25609513 0000 ${type} 0000000000000007 ${offset} ${length}`);
	const context = '00000001 64 00000001 0000000f 626173653a616c6c6f636174696f6e';
	const session = Buffer.concat([
		word('00000003'),
		anOption('00000008', ''),
		anOption('00000003', ''),
		anOption('00000009', context),
		anOption('0000000a', context),
		anOption('00000006', '00000001 64 0000'),
		anOption('00000007', '00000001 64 0001 0003'),
		aRequest('0000', '0000000000100000', '00001000'),
		aRequest('0007', '0000000000000000', '00200000'),
		Buffer.concat([aRequest('0001', '0000000000200000', '00000200'), Buffer.alloc(512, 9)]),
		aRequest('0006', '0000000000300000', '00001000'),
		aRequest('0004', '0000000000400000', '00001000'),
		aRequest('0003', '0000000000000000', '00000000'),
		aRequest('0002', '0000000000000000', '00000000'),
	]);
	const say = async (bytes: Buffer): Promise<number> => {
		const client = net.connect(path);
		let got = 0;
		client.on('data', (data: Buffer) => {
			got += data.length;
		});
		client.on('error', () => undefined); // hung up while we were talking
		client.end(bytes);
		await once(client, 'close');
		return got;
	};
	const whole = await say(session);
	let less = 0;
	for (let round = 0; round < rounds; round++) {
		const bytes = Buffer.from(session);
		for (let i = 0; i <= random(3); i++) bytes[random(bytes.length)] = random(4) === 0 ? 0xff : random(256);
		if ((await say(random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes)) < whole) less++;
	}
	assert.ok(less > rounds / 10, `${less} of ${rounds} were cut short`);
	assert.equal(await say(session), whole, 'serves the next one');
});

test('with TLS only clients that hold a certificate of the authority learn anything', async (t) => {
	if (!requireTool(t, 'nbdinfo', 'nbdcopy', 'openssl')) return;
	const [folder, strangers] = [temporaryFolder(t), temporaryFolder(t)];
	const disk = makeDisk();
	await using server = new NbdServer(new Map([['d', disk]]), { tls: await makeCertificates(folder) });
	await makeCertificates(strangers);
	const { port } = (await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })) as Extract<NbdTransport, { kind: 'tcp' }>;
	const uri = (certificates: string): string => `nbds://localhost:${port}/d?tls-certificates=${certificates}`;
	const copy = join(temporaryFolder(t), 'copy');
	await runBeside('nbdcopy', uri(folder), copy);
	assert.ok(readFileSync(copy).equals(disk.bytes));
	await assert.rejects(runBeside('nbdinfo', uri(strangers)));
	// a stranger who trusts us, which is no reason to trust him
	copyFileSync(join(folder, 'ca-cert.pem'), join(strangers, 'ca-cert.pem'));
	await assert.rejects(runBeside('nbdinfo', uri(strangers)));
	await assert.rejects(runBeside('nbdinfo', `nbd://localhost:${port}/d`));
	await assert.rejects(runBeside('nbdinfo', '--list', `nbd://localhost:${port}`));
});
