import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	ChainCipher,
	chainKeys,
	createMasterKey,
	encodeChainMetadata,
	encodeSuperblock,
	firstRecordOffset,
	type MasterKey,
	newChainLock,
	newChainSeal,
	openLock,
	openRecord,
	openRecordBeside,
	parseChainMetadata,
	parseLock,
	parseRecordHeader,
	parseRecoveryKey,
	parseSuperblocks,
	recordHeaderBytes,
	sealedBytes,
	sealRecord,
	slotOffset,
	testPasswordCost,
	withNewRecoveryKey,
	withPassword,
} from './index.ts';
import { metadataOf, randomBytes, seededRandom, superblockOf } from './testing.ts';

const random = seededRandom(20_261_125);
const { key, recoveryKey } = await createMasterKey('correct horse', testPasswordCost);
const seal = newChainSeal(key);

const record = (raw: Uint8Array, level: number | null): Buffer => {
	const target = Buffer.alloc(sealedBytes(raw.byteLength));
	return target.subarray(0, sealRecord(target, 'chunks', raw, level, seal.cipher).totalBytes);
};

test('a lock opens with its password and its recovery key, and with nothing else', async () => {
	assert.deepEqual(await openLock(seal.lock, { password: 'correct horse' }), key);
	assert.deepEqual(await openLock(seal.lock, { recoveryKey }), key);
	assert.equal(await openLock(seal.lock, { password: 'Correct horse' }), null);
	const { recoveryKey: other } = await createMasterKey('x', testPasswordCost);
	assert.equal(await openLock(seal.lock, { recoveryKey: other }), null);
});

test('a password is the same however a system composes its letters', async () => {
	const { key: composed } = await createMasterKey('\u00fcber', testPasswordCost);
	assert.ok(await openLock(composed, { password: 'u\u0308ber' }));
});

test('a recovery key may be typed with spaces, in lower case and with letters that look like digits; a slip is noticed', () => {
	const bytes = parseRecoveryKey(recoveryKey);
	assert.match(recoveryKey, /^([0-9A-HJKMNP-TV-Z]{6}-){5}[0-9A-HJKMNP-TV-Z]{6}$/);
	assert.deepEqual(parseRecoveryKey(recoveryKey.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')), bytes);
	let noticed = 0;
	for (let at = 0; at < recoveryKey.length; at++) {
		if (recoveryKey[at] === '-') continue;
		const wrong = recoveryKey.slice(0, at) + (recoveryKey[at] === '7' ? '8' : '7') + recoveryKey.slice(at + 1);
		try {
			parseRecoveryKey(wrong);
		} catch (error) {
			assert.equal((error as { code: string }).code, 'usage.invalid');
			noticed++;
		}
	}
	assert.equal(noticed, 36);
	for (const nonsense of ['', 'abc', 'U'.repeat(36), `${recoveryKey}0`, '\u{1f511}'.repeat(36)])
		assert.throws(() => parseRecoveryKey(nonsense), { code: 'usage.invalid' });
});

test('another password or recovery key opens the same chains; the one before opens nothing that was locked since', async () => {
	const changed = await withPassword(key, 'battery staple', testPasswordCost);
	const lock = newChainLock(changed);
	assert.deepEqual((await openLock(lock, { password: 'battery staple' }))?.secret, key.secret);
	assert.equal(await openLock(lock, { password: 'correct horse' }), null);
	assert.deepEqual((await openLock(lock, { recoveryKey }))?.secret, key.secret);
	const renewed = await withNewRecoveryKey(changed);
	assert.equal(await openLock(renewed.key, { recoveryKey }), null);
	assert.deepEqual((await openLock(renewed.key, { recoveryKey: renewed.recoveryKey }))?.secret, key.secret);
});

test('records of an encrypted chain come back and look like chance', async () => {
	for (const level of [null, 1, 3]) {
		for (const raw of [
			new Uint8Array(0),
			Buffer.from('the same few words, '.repeat(500)),
			randomBytes(random, 5000),
			randomBytes(random, 200_000).fill(7, 100_000),
		]) {
			const expected = Buffer.from(raw);
			const sealed = record(raw, level);
			assert.deepEqual(Buffer.from(raw), expected, 'what was sealed is as it was');
			assert.deepEqual(Buffer.from((await openRecordBeside(sealed, 'file', 0, seal.cipher)).raw), expected);
			assert.deepEqual(Buffer.from(openRecord(sealed, 'file', 0, seal.cipher).raw), Buffer.from(raw));
			assert.notDeepEqual(record(raw, level), sealed, 'no record is sealed twice in the same way');
			assert.throws(() => openRecord(sealed, 'file', 0, null), { code: 'repository.damaged' });
			const other = new ChainCipher(chainKeys(key, newChainLock(key).salt));
			assert.throws(() => parseRecordHeader(sealed, 'file', 0, other), { code: 'repository.damaged' });
		}
	}
	const ones = [...record(Buffer.alloc(20_000), null)].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
	assert.ok(Math.abs(ones / (20_056 * 8) - 0.5) < 0.01);
	const headers = Array.from({ length: 64 }, () => record(Buffer.from('x'.repeat(300)), null).subarray(0, recordHeaderBytes));
	for (let at = 0; at < recordHeaderBytes; at++) assert.ok(new Set(headers.map((header) => header[at])).size > 16, `byte ${at} of a header is masked`);
});

test('no flipped bit of an encrypted record goes unnoticed', async () => {
	const sealed = record(Buffer.from('payload '.repeat(20)), 3);
	for (let at = 0; at < sealed.byteLength; at++) {
		if (at >= 36 && at < recordHeaderBytes) continue; // zero, and not read
		const flipped = Buffer.from(sealed);
		flipped[at] = (flipped[at] as number) ^ (1 << random(8));
		assert.throws(() => openRecord(flipped, 'file', 0, seal.cipher), { code: 'repository.damaged' }, `byte ${at}`);
		await assert.rejects(openRecordBeside(flipped, 'file', 0, seal.cipher), { code: 'repository.damaged' }, `byte ${at}`);
	}
});

test('chain metadata of an encrypted chain shows nothing, and opens with the ring that has its key', async () => {
	const metadata = metadataOf(3);
	const bytes = Buffer.from(encodeChainMetadata(metadata, seal));
	for (const word of ['etc', 'J\u00f6b', 'chain0', 'point', 'folder', 'quoted']) assert.equal(bytes.includes(word), false, word);
	const opened = parseChainMetadata(bytes, 'x.hbm', [key]);
	assert.deepEqual(opened.metadata, metadata);
	assert.deepEqual(opened.seal?.lock, seal.lock);
	assert.throws(() => parseChainMetadata(bytes, 'x.hbm', []), { code: 'repository.locked' });
	const { key: stranger } = await createMasterKey('y', testPasswordCost);
	const impostor: MasterKey = { ...stranger, id: key.id };
	assert.throws(() => parseChainMetadata(bytes, 'x.hbm', [impostor]), { code: 'repository.damaged' });
	for (let at = 0; at < bytes.byteLength; at++) {
		if (at >= 24 && at < 32) continue;
		const flipped = Buffer.from(bytes);
		flipped[at] = (flipped[at] as number) ^ (1 << random(8));
		assert.throws(() => parseChainMetadata(flipped, 'x.hbm', [key]), `byte ${at}`);
	}
});

test('superblocks carry the lock, and one with a damaged lock counts for nothing', () => {
	const head = Buffer.alloc(firstRecordOffset);
	for (const generation of [4, 5]) head.set(encodeSuperblock(superblockOf({ generation, lock: seal.lock })), slotOffset(generation));
	const [newest] = parseSuperblocks(head, 'file');
	assert.deepEqual(newest?.lock, seal.lock);
	for (let at = 128; at < 128 + 416; at++) {
		const flipped = Buffer.from(head);
		const offset = slotOffset(5) + at;
		flipped[offset] = (flipped[offset] as number) ^ (1 << random(8));
		assert.deepEqual(
			parseSuperblocks(flipped, 'file').map(({ generation }) => generation),
			[4],
			`byte ${at}`,
		);
	}
});

test('a lock that asks for more memory or time than a reader should give is refused', () => {
	const bytes = new Uint8Array(416);
	bytes[24] = 1;
	for (const [logN, r, p] of [
		[30, 8, 1],
		[17, 255, 1],
		[17, 8, 200],
		[2, 8, 1],
		[17, 0, 1],
	] as const) {
		bytes.set([1, logN, r, p], 32);
		assert.throws(() => parseLock(bytes, 'file'), { code: 'repository.damaged' });
	}
	for (const count of [0, 5, 255]) {
		bytes[24] = count;
		assert.throws(() => parseLock(bytes, 'file'), { code: 'repository.damaged' });
	}
	assert.throws(() => parseLock(new Uint8Array(100), 'file'), { code: 'repository.damaged' });
});
