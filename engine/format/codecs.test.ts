import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import {
	ByteReader,
	ByteWriter,
	blocksPerSegment,
	chunkHash,
	type Extent,
	encodeChainMetadata,
	encodeDiskMap,
	encodeMapSegment,
	encodeSuperblock,
	FileIndex,
	fingerprintBytes,
	firstRecordOffset,
	hashBytes,
	IndexBuilder,
	inlineLimitBytes,
	openRecord,
	PageWriter,
	type PlacedChunk,
	packExtents,
	parseChainMetadata,
	parseDirectory,
	parseDiskMap,
	parseExtents,
	parseMapSegment,
	parsePage,
	parseSuperblocks,
	recordHeaderBytes,
	type Superblock,
	sealRecord,
	slotOffset,
	storedBlocks,
	superblockSlotBytes,
	type TreeEntry,
	visitExtents,
	visitPage,
	writeDirectory,
	writeEntry,
} from './index.ts';
import { encodeExtents, metadataOf, randomBytes, randomEntries, randomExtents, seededRandom, superblockOf } from './testing.ts';

const seed = 4711;

test('numbers keep their value up to 2^53', () => {
	const random = seededRandom(seed);
	const values = [
		0,
		1,
		127,
		128,
		16_383,
		16_384,
		2 ** 32,
		2 ** 49,
		2 ** 53 - 1,
		...Array.from({ length: 200 }, () => Math.floor(2 ** random(53)) + random(1000)),
	];
	const writer = new ByteWriter(1);
	for (const value of values) writer.varint(value);
	writer.i64(-(2n ** 63n));
	writer.u64(2n ** 64n - 1n);
	const reader = new ByteReader(writer.copy(), 'numbers');
	assert.deepEqual(
		values.map(() => reader.varint()),
		values,
	);
	assert.equal(reader.i64(), -(2n ** 63n));
	assert.equal(reader.u64(), 2n ** 64n - 1n);
	assert.equal(reader.remaining, 0);
});

test('a superblock says the same when it is read, and its parity is its slot', () => {
	for (const generation of [1, 2, 3, 1_000_000]) {
		const block = superblockOf({ generation });
		const head = Buffer.alloc(firstRecordOffset);
		encodeSuperblock(block).forEach((byte, i) => {
			head[slotOffset(generation) + i] = byte;
		});
		assert.deepEqual(parseSuperblocks(head, 'file'), [block]);
	}
});

test('a crash between the two superblocks opens at the older generation', () => {
	const older = superblockOf({ generation: 6, rootOffset: 9000 });
	const newer = superblockOf({ generation: 7, rootOffset: 90_000 });
	const head = Buffer.alloc(firstRecordOffset);
	head.set(encodeSuperblock(older), slotOffset(6));
	const generations = (): number[] => parseSuperblocks(head, 'file').map(({ generation }: Superblock) => generation);
	assert.deepEqual(generations(), [6]);
	const bytes = encodeSuperblock(newer);
	for (let written = 1; written < 124; written++) {
		head.fill(0, slotOffset(7), slotOffset(7) + superblockSlotBytes);
		head.set(bytes.subarray(0, written), slotOffset(7));
		assert.equal(generations()[0], 6, `after ${written} bytes`);
	}
	head.set(bytes, slotOffset(7));
	assert.deepEqual(generations(), [7, 6]);
	// the third commit is torn over the first one
	head.set(encodeSuperblock(superblockOf({ generation: 8 })).subarray(0, 60), slotOffset(8));
	assert.deepEqual(generations(), [7]);
});

test('a newer format is refused and told from damage', () => {
	const head = Buffer.alloc(firstRecordOffset);
	head.set(encodeSuperblock(superblockOf({ generation: 1 })), slotOffset(1));
	const newer = Buffer.from(encodeSuperblock(superblockOf({ generation: 2 })));
	for (const change of [(slot: Buffer) => slot.writeUInt16LE(2, 8), (slot: Buffer) => slot.writeUInt32LE(2, 12)]) {
		const slot = Buffer.from(newer);
		change(slot);
		slot.writeUInt32LE(crc32(slot.subarray(0, 120)), 120);
		head.set(slot, slotOffset(2));
		assert.throws(() => parseSuperblocks(head, 'file'), { code: 'repository.newer-format' });
	}
	const metadata = Buffer.from(encodeChainMetadata(metadataOf(3), null));
	metadata.writeUInt32LE(2, 8);
	assert.throws(() => parseChainMetadata(metadata, 'file.hbm', []), { code: 'repository.newer-format' });
});

test('a file that is none of ours is told so', () => {
	for (const bytes of [Buffer.from('%PDF-1.7'), Buffer.alloc(20_000, 7), Buffer.from('HOLDFASU'.padEnd(9000))])
		assert.throws(() => parseSuperblocks(bytes.subarray(0, firstRecordOffset), 'x.hbk'), { code: 'repository.foreign' });
	assert.throws(() => parseChainMetadata(Buffer.from('{}'), 'x.hbm', []), { code: 'repository.foreign' });
	assert.deepEqual(parseSuperblocks(Buffer.alloc(firstRecordOffset), 'a file that was never committed'), []);
	assert.deepEqual(parseSuperblocks(new Uint8Array(), 'an empty file'), []);
});

test('a record gives back its payload at every level, and what does not shrink is stored as it is', () => {
	const random = seededRandom(seed);
	for (const level of [null, 1, 3, 9]) {
		for (const raw of [randomBytes(random, 1), randomBytes(random, 70_000), Buffer.alloc(300_000, 'abc'), Buffer.alloc(0)]) {
			const target = Buffer.alloc(recordHeaderBytes + raw.byteLength);
			const { header, totalBytes } = sealRecord(target, 'chunks', raw, level, null);
			assert.equal(header.codec, level !== null && raw.byteLength === 300_000 ? 'zstd' : 'none');
			const opened = openRecord(target.subarray(0, totalBytes), 'file', 8192, null);
			assert.deepEqual(opened.header, header);
			assert.deepEqual(Buffer.from(opened.raw), raw);
		}
	}
});

test('a record names its chunks, so that an index can be made anew', () => {
	const random = seededRandom(seed);
	const pieces = Array.from({ length: 300 }, () => randomBytes(random, 1 + random(2000)));
	const raw = new Uint8Array(700_000);
	const chunks: PlacedChunk[] = [];
	let at = 0;
	for (const piece of pieces) {
		raw.set(piece, at);
		chunks.push({ hash: chunkHash(piece), rawOffset: at, rawBytes: piece.byteLength });
		at += piece.byteLength;
	}
	const end = writeDirectory(raw, at, chunks);
	const found = parseDirectory(raw.subarray(0, end), 'file', 0);
	assert.deepEqual(
		found.map(({ hash, ...rest }) => ({ hash: Buffer.from(hash).toString('hex'), ...rest })),
		chunks.map(({ hash, ...rest }) => ({ hash: Buffer.from(hash).toString('hex'), ...rest })),
	);
});

test('an index finds every chunk that was added, each once, and no other', () => {
	const random = seededRandom(seed);
	const builder = new IndexBuilder();
	const known = new Map<string, PlacedChunk & { record: number }>();
	let offset = firstRecordOffset;
	for (let record = 0; record < 60; record++) {
		const chunks: PlacedChunk[] = [];
		let rawOffset = 0;
		for (let i = 0; i < 1 + random(40); i++) {
			const repeated = known.size > 0 && random(10) === 0 ? [...known.values()][random(known.size)] : undefined;
			const hash = repeated ? repeated.hash : randomBytes(random, hashBytes);
			if (!repeated && random(4) === 0) hash.fill(0, 0, 4); // many with one prefix
			const chunk = { hash, rawOffset, rawBytes: 1 + random(1000) };
			rawOffset += chunk.rawBytes;
			chunks.push(chunk);
			const key = Buffer.from(hash).toString('hex');
			if (!known.has(key)) known.set(key, { ...chunk, record });
		}
		builder.add({ offset, storedBytes: 100, rawBytes: rawOffset, payloadCrc: record, codec: record % 2 ? 'zstd' : 'none' }, chunks);
		offset += recordHeaderBytes + 100;
	}
	const built = builder.build();
	const index = FileIndex.parse(new Uint8Array(built.buffer), 'file', offset);
	assert.equal(index.chunkCount, known.size);
	assert.deepEqual(
		[...index.records()].map(({ payloadCrc }) => payloadCrc),
		Array.from({ length: 60 }, (_, i) => i),
	);
	for (const { hash, rawOffset, rawBytes, record } of known.values())
		assert.deepEqual(index.find(hash), {
			recordOffset: firstRecordOffset + record * (recordHeaderBytes + 100),
			recordBytes: recordHeaderBytes + 100,
			rawOffset,
			rawBytes,
		});
	for (let i = 0; i < 200; i++) assert.equal(index.find(randomBytes(random, hashBytes)), undefined);
});

test('an index joined with a newer one names what is kept, each chunk where it is now, and no record for nothing', () => {
	const random = seededRandom(seed);
	for (let round = 0; round < 40; round++) {
		const keys = Array.from({ length: 60 }, () => randomBytes(random, hashBytes));
		for (const key of keys) if (random(3) === 0) key.fill(0, 0, 4);
		const kept = new Set(keys.filter(() => random(3) > 0).map((key) => key.toString('hex')));
		const isKept = (hash: Uint8Array): boolean => kept.has(Buffer.from(hash).toString('hex'));
		/** Every second place in the file is one's, the others are the other's. */
		const write = (parity: number, recordCount: number): FileIndex => {
			const builder = new IndexBuilder();
			for (let record = 0; record < recordCount; record++) {
				const chunks = Array.from({ length: 1 + random(6) }, (_, i) => ({ hash: keys[random(keys.length)] as Buffer, rawOffset: i * 10, rawBytes: 10 }));
				const offset = firstRecordOffset + (2 * record + parity) * (recordHeaderBytes + 100);
				builder.add({ offset, storedBytes: 100, rawBytes: 100, payloadCrc: 1000 * parity + record, codec: 'none' }, chunks);
			}
			return builder.build();
		};
		const [older, newer] = [write(0, random(12)), write(1, random(12))];
		const joined = older.joinedWith(newer, isKept);
		FileIndex.parse(new Uint8Array(joined.buffer), 'file', 1 << 20); // its records and chunks are in order
		const expected = new Map<string, ReturnType<FileIndex['find']>>();
		for (const { hash } of older.chunks()) if (isKept(hash)) expected.set(Buffer.from(hash).toString('hex'), older.find(hash));
		for (const { hash } of newer.chunks()) expected.set(Buffer.from(hash).toString('hex'), newer.find(hash));
		assert.deepEqual(new Map([...joined.chunks()].map(({ hash }) => [Buffer.from(hash).toString('hex'), joined.find(hash)])), new Map([...expected].sort()));
		const named = new Set([...expected.values()].map((place) => place?.recordOffset));
		assert.deepEqual(new Set([...joined.records()].map(({ offset }) => offset)), named);
		assert.equal(joined.recordCount, named.size);
	}
});

test('a directory gives back its entries, in pages that a new name does not move', () => {
	const random = seededRandom(seed);
	const entries = randomEntries(random, 6000);
	const write = (list: readonly TreeEntry[]): { hashes: string[]; read: TreeEntry[] } => {
		const stored = new Map<string, Uint8Array>();
		const writer = new PageWriter((page) => {
			const hash = chunkHash(page);
			stored.set(hash.toString('hex'), page.slice());
			return hash;
		});
		for (const entry of list) writer.add(entry);
		const { pages, totals } = writer.end();
		assert.equal(totals.items, 1 + list.reduce((sum, entry) => sum + (entry.type === 'directory' ? entry.totals.items : 1), 0));
		const hashes = pages.map(({ hash }) => Buffer.from(hash).toString('hex'));
		return { hashes, read: hashes.flatMap((hash) => parsePage(stored.get(hash) as Uint8Array, 'page')) };
	};
	const before = write(entries);
	assert.deepEqual(before.read.map(plain), entries.map(plain));
	assert.ok(before.hashes.length > 2);
	const at = random(entries.length);
	const name = Buffer.concat([(entries[at] as TreeEntry).name, Buffer.from('+')]);
	const more = [...entries, { ...(entries[at] as TreeEntry), name }].sort((a, b) => Buffer.compare(a.name, b.name));
	const after = write(more);
	assert.ok(after.hashes.filter((hash) => !before.hashes.includes(hash)).length <= 2, 'one new name rewrites one page, or splits it');
});

test('a walk hears of just the chunks that the entries of a page refer to, and of just those of a list of extents', () => {
	const random = seededRandom(seed);
	const entries = randomEntries(random, 500);
	const writer = new ByteWriter();
	for (const entry of entries) writeEntry(writer, entry);
	const text = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
	const referred = (extents: readonly Extent[]): string[] => extents.flatMap((extent) => ('hash' in extent ? [`${extent.kind} ${text(extent.hash)}`] : []));
	let heard: string[] = [];
	const hear = (kind: string) => (hash: Uint8Array) => heard.push(`${kind} ${text(hash)}`);
	const visitor = { data: hear('data'), list: hear('list'), page: hear('page') };
	visitPage(writer.view(), 'page', visitor);
	assert.deepEqual(
		heard,
		entries.flatMap(({ extents, pages }) => [...referred([...parseExtents(extents, 'file')]), ...pages.map(({ hash }) => `page ${text(hash)}`)]),
	);
	assert.ok(heard.length > 100);

	heard = [];
	const extents = randomExtents(random, 2000);
	visitExtents(encodeExtents(extents), 'file', visitor);
	assert.deepEqual(heard, referred(extents));
});

test('a list of extents of any length fits beside its name and gives back every extent', () => {
	const random = seededRandom(seed);
	for (const count of [0, 1, 100, 30_000]) {
		const extents = randomExtents(random, count).map((extent) => (extent.kind === 'list' ? { ...extent, kind: 'data' as const } : extent));
		const stored = new Map<string, Uint8Array>();
		const packed = packExtents(encodeExtents(extents), 'file', (chunk) => {
			const hash = chunkHash(chunk);
			stored.set(hash.toString('hex'), chunk.slice());
			return hash;
		});
		assert.ok(packed.byteLength <= inlineLimitBytes);
		const unpack = (bytes: Uint8Array): Extent[] =>
			[...parseExtents(bytes, 'file')].flatMap((extent) => {
				if (extent.kind !== 'list') return [extent];
				const inner = unpack(stored.get(Buffer.from(extent.hash).toString('hex')) as Uint8Array);
				assert.equal(
					inner.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
					extent.lengthBytes,
				);
				return inner;
			});
		assert.deepEqual(unpack(packed).map(plainExtent), extents.map(plainExtent));
	}
});

test('a disk map keeps size and segments for every block size', () => {
	const random = seededRandom(seed);
	for (const blockSizeBytes of [262_144, 524_288, 1_048_576, 4_194_304]) {
		for (const sizeBytes of [0, 1, 512, blockSizeBytes * blocksPerSegment, blockSizeBytes * blocksPerSegment + 1, 2 ** 40 + 512]) {
			const segments = Array.from({ length: Math.ceil(Math.ceil(sizeBytes / blockSizeBytes) / blocksPerSegment) }, () => randomBytes(random, hashBytes));
			const map = { sizeBytes, blockSizeBytes, segments };
			const read = parseDiskMap(encodeDiskMap(map), 'disk');
			assert.deepEqual({ ...read, segments: read.segments.map((hash) => Buffer.from(hash)) }, map);
		}
	}
});

test('a segment of a disk map keeps hashes and fingerprints, with blocks of zeros and without fingerprints as well', () => {
	const random = seededRandom(seed);
	for (const blocks of [1, 7, blocksPerSegment])
		for (const fingerprints of [randomBytes(random, blocks * fingerprintBytes), null]) {
			const hashes = randomBytes(random, blocks * hashBytes);
			hashes.fill(0, 0, hashBytes);
			const read = parseMapSegment(encodeMapSegment({ hashes, fingerprints }), blocks, 'disk');
			assert.deepEqual(
				[Buffer.from(read.hashes), read.fingerprints && Buffer.from(read.fingerprints)],
				[Buffer.from(hashes), fingerprints && Buffer.from(fingerprints)],
			);
			assert.equal([...storedBlocks(read)].length, blocks - 1);
			for (const other of [blocks - 1, blocks + 1])
				assert.throws(() => parseMapSegment(encodeMapSegment({ hashes, fingerprints }), other, 'disk'), { code: 'repository.damaged' });
		}
});

test('chain metadata keeps names that are no text', () => {
	const metadata = metadataOf(40);
	const { metadata: read } = parseChainMetadata(encodeChainMetadata(metadata, null), 'file.hbm', []);
	assert.deepEqual(read, metadata);
	assert.ok(read.chain.objects.some(({ path }) => !path.isWellFormed()));
});

const plain = (entry: TreeEntry): unknown =>
	JSON.parse(
		JSON.stringify(entry, (_, value) =>
			value instanceof Uint8Array || value?.type === 'Buffer'
				? Buffer.from(value.data ?? value).toString('hex')
				: typeof value === 'bigint'
					? String(value)
					: value,
		),
	);
const plainExtent = (extent: Extent): unknown => ('hash' in extent ? { ...extent, hash: Buffer.from(extent.hash).toString('hex') } : extent);
