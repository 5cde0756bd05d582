import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, zstdCompressSync } from 'node:zlib';
import { isEngineError } from '../base/index.ts';
import {
	ByteWriter,
	chunkHash,
	type Extent,
	encodeChainMetadata,
	encodeDiskMap,
	encodeFileRoot,
	encodeRecordHeader,
	encodeSuperblock,
	FileIndex,
	firstRecordOffset,
	hashBytes,
	IndexBuilder,
	openRecord,
	parseChainMetadata,
	parseDirectory,
	parseDiskMap,
	parseExtents,
	parseFileRoot,
	parseMapSegment,
	parsePage,
	parseSuperblocks,
	recordHeaderBytes,
	sealRecord,
	slotOffset,
	visitExtents,
	visitPage,
	writeDirectory,
	writeEntry,
	writeExtent,
} from './index.ts';
import { metadataOf, randomBytes, randomEntries, seededRandom, superblockOf } from './testing.ts';

/** Ten minutes by hand: HOLDFAST_TEST_ROUNDS=600000 HOLDFAST_TEST_SEED=$RANDOM node --test engine/format/hostile.test.ts */
const rounds = Number(process.env.HOLDFAST_TEST_ROUNDS ?? 1500);
const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1789);
const random = seededRandom(seed);

const ignore = (): void => undefined;

/** Every parser with bytes that it takes. */
const samples: readonly { readonly name: string; readonly bytes: Uint8Array; readonly parse: (bytes: Uint8Array) => unknown }[] = [
	{ name: 'superblocks', bytes: superblocks(), parse: (bytes) => parseSuperblocks(bytes, 'file') },
	{ name: 'a record', bytes: record(Buffer.alloc(3000, 'text that shrinks'), 3), parse: (bytes) => openRecord(bytes, 'file', 0, null) },
	{ name: 'a record stored as it is', bytes: record(randomBytes(random, 500), null), parse: (bytes) => openRecord(bytes, 'file', 0, null) },
	{ name: 'a record directory', bytes: directory(), parse: (bytes) => parseDirectory(bytes, 'file', 0) },
	{ name: 'an index', bytes: index(), parse: (bytes) => FileIndex.parse(bytes, 'file', 1_000_000) },
	{ name: 'a directory page', bytes: page(), parse: (bytes) => parsePage(bytes, 'page') },
	{ name: 'the references of a directory page', bytes: page(), parse: (bytes) => visitPage(bytes, 'page', { data: ignore, list: ignore, page: ignore }) },
	{ name: 'extents', bytes: extents(), parse: (bytes) => [...parseExtents(bytes, 'file')] },
	{ name: 'the references of extents', bytes: extents(), parse: (bytes) => visitExtents(bytes, 'file', { data: ignore, list: ignore }) },
	{ name: 'a disk map', bytes: diskMap(), parse: (bytes) => parseDiskMap(bytes, 'disk') },
	{ name: 'a segment of a disk map', bytes: randomBytes(random, 48 * 5), parse: (bytes) => parseMapSegment(bytes, 5, 'disk') },
	{ name: 'a root', bytes: root(), parse: (bytes) => parseFileRoot(bytes, 'file') },
	{ name: 'chain metadata', bytes: encodeChainMetadata(metadataOf(2), null), parse: (bytes) => parseChainMetadata(bytes, 'file.hbm', []) },
];

/** Runs a parser on hostile bytes: a value, or a coded error; within the time and memory that the bytes justify. */
function survives(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array, what: string): 'value' | 'error' {
	const before = process.cpuUsage(); // processor time: a busy machine is not the parser's fault
	try {
		parse(bytes);
		return 'value';
	} catch (error) {
		assert.ok(isEngineError(error) && /^repository\.(damaged|foreign|newer-format)$/.test(error.code), `${what}: ${error}`);
		return 'error';
	} finally {
		const { user, system } = process.cpuUsage(before);
		assert.ok(user + system < 2_000_000, `${what} took ${user + system} µs`);
	}
}

for (const { name, bytes, parse } of samples) {
	test(`${name}: every flipped bit and every truncation ends in a value or a coded error`, () => {
		assert.equal(survives(parse, bytes, 'the sample itself'), 'value');
		let errors = 0;
		const positions =
			bytes.byteLength <= 3000 ? Array.from({ length: bytes.byteLength }, (_, i) => i) : Array.from({ length: 3000 }, () => random(bytes.byteLength));
		for (const at of positions) {
			const flipped = Buffer.from(bytes);
			flipped[at] = (flipped[at] as number) ^ (1 << random(8));
			if (survives(parse, flipped, `bit of byte ${at}, seed ${seed}`) === 'error') errors++;
			if (survives(parse, bytes.slice(0, at), `${at} bytes`) === 'error') errors++;
		}
		assert.ok(errors > 0, 'something must be noticed');
	});

	test(`${name}: random changes and random bytes end in a value or a coded error`, () => {
		for (let round = 0; round < rounds; round++) {
			const changed = Buffer.from(bytes.byteLength > 20_000 ? bytes.slice(0, 20_000) : bytes);
			for (let i = 0; i <= random(8); i++) {
				const at = random(changed.length);
				const kind = random(4);
				if (kind === 0) changed[at] = random(256);
				else if (kind === 1) changed.subarray(at, at + random(16)).fill(random(2) * 255);
				else if (kind === 2) changed.copyWithin(at, random(changed.length), random(changed.length));
				else changed.writeUInt32LE(random(2) === 0 ? 0xffffffff - random(4) : random(2 ** 32), Math.max(0, Math.min(at, changed.length - 4)));
			}
			survives(parse, changed, `round ${round}, seed ${seed}`);
			survives(parse, randomBytes(random, random(300)), `random bytes of round ${round}, seed ${seed}`);
		}
	});
}

test('what a checksum covers is never taken when one bit of it is flipped', () => {
	for (const { name, bytes, parse } of samples.filter(({ name }) => name.startsWith('a record') && name !== 'a record directory')) {
		for (let at = 0; at < bytes.byteLength; at++) {
			if (at >= 36 && at < recordHeaderBytes) continue; // zero, and not read
			const flipped = Buffer.from(bytes);
			flipped[at] = (flipped[at] as number) ^ (1 << random(8));
			assert.equal(survives(parse, flipped, `${name}, byte ${at}`), 'error', `${name}, byte ${at}`);
		}
	}
	const { bytes, parse } = samples.at(-1) as (typeof samples)[number];
	for (let at = 0; at < bytes.byteLength; at++) {
		if (at >= 24 && at < 32) continue;
		const flipped = Buffer.from(bytes);
		flipped[at] = (flipped[at] as number) ^ (1 << random(8));
		assert.equal(survives(parse, flipped, `metadata, byte ${at}`), 'error', `metadata, byte ${at}`);
	}
});

test('sizes that lie do not make a parser allocate what they claim', () => {
	const before = process.memoryUsage().arrayBuffers;
	const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
	const sealed = Buffer.alloc(recordHeaderBytes + bomb.byteLength);
	sealed.set(bomb, recordHeaderBytes);
	encodeRecordHeader(sealed, { type: 'chunks', codec: 'zstd', storedBytes: bomb.byteLength, rawBytes: 1000, payloadCrc: crc32(bomb) }, null);
	assert.throws(() => openRecord(sealed, 'file', 0, null), { code: 'repository.damaged' });
	encodeRecordHeader(sealed, { type: 'chunks', codec: 'zstd', storedBytes: bomb.byteLength, rawBytes: 64 * 1024 * 1024, payloadCrc: crc32(bomb) }, null);
	assert.throws(() => openRecord(sealed, 'file', 0, null), { code: 'repository.damaged' });

	const huge = new ByteWriter();
	huge.varint(2 ** 50);
	huge.varint(262_144);
	assert.throws(() => parseDiskMap(huge.copy(), 'disk'), { code: 'repository.damaged' });

	const records = Buffer.alloc(8);
	records.writeUInt32LE(0xffffffff, 0);
	records.writeUInt32LE(0xffffffff, 4);
	assert.throws(() => FileIndex.parse(records, 'file', 100), { code: 'repository.damaged' });
	assert.ok(process.memoryUsage().arrayBuffers - before < 300 * 1024 * 1024);
});

test('an extent without length is refused: it would be a loop without progress', () => {
	const writer = new ByteWriter();
	writeExtent(writer, { kind: 'hole', lengthBytes: 0 });
	assert.throws(() => [...parseExtents(writer.copy(), 'file')], { code: 'repository.damaged' });
});

test('a name that would leave its directory is refused', () => {
	const [entry] = randomEntries(random, 1);
	for (const name of ['', '.', '..', 'a/b', '/', 'a\0b', '../x']) {
		const writer = new ByteWriter();
		writeEntry(writer, { ...(entry as NonNullable<typeof entry>), name: Buffer.from(name) });
		assert.throws(() => parsePage(writer.copy(), 'page'), { code: 'repository.damaged' }, JSON.stringify(name));
	}
});

function superblocks(): Uint8Array {
	const head = Buffer.alloc(firstRecordOffset);
	for (const generation of [4, 5]) head.set(encodeSuperblock(superblockOf({ generation })), slotOffset(generation));
	return head;
}

function record(raw: Uint8Array, level: number | null): Uint8Array {
	const target = Buffer.alloc(recordHeaderBytes + raw.byteLength);
	return target.subarray(0, sealRecord(target, 'chunks', raw, level, null).totalBytes);
}

function directory(): Uint8Array {
	const raw = new Uint8Array(2000);
	const chunks = [100, 200, 300].map((rawBytes, i) => ({ hash: randomBytes(random, hashBytes), rawOffset: [0, 100, 300][i] as number, rawBytes }));
	return raw.slice(0, writeDirectory(raw, 600, chunks));
}

function index(): Uint8Array {
	const builder = new IndexBuilder();
	for (let i = 0; i < 10; i++) {
		const chunks = Array.from({ length: 3 }, (_, j) => ({ hash: chunkHash(Buffer.of(i, j)), rawOffset: j * 10, rawBytes: 10 }));
		builder.add({ offset: firstRecordOffset + i * 1000, storedBytes: 900, rawBytes: 138, payloadCrc: i, codec: 'none' }, chunks);
	}
	return new Uint8Array(builder.build().buffer).slice();
}

function page(): Uint8Array {
	const writer = new ByteWriter();
	for (const entry of randomEntries(seededRandom(3), 25)) writeEntry(writer, entry);
	return writer.copy();
}

function extents(): Uint8Array {
	const writer = new ByteWriter();
	const list: readonly Extent[] = [
		{ kind: 'data', lengthBytes: 1000, hash: randomBytes(random, hashBytes) },
		{ kind: 'hole', lengthBytes: 2 ** 40 },
		{ kind: 'zero', lengthBytes: 5 },
		{ kind: 'list', lengthBytes: 2 ** 30, hash: randomBytes(random, hashBytes) },
	];
	for (const extent of list) writeExtent(writer, extent);
	return writer.copy();
}

function diskMap(): Uint8Array {
	return encodeDiskMap({ sizeBytes: 3 * 1024 * 1_048_576, blockSizeBytes: 1_048_576, segments: [1, 2, 3].map(() => randomBytes(random, hashBytes)) });
}

function root(): Uint8Array {
	const { chain, files } = metadataOf(1);
	return encodeFileRoot({ chain, dependsOn: null, points: files[0]?.points ?? [], index: [{ offset: 9000, bytes: 4000 }] });
}
