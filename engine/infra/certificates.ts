import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { EngineError } from '../base/index.ts';

/** A certificate and the key that belongs to it, as PEM. */
export type Identity = { readonly certificate: string; readonly key: string };

/** Elliptic curve P-256 with SHA-256: what TLS 1.3 (RFC 8446, 9.1) obliges every implementation to know. */
const curve = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
/** The authority outlives the installation: a new one means to pair every machine again. */
const authorityMs = 30 * 365 * dayMs;
/** Short enough that a machine that was removed while it could not be reached is locked out for good within a season. */
export const certificateMs = 90 * dayMs;
/** Clocks differ: a certificate is good from a little before it was made. */
const skewMs = dayMs;

/** The library is large, and only who makes a certificate needs it. */
async function loadX509() {
	await import('reflect-metadata');
	return import('@peculiar/x509');
}

function newKey(): { key: string; publicKey: KeyObject } {
	const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
	return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey };
}

/** The same thing has two types: that of Node and that of browsers, which the library wants. */
const importKey = (pem: string): Promise<CryptoKey> =>
	webcrypto.subtle.importKey('pkcs8', createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }), curve, false, [
		'sign',
	]) as Promise<unknown> as Promise<CryptoKey>;

type Making = {
	readonly subject: string;
	readonly issuer: string;
	readonly publicKey: KeyObject;
	readonly signingKey: string;
	readonly now: number;
	readonly lifeMs: number;
	readonly isAuthority: boolean;
};

async function make({ subject, issuer, publicKey, signingKey, now, lifeMs, isAuthority }: Making): Promise<string> {
	const x509 = await loadX509();
	const { KeyUsageFlags: usage } = x509;
	const certificate = await x509.X509CertificateGenerator.create({
		serialNumber: randomBytes(16).toString('hex'),
		subject: `CN=${subject}`,
		issuer: `CN=${issuer}`,
		notBefore: new Date(now - skewMs),
		notAfter: new Date(now + lifeMs),
		signingAlgorithm: curve,
		publicKey: publicKey.export({ type: 'spki', format: 'der' }),
		signingKey: await importKey(signingKey),
		extensions: isAuthority
			? [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(usage.keyCertSign, true)]
			: [
					new x509.BasicConstraintsExtension(false, undefined, true),
					new x509.KeyUsagesExtension(usage.digitalSignature, true),
					// movers connect to movers: each is a server to one and a client to another
					new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
				],
	});
	return certificate.toString('pem');
}

/** What signs the certificates of one backup server and its machines. `id` tells it from those of other backup servers. */
export async function createAuthority(id: string, now: number): Promise<Identity> {
	const { key, publicKey } = newKey();
	const name = `Holdfast ${id}`;
	return { key, certificate: await make({ subject: name, issuer: name, publicKey, signingKey: key, now, lifeMs: authorityMs, isAuthority: true }) };
}

/** A certificate for who holds the key of `certificate`: whoever presents it in a handshake has proven that. */
export function issueFor(authority: Identity, id: string, certificate: string, now: number): Promise<string> {
	return issueForKey(authority, id, new X509Certificate(certificate).publicKey, now);
}

export async function issue(authority: Identity, id: string, now: number): Promise<Identity> {
	const { key, publicKey } = newKey();
	return { certificate: await issueForKey(authority, id, publicKey, now), key };
}

function issueForKey(authority: Identity, id: string, publicKey: KeyObject, now: number): Promise<string> {
	const issuer = commonName(new X509Certificate(authority.certificate));
	return make({ subject: id, issuer, publicKey, signingKey: authority.key, now, lifeMs: certificateMs, isAuthority: false });
}

/** What a mover presents before it is paired: nobody trusts it, it only carries the key. */
export async function selfSigned(now: number): Promise<Identity> {
	const { key, publicKey } = newKey();
	const name = 'Holdfast unpaired';
	return { key, certificate: await make({ subject: name, issuer: name, publicKey, signingKey: key, now, lifeMs: certificateMs, isAuthority: false }) };
}

export const commonName = (certificate: X509Certificate): string => /(?:^|\n)CN=(.*)/.exec(certificate.subject)?.[1] ?? '';

export const fingerprintOf = (certificate: X509Certificate | string): string =>
	createHash('sha256')
		.update((typeof certificate === 'string' ? new X509Certificate(certificate) : certificate).raw)
		.digest('hex');

export const expiryOf = (certificate: string): number => new X509Certificate(certificate).validToDate.getTime();

/** When a third of its life is left: there are weeks to reach a machine that is away. */
export const isRenewalDue = (certificate: string, now: number): boolean => expiryOf(certificate) - now < certificateMs / 3;

export const hasIssued = (authority: string, certificate: X509Certificate): boolean => {
	const issuer = new X509Certificate(authority);
	return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
};

export type PeerCheck = { readonly authority: string; readonly now: number; readonly acceptsExpired?: boolean };

/**
 * The id in a certificate that the authority itself has issued.
 * @throws `auth.refused` for one of another authority, one that is not good yet, and (unless `acceptsExpired`) one that is good no longer
 */
export function peerIdOf(certificate: X509Certificate | undefined, { authority, now, acceptsExpired = false }: PeerCheck): string {
	const refuse = (why: string, hint: string): EngineError => new EngineError('auth.refused', why, { hint });
	if (certificate === undefined) throw refuse('The other side presents no certificate.', 'Pair it with "holdfast machine add".');
	if (!hasIssued(authority, certificate))
		throw refuse('The other side presents a certificate of another backup server.', 'A data mover belongs to one backup server: pair it anew with this one.');
	if (certificate.validFromDate.getTime() > now) throw refuse('The certificate of the other side is not valid yet.', 'Set the clocks of both machines right.');
	if (!acceptsExpired && certificate.validToDate.getTime() < now)
		throw refuse(
			'The certificate of the other side has expired.',
			'Rescan the machine on its backup server: that renews it. If it was renewed, set the clocks of both machines right.',
		);
	return commonName(certificate);
}

export function parseCertificate(text: string): X509Certificate | undefined {
	try {
		return new X509Certificate(text);
	} catch {
		return undefined;
	}
}
