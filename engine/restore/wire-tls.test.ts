import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { isEngineError } from '../base/index.ts';
import { requireTool } from '../base/testing.ts';
import { backUp, loadWire, type MoverAddress, type RemotePlace } from '../mover/index.ts';
import { restoreFiles, verifyPoint } from './index.ts';
import { changeTree } from './testing/seeded-tree.ts';
import { backupRun, noise, openSite, seededRandom, Witness } from './testing/site.ts';
import { factsOf } from './testing/tree-facts.ts';

type Identity = { readonly certificate: string; readonly key: string };

/** An authority and what it has signed. */
function makeAuthority(folder: string, name: string): { readonly certificate: string; sign(commonName: string): Identity } {
	const at = (file: string): string => join(folder, `${name}-${file}`);
	const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'ignore' });
	const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
	openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', `/CN=${name}`, '-days', '2');
	return {
		certificate: fs.readFileSync(at('ca.pem'), 'utf8'),
		sign(commonName) {
			const [key, request, certificate] = [at(`${commonName}.key`), at(`${commonName}.csr`), at(`${commonName}.pem`)];
			openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${commonName}`);
			openssl('x509', '-req', '-in', request, '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-out', certificate, '-days', '2');
			return { certificate: fs.readFileSync(certificate, 'utf8'), key: fs.readFileSync(key, 'utf8') };
		},
	};
}

/** A host behind TLS, to which only what the authority has signed gets. @returns its port */
async function hostBehindTls(t: TestContext, authority: string, { certificate, key }: Identity): Promise<number> {
	const { RepositoryHost, WireHost } = await loadWire();
	const repositories = new RepositoryHost({
		admit(peer, path) {
			assert.equal(peer.id, 'near');
			return path;
		},
		machine: null,
		work: async () => assert.fail('nothing was asked to be done here'),
	});
	const host = new WireHost({ product: '1.0.0', serve: (peer, session) => repositories.serve(peer, session) });
	const server = createServer({ cert: certificate, key, ca: authority, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, (socket) =>
		host.accept(socket, String(socket.getPeerCertificate().subject.CN)),
	);
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.after(async () => {
		server.close();
		await host[Symbol.asyncDispose]();
	});
	const address = server.address();
	return typeof address === 'object' && address ? address.port : 0;
}

test('a run and a restore in threads of their own go over TLS to the mover that was paired, and to no other', async (t) => {
	if (!requireTool(t, 'openssl')) return;
	const site = await openSite(t);
	const random = seededRandom(601);
	changeTree(site.source, random, 30);
	fs.writeFileSync(join(site.source, 'large'), noise(random, 3_000_000));
	const ours = makeAuthority(site.root, 'ours');
	const stranger = makeAuthority(site.root, 'stranger');
	const near = ours.sign('near');
	const port = await hostBehindTls(t, ours.certificate, ours.sign('far'));
	const address: MoverAddress = { name: 'the far machine', host: '127.0.0.1', port, ...near, authority: ours.certificate, peerId: 'far' };
	const place = (mover: MoverAddress): RemotePlace => ({ mover, path: site.repositoryPath, keys: [], product: '1.0.0', clientId: 'tester' });
	const protect = (mover: MoverAddress): ReturnType<typeof backUp> => backUp({ ...backupRun(site), repositoryPath: place(mover) }, [new Witness()], {});

	const [outcome] = await protect(address);
	const pointId = outcome?.pointId ?? '';
	const to = join(site.root, 'restored');
	await restoreFiles({ repositoryPath: place(address), pointId, paths: ['/'], to, overwrite: 'never' }, new Witness(), {});
	assert.deepEqual(factsOf(to), factsOf(site.source));
	const { damaged, unreadable } = await verifyPoint({ repositoryPath: place(address), pointId }, new Witness(), {});
	assert.deepEqual([damaged, unreadable], [[], []]);

	for (const [what, mover] of [
		['another name than it was paired under', { ...address, peerId: 'other' }],
		['another authority', { ...address, authority: stranger.certificate }],
	] as const)
		await assert.rejects(protect(mover), (error) => isEngineError(error, 'auth.refused'), what);
	// with TLS 1.3 who connects learns of a refused certificate only when it reads
	await assert.rejects(
		protect({ ...address, ...stranger.sign('near') }),
		(error) => isEngineError(error, 'connection.lost') || isEngineError(error, 'auth.refused'),
	);
	const closed = { ...address, port: 1 };
	await assert.rejects(protect(closed), (error) => isEngineError(error, 'connection.refused') && /the far machine/.test(error.message));
});
