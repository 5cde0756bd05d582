import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isEngineError } from '../../../base/index.ts';
import { requireTool } from '../../../base/testing.ts';
import { qemuImg, qemuIo, readWhole, seededRandom, temporaryFolder } from '../../testbed.ts';
import { openNbdSource } from '../client/nbd-source.ts';
import { makeCertificates, runBeside, startQemuNbd, startQemuNbdAt, unixAddress } from '../testbed.ts';
import { formatNbdUri, parseNbdUri } from '../uri.ts';
import { openNbdRelay } from './relay.ts';

const onlyLinux = { skip: process.platform !== 'linux' && 'needs blocking sockets' };
const mib = 1024 * 1024;
const host = '127.0.0.1';

async function freePort(): Promise<number> {
	const server = net.createServer().listen(0, host);
	await once(server, 'listening');
	const { port } = server.address() as net.AddressInfo;
	server.close();
	await once(server, 'close');
	return port;
}

const tunnelFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-nbd-'));

async function openSite(t: TestContext) {
	const folder = temporaryFolder(t);
	const image = join(folder, 'disk.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', image, '64M');
	qemuIo(image, 'write -P 1 0 3M', 'write -P 7 40M 2M');
	qemuImg('bitmap', '--add', image, 'since-noon');
	qemuIo(image, 'write -P 2 1M 64k');
	writeFileSync(join(folder, 'definition.xml'), '<domain/>\n');
	const pki = temporaryFolder(t);
	return { folder, image, pki, tls: { ...(await makeCertificates(pki)), peer: 'proxy' } };
}

test(
	'OFFHOST-04 VAL-21: another machine reads through TLS what a server shows on a socket of this one, with its contexts; nobody else does',
	onlyLinux,
	async (t) => {
		if (!requireTool(t, 'qemu-nbd', 'qemu-img', 'qemu-io', 'nbdinfo', 'openssl')) return;
		const { folder, image, pki, tls } = await openSite(t);
		const socket = await startQemuNbd(t, image, '--read-only', '--format=qcow2', '--bitmap=since-noon', '--export-name=vda');
		const [taken, port] = [await freePort(), await freePort()];
		const occupant = net.createServer().listen(taken, host);
		t.after(() => occupant.close());
		await once(occupant, 'listening');
		const exports = [
			{ name: 'vda', source: formatNbdUri(unixAddress(socket, 'vda')) },
			{ name: 'definition.xml', source: join(folder, 'definition.xml') },
		];
		await using relay = await openNbdRelay({ host, ports: [taken, port], tls, exports });
		assert.equal(relay.port, port, 'the first that is free');
		const uri = (name: string, certificates = pki): string => `${relay.uri(name)}?tls-certificates=${certificates}&tls-hostname=localhost`;
		using direct = openNbdSource(unixAddress(socket, 'vda'), { dirtyBitmap: 'since-noon' });
		using source = openNbdSource(parseNbdUri(uri('vda')), { dirtyBitmap: 'since-noon' });
		assert.equal(source.sizeBytes, 64 * mib);
		assert.deepEqual(source.extents(), direct.extents());
		assert.deepEqual(source.dirtyExtents(), [{ offsetBytes: mib, lengthBytes: 65_536 }]);
		assert.ok(readWhole(source, seededRandom(5)).equals(readWhole(direct, seededRandom(6))));
		using file = openNbdSource(parseNbdUri(uri('definition.xml')));
		const text = Buffer.alloc(file.sizeBytes);
		file.readSync(text, 0);
		assert.equal(text.toString(), '<domain/>\n');

		const address = `${host}:${port}`.replace(host, 'localhost');
		assert.match(await runBeside('nbdinfo', '--list', `nbds://${address}/?tls-certificates=${pki}`), /export="vda"[\s\S]*qemu:dirty-bitmap:since-noon/);
		const options = `driver=nbd,host=${host},port=${port},export=vda,tls-creds=t,tls-hostname=localhost`;
		const converted = join(folder, 'copy.raw');
		const credentials = ['--object', `tls-creds-x509,id=t,dir=${pki},endpoint=client`];
		await runBeside('qemu-img', 'convert', ...credentials, '--image-opts', options, '-O', 'raw', converted);
		assert.ok(readFileSync(converted).equals(readWhole(direct, seededRandom(7))));

		const strangers = temporaryFolder(t);
		await makeCertificates(strangers);
		const refused = (certificates: string, words: RegExp, at = relay) =>
			assert.throws(
				() => openNbdSource(parseNbdUri(`${at.uri('vda')}?tls-certificates=${certificates}&tls-hostname=localhost`)),
				(error) => isEngineError(error) && words.test(`${error.code} ${error.message} ${error.hint}`),
			);
		refused(strangers, /source\.refused .*did not prove who it is/);
		writeFileSync(join(strangers, 'ca-cert.pem'), readFileSync(join(pki, 'ca-cert.pem')));
		refused(strangers, /source\.unreadable .*(closed|lost)/);
		refused(folder, /source\.unreadable .*ENOENT.*must hold ca-cert\.pem/);
		assert.throws(
			() => openNbdSource(parseNbdUri(uri('vda').replace('tls-hostname=localhost', 'tls-hostname=other'))),
			(error) => isEngineError(error, 'source.refused'),
		);
		await using other = await openNbdRelay({ host, ports: [0], tls: { ...tls, peer: 'another' }, exports });
		refused(pki, /source\.unreadable .*(closed|lost)/, other); // one of ours, and not the one that is meant
		assert.throws(
			() => openNbdSource({ transport: { kind: 'tcp', host, port }, exportName: 'vda' }),
			(error) => isEngineError(error, 'source.unsupported') && /wants TLS/.test(error.message),
		);

		await relay[Symbol.asyncDispose]();
		assert.throws(
			() => source.readSync(Buffer.alloc(4096), 0),
			(error) => isEngineError(error, 'source.unreadable'),
		);
		refused(pki, /source\.missing .*ECONNREFUSED/);
		await assert.rejects(openNbdRelay({ host, ports: [taken], tls, exports }), { code: 'infra.no-proxy', message: /is free/ });
		await assert.rejects(openNbdRelay({ host, ports: [port], tls, exports: [{ name: 'x', source: join(folder, 'nothing') }] }), { code: 'source.missing' });
		const encrypted = join(folder, 'encrypted.img');
		writeFileSync(encrypted, Buffer.concat([Buffer.from('\xeb\x58\x90-FVE-FS-', 'latin1'), Buffer.alloc(65_536)]));
		const shown = { name: 'x', source: encrypted };
		await assert.rejects(openNbdRelay({ host, ports: [port], tls, exports: [{ ...shown, isVolume: true }] }), {
			code: 'source.unsupported',
			message: /BitLocker/,
		});
		await using _guest = await openNbdRelay({ host, ports: [port], tls, exports: [shown] });
		assert.deepEqual(tunnelFolders(), [], 'no socket of a tunnel is left');
	},
);

test('the client speaks TLS with the server of QEMU, and says so when a server has none', onlyLinux, async (t) => {
	if (!requireTool(t, 'qemu-nbd', 'qemu-img', 'qemu-io', 'openssl')) return;
	const { image, pki } = await openSite(t);
	const port = await freePort();
	const start = (...options: string[]): Promise<void> => startQemuNbdAt(t, image, '--read-only', '--format=qcow2', '-x', 'd', ...options);
	await start('--object', `tls-creds-x509,id=t,dir=${pki},endpoint=server,verify-peer=yes`, '--tls-creds', 't', '--bind', host, '--port', `${port}`);
	using source = openNbdSource(parseNbdUri(`nbds://localhost:${port}/d?tls-certificates=${pki}`));
	const block = Buffer.alloc(mib);
	assert.equal(source.readSync(block, 40 * mib), mib);
	assert.ok(block.equals(Buffer.alloc(mib, 7)));
	assert.deepEqual(source.extents(), [
		{ offsetBytes: 0, lengthBytes: 3 * mib },
		{ offsetBytes: 40 * mib, lengthBytes: 2 * mib },
	]);
	const clear = await freePort();
	await start('--bind', host, '--port', `${clear}`);
	assert.throws(
		() => openNbdSource(parseNbdUri(`nbds://localhost:${clear}/d?tls-certificates=${pki}`)),
		(error) => isEngineError(error, 'source.unsupported') && /does not speak TLS/.test(error.message),
	);
});
