import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { crc32 } from 'node:zlib';
import { EngineError } from '../base/index.ts';

/**
 * What an administrator carries from the backup server to a machine, once. `fingerprint` names the authority of the backup server, so that the
 * machine gives itself to nobody else; `secret` lets either side prove to the other that it was given this token.
 */
export type PairingToken = { readonly id: string; readonly secret: Buffer; readonly fingerprint: string; readonly expiresAt: number };

const prefix = 'hfp_';
const [versionByte, idBytes, secretBytes, fingerprintBytes, timeBytes, sumBytes] = [1, 8, 32, 32, 6, 4];
const totalBytes = 1 + idBytes + secretBytes + fingerprintBytes + timeBytes + sumBytes;

export const newPairingToken = (fingerprint: string, expiresAt: number): PairingToken => ({
	id: randomBytes(idBytes).toString('hex'),
	secret: randomBytes(secretBytes),
	fingerprint,
	expiresAt,
});

export function formatPairingToken({ id, secret, fingerprint, expiresAt }: PairingToken): string {
	const time = Buffer.alloc(timeBytes);
	time.writeUIntBE(expiresAt, 0, timeBytes);
	const body = Buffer.concat([Buffer.of(versionByte), Buffer.from(id, 'hex'), secret, Buffer.from(fingerprint, 'hex'), time]);
	const sum = Buffer.alloc(sumBytes);
	sum.writeUInt32BE(crc32(body));
	return prefix + Buffer.concat([body, sum]).toString('base64url');
}

/** `usage.invalid` for what was not printed by "holdfast machine token", or not copied whole. */
export function parsePairingToken(text: string): PairingToken {
	const trimmed = text.trim();
	const bytes = Buffer.from(trimmed.startsWith(prefix) ? trimmed.slice(prefix.length) : '', 'base64url');
	const isWhole =
		bytes.byteLength === totalBytes && bytes[0] === versionByte && bytes.readUInt32BE(totalBytes - sumBytes) === crc32(bytes.subarray(0, -sumBytes));
	if (!isWhole)
		throw new EngineError('usage.invalid', 'The pairing token is not whole.', {
			hint: 'Copy all of what "holdfast machine token" has printed.',
			data: { field: 'token' },
		});
	let at = 1;
	const take = (length: number): Buffer => {
		at += length;
		return bytes.subarray(at - length, at);
	};
	return {
		id: take(idBytes).toString('hex'),
		secret: Buffer.from(take(secretBytes)),
		fingerprint: take(fingerprintBytes).toString('hex'),
		expiresAt: take(timeBytes).readUIntBE(0, timeBytes),
	};
}

export type PairingSide = 'server' | 'mover';

/** Keying material of a TLS connection (RFC 8446, 7.5), the same on both of its ends and on no other. */
export const pairingChannel = (socket: TLSSocket): Buffer => socket.exportKeyingMaterial(32, 'EXPORTER-holdfast-pairing', Buffer.alloc(0));

/**
 * Shows that a side holds the secret, without telling it. `channel` binds it to this very connection: who stands
 * in the middle has two connections with different material, and cannot pass a proof on.
 */
export const pairingProof = (secret: Buffer, side: PairingSide, channel: Buffer): string =>
	createHmac('sha256', secret).update(`holdfast pairing ${side}\0`).update(channel).digest('hex');

export const isPairingProof = (proof: string, secret: Buffer, side: PairingSide, channel: Buffer): boolean => {
	const [given, expected] = [Buffer.from(proof, 'hex'), Buffer.from(pairingProof(secret, side, channel), 'hex')];
	return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
};
