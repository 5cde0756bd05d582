#!/usr/bin/env node
/**
 * Restores one file or one disk from a chain with nothing but Node and this file. Written from docs/format.md, for two reasons: it shows
 * that the page is complete, and it gets data back where no Holdfast is left. It reads one chunk after the other and checks every byte.
 */
import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, scryptSync } from 'node:crypto';
import { ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32, zstdDecompressSync } from 'node:zlib';

const usage = `Usage (Node 24 or newer; CHAIN is a .hbm file, POINT an id or "latest"):
  restore-one.mjs list CHAIN
  restore-one.mjs file CHAIN POINT PATH TARGET    PATH as in the backup: /docs/letter.txt
  restore-one.mjs disk CHAIN POINT TARGET         TARGET must not exist yet
An encrypted chain is opened with HOLDFAST_PASSWORD or HOLDFAST_RECOVERY_KEY of the environment.`;

const [slotBytes, recordHeadBytes] = [4096, 40];
const maxPayloadBytes = 16 * 1024 * 1024 + 65_536 + 16;
const lockBytes = 416;
const blocksPerSegment = 1024;
const blockSizes = [262_144, 524_288, 1_048_576, 4_194_304];
const zeroHash = '00'.repeat(32);
const recordTypes = { chunks: 1, index: 2, root: 3 };
const entryTypes = ['file', 'directory', 'link', 'fifo', 'character device', 'block device'];

function check(condition, message) {
	if (!condition) throw new Error(message);
}

function safeNumber(value) {
	check(value <= Number.MAX_SAFE_INTEGER, 'a number is too large');
	return Number(value);
}

/** Reads the fields of a chunk in order; never past its end. */
function fieldsOf(bytes) {
	let at = 0;
	const left = () => bytes.length - at;
	const take = (length) => {
		check(length <= left(), 'a chunk ends inside a field');
		at += length;
		return bytes.subarray(at - length, at);
	};
	const varint = () => {
		let value = 0n;
		for (let shift = 0n; shift < 56n; shift += 7n) {
			const [byte] = take(1);
			value |= BigInt(byte & 0x7f) << shift;
			if (byte < 0x80) return safeNumber(value);
		}
		throw new Error('a number is too long');
	};
	const block = (limit) => {
		const length = varint();
		check(length <= limit, 'a field is larger than allowed');
		return take(length);
	};
	return { left, take, varint, block, u8: () => take(1)[0], hash: () => take(32).toString('hex') };
}

/** The master key of a lock, opened once with what the environment has. */
const masterKeys = new Map();

function openLock(lock, path) {
	const id = lock.toString('hex', 0, 8);
	const opened =
		masterKeys.get(id) ??
		slotsOf(lock, path)
			.map(openSlot)
			.find((key) => key !== null);
	check(opened, `${path} is encrypted: set HOLDFAST_PASSWORD or HOLDFAST_RECOVERY_KEY to what opens it`);
	masterKeys.set(id, opened);
	const derive = (info) => Buffer.from(hkdfSync('sha256', opened, lock.subarray(8, 24), `holdfast ${info}`, 32));
	return { names: derive('names'), payloads: derive('payloads'), headers: derive('headers') };
}

function slotsOf(lock, path) {
	check(lock.length === lockBytes && lock[24] >= 1 && lock[24] <= 4, `${path}: an impossible lock`);
	return Array.from({ length: lock[24] }, (_, i) => lock.subarray(32 + 96 * i, 128 + 96 * i));
}

function openSlot(slot) {
	const [kind, logN, r, p] = slot;
	const { HOLDFAST_PASSWORD: password, HOLDFAST_RECOVERY_KEY: recoveryKey } = process.env;
	const salt = slot.subarray(16, 32);
	let key = null;
	if (kind === 1 && password) {
		check(logN <= 24 && p <= 4 && 128 * r * 2 ** logN <= 2 ** 29, 'a slot asks for more memory than a reader should give');
		key = scryptSync(password.normalize('NFC'), salt, 32, { N: 2 ** logN, r, p, maxmem: 2 ** 30 });
	} else if (kind === 2 && recoveryKey) key = Buffer.from(hkdfSync('sha256', parseRecoveryKey(recoveryKey), salt, 'holdfast recovery key', 32));
	return key && unseal(key, slot.subarray(32, 44), slot.subarray(0, 32), slot.subarray(44, 92));
}

function parseRecoveryKey(text) {
	const letters = text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
	const bits = [...letters].map((letter) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(letter).toString(2).padStart(5, '0')).join('');
	return Buffer.from((bits.match(/.{8}/g) ?? []).slice(0, 20).map((byte) => Number.parseInt(byte, 2)));
}

/** AES-256-GCM. Null when it was sealed otherwise. */
function unseal(key, nonce, context, sealed) {
	check(sealed.length >= 16, 'sealed bytes are cut short');
	const cipher = createDecipheriv('aes-256-gcm', key, nonce);
	cipher.setAAD(context);
	cipher.setAuthTag(sealed.subarray(-16));
	const plain = cipher.update(sealed.subarray(0, -16));
	try {
		cipher.final();
		return plain;
	} catch {
		return null;
	}
}

/** Opens a .hbk or .hib at its last commit. @returns what finds a chunk by its name; null where this file does not hold it */
function openBackupFile(path, id) {
	const fd = openSync(path, 'r');
	const read = (offset, length) => {
		const bytes = Buffer.alloc(length);
		check(readSync(fd, bytes, 0, length, offset) === length, `${path} cannot be read at byte ${offset}`);
		return bytes;
	};
	const slots = [0, slotBytes].map((at) => parseSuperblock(read(at, slotBytes), path)).filter((slot) => slot !== null);
	const [newest, older] = slots.sort((a, b) => b.generation - a.generation);
	check(newest?.fileId === id, `${path} has no valid superblock, or is not the file that the chain names`);
	const keys = newest.lock && openLock(newest.lock, path);
	const payloadAt = (offset, type) => readPayload(read, offset, type, path, keys);
	const nameOf = (chunk) => (keys ? createHmac('sha256', keys.names).update(chunk).digest('hex') : hash('sha256', chunk));
	const openAt = ({ rootOffset, end }) => {
		const root = JSON.parse(payloadAt(rootOffset, 'root').toString('utf8'));
		return parseIndex(Buffer.concat(root.index.map(({ offset }) => payloadAt(offset, 'index'))), end);
	};
	let index;
	try {
		index = openAt(newest);
	} catch (error) {
		if (!older) throw error;
		index = openAt(older);
	}
	let last = { offset: -1, payload: null };
	return (name) => {
		const place = index(name);
		if (!place) return null;
		if (last.offset !== place.recordOffset) last = { offset: place.recordOffset, payload: payloadAt(place.recordOffset, 'chunks') };
		const chunk = last.payload.subarray(place.from, place.to);
		check(nameOf(chunk) === name, `${path}: a chunk is not what its name says: ${name}`);
		return chunk;
	};
}

/** Null where the slot holds no valid superblock. */
function parseSuperblock(slot, path) {
	if (slot.toString('latin1', 0, 8) !== 'HOLDFAST' || slot.readUInt32LE(120) !== crc32(slot.subarray(0, 120))) return null;
	check(slot.readUInt16LE(8) === 1 && slot.readUInt32LE(12) <= 1, `${path} has a newer format`);
	const lock = slot.readUInt32LE(12) === 1 ? slot.subarray(128, 128 + lockBytes) : null;
	if (lock && slot.readUInt32LE(124) !== crc32(lock)) return null;
	const [generation, rootOffset, end] = [48, 56, 72].map((at) => safeNumber(slot.readBigUInt64LE(at)));
	return { fileId: slot.toString('latin1', 16, 32).trimEnd(), generation, rootOffset, end, lock };
}

/** The raw payload of the record at `offset`, verified. */
function readPayload(read, offset, type, path, keys) {
	const where = `${path}, record at byte ${offset}`;
	const head = read(offset, recordHeadBytes);
	const nonce = Buffer.from(head.subarray(20, 32));
	if (keys) unmask(head, nonce, keys.headers);
	check(head.toString('latin1', 0, 4) === 'HREC' && head.readUInt32LE(32) === crc32(head.subarray(0, 32)), `${where}: no record`);
	check(head[4] === recordTypes[type] && head[5] <= 1 && head[6] === (keys ? 1 : 0), `${where}: not a ${type} record, or an unknown codec or cipher`);
	const [storedBytes, rawBytes] = [head.readUInt32LE(8), head.readUInt32LE(12)];
	check(storedBytes <= maxPayloadBytes && rawBytes <= maxPayloadBytes, `${where}: larger than allowed`);
	const stored = read(offset + recordHeadBytes, storedBytes);
	check(crc32(stored) === head.readUInt32LE(16), `${where}: wrong checksum`);
	const packed = keys ? unseal(keys.payloads, nonce, head.subarray(0, 16), stored) : stored;
	check(packed, `${where}: not what was encrypted`);
	const raw = head[5] === 1 ? zstdDecompressSync(packed, { maxOutputLength: Math.max(1, rawBytes) }) : packed;
	check(raw.length === rawBytes, `${where}: wrong raw length`);
	return raw;
}

function unmask(head, nonce, key) {
	const cipher = createCipheriv('aes-256-ctr', key, Buffer.concat([nonce, Buffer.alloc(4)]));
	const plain = cipher.update(Buffer.concat([head.subarray(0, 20), head.subarray(32)]));
	plain.copy(head, 0, 0, 20);
	plain.copy(head, 32, 20);
}

/** Checks the table once. @returns what says where a chunk lies: the offset of its record, and from where to where in the raw payload */
function parseIndex(table, fileEnd) {
	check(table.length >= 8, 'an index is cut short');
	const [recordCount, chunkCount] = [table.readUInt32LE(0), table.readUInt32LE(4)];
	const chunksAt = 8 + 24 * recordCount;
	check(table.length === chunksAt + 44 * chunkCount, 'an index has a wrong length');
	let end = 2 * slotBytes;
	for (let at = 8; at < chunksAt; at += 24) {
		const offset = safeNumber(table.readBigUInt64LE(at));
		check(offset >= end, 'records of an index overlap');
		end = offset + recordHeadBytes + table.readUInt32LE(at + 8);
		check(end <= fileEnd, 'a record of an index lies behind the end');
	}
	for (let at = chunksAt; at < table.length; at += 44) {
		check(at === chunksAt || table.compare(table, at, at + 32, at - 44, at - 12) < 0, 'an index is not sorted');
		const number = table.readUInt32LE(at + 32);
		check(number < recordCount, 'an index names a record that is not there');
		check(table.readUInt32LE(at + 36) + table.readUInt32LE(at + 40) <= table.readUInt32LE(20 + 24 * number), 'a chunk reaches past its record');
	}
	return (name) => {
		const wanted = Buffer.from(name, 'hex');
		for (let low = 0, high = chunkCount - 1; low <= high; ) {
			const middle = (low + high) >>> 1;
			const at = chunksAt + 44 * middle;
			const order = table.compare(wanted, 0, 32, at, at + 32);
			const from = table.readUInt32LE(at + 36);
			if (order === 0)
				return { recordOffset: Number(table.readBigUInt64LE(8 + 24 * table.readUInt32LE(at + 32))), from, to: from + table.readUInt32LE(at + 40) };
			if (order < 0) low = middle + 1;
			else high = middle - 1;
		}
		return null;
	};
}

function readMetadata(path) {
	const bytes = readFileSync(path);
	check(bytes.length >= 32 && bytes.toString('latin1', 0, 8) === 'HOLDMETA', `${path} is not chain metadata`);
	check(bytes.readUInt32LE(8) === 1 && bytes.readUInt32LE(12) <= 1, `${path} has a newer format`);
	const body = bytes.subarray(32);
	check(body.length === bytes.readUInt32LE(16) && crc32(body) === bytes.readUInt32LE(20), `${path} is damaged`);
	const json = bytes.readUInt32LE(12) === 1 ? unsealMetadata(bytes, body, path) : body;
	return JSON.parse(json.toString('utf8'));
}

function unsealMetadata(bytes, body, path) {
	const lock = body.subarray(0, lockBytes);
	const nonceEnd = lockBytes + 12;
	const { payloads } = openLock(lock, path);
	const json = unseal(payloads, body.subarray(lockBytes, nonceEnd), Buffer.concat([bytes.subarray(0, 16), lock]), body.subarray(nonceEnd));
	check(json, `${path} is not what was encrypted`);
	return json;
}

/** A restore point and what reads its chunks: its own file and all that this one builds on. */
function openPoint(metadataPath, wanted, kind) {
	const { files } = readMetadata(metadataPath);
	const all = files.flatMap((file) => file.points.map((point) => ({ point, file })));
	all.sort((a, b) => b.point.createdAt - a.point.createdAt);
	const found = wanted === 'latest' ? all[0] : all.find(({ point }) => point.id === wanted);
	check(found?.point.root.kind === kind, `there is no restore point ${wanted} of a ${kind}`);
	const needed = [];
	for (let id = found.file.id; id !== null; id = needed.at(-1).dependsOn) {
		const file = files.find((candidate) => candidate.id === id);
		check(file && !needed.includes(file) && file.name === basename(file.name), `the chain is broken at the file ${id}`);
		needed.push(file);
	}
	const finders = needed.map(({ name, id }) => openBackupFile(join(dirname(metadataPath), name), id));
	const readChunk = (name) => {
		for (const find of finders) {
			const chunk = find(name);
			if (chunk) return chunk;
		}
		throw new Error(`the chain has lost the chunk ${name}`);
	};
	return { point: found.point, readChunk };
}

function* parsePage(page) {
	const from = fieldsOf(page);
	let before = null;
	while (from.left() > 0) {
		const name = from.block(4096);
		check(name.length > 0 && !name.includes(0x2f) && !name.includes(0) && !['.', '..'].includes(name.toString('latin1')), 'an impossible name');
		check(before === null || Buffer.compare(before, name) < 0, 'a page is not sorted');
		before = name;
		const type = entryTypes[from.u8()];
		check(type, 'an unknown type of entry');
		const flags = from.u8();
		for (let i = 0; i < 3; i++) from.varint(); // mode, uid, gid
		from.take(24); // mtime, ctime, inode
		if (flags & 1) from.take(8); // link device
		for (let left = flags & 2 ? 2 * from.varint() : 0; left > 0; left--) from.block(1_048_576); // names and values of attributes
		const entry = { name, type };
		if (type === 'file') Object.assign(entry, { sizeBytes: from.varint(), extents: from.block(65_536) });
		else if (type === 'link') from.block(65_536);
		else if (type.endsWith('device')) from.take(8);
		else if (type === 'directory') {
			for (let i = 0; i < 2; i++) from.varint(); // items, bytes
			entry.pages = [];
			for (let count = from.varint(); count > 0; count--) {
				entry.pages.push(from.hash());
				from.varint(); // number of entries
			}
		}
		yield entry;
	}
}

function findEntry(rootPage, path, readChunk) {
	let [entry] = parsePage(rootPage);
	for (const part of path.split('/').filter((name) => name !== '')) {
		check(entry.type === 'directory', `${path} is not in this restore point`);
		const children = entry.pages.flatMap((page) => [...parsePage(readChunk(page))]);
		entry = children.find(({ name }) => name.equals(Buffer.from(part)));
		check(entry, `${path} is not in this restore point`);
	}
	return entry;
}

/** Writes extents from `offset` on. @returns where they end */
function writeExtents(fd, offset, extents, readChunk, depth) {
	check(depth <= 6, 'lists are nested too deeply');
	const from = fieldsOf(extents);
	let at = offset;
	while (from.left() > 0) {
		const head = from.varint();
		const [kind, length] = [head % 4, Math.floor(head / 4)];
		const chunk = kind === 0 || kind === 3 ? readChunk(from.hash()) : null;
		if (kind === 0) {
			check(chunk.length === length, 'a chunk has not the length of its extent');
			writeAll(fd, chunk, at);
		} else if (kind === 3) check(writeExtents(fd, at, chunk, readChunk, depth + 1) === at + length, 'a list has a wrong length');
		at += length;
	}
	return at;
}

const writeAll = (fd, bytes, offset) => check(writeSync(fd, bytes, 0, bytes.length, offset) === bytes.length, 'the target is full');

function restoreDisk(chain, pointId, target) {
	const { point, readChunk } = openPoint(chain, pointId, 'disk');
	const from = fieldsOf(readChunk(point.root.hash));
	const [sizeBytes, blockBytes] = [from.varint(), from.varint()];
	const blockCount = Math.ceil(sizeBytes / blockBytes);
	const segmentCount = Math.ceil(blockCount / blocksPerSegment);
	check(sizeBytes <= 2 ** 50 && blockSizes.includes(blockBytes) && from.left() === segmentCount * 32, 'the disk map is impossible');
	const fd = openSync(target, 'wx', 0o600);
	ftruncateSync(fd, sizeBytes); // what nobody writes reads as zeros
	for (let first = 0; first < blockCount; first += blocksPerSegment) {
		const name = from.hash();
		if (name === zeroHash) continue;
		const count = Math.min(blocksPerSegment, blockCount - first);
		const segment = fieldsOf(readChunk(name));
		check([32, 48].includes(segment.left() / count), 'a segment of the disk map has a wrong length');
		for (let block = first; block < first + count; block++) {
			const blockName = segment.hash();
			if (blockName === zeroHash) continue;
			const bytes = readChunk(blockName);
			check(bytes.length === Math.min(blockBytes, sizeBytes - block * blockBytes), `block ${block} has a wrong length`);
			writeAll(fd, bytes, block * blockBytes);
		}
	}
}

function restoreFile(chain, pointId, path, target) {
	const { point, readChunk } = openPoint(chain, pointId, 'folder');
	const { type, sizeBytes, extents } = findEntry(readChunk(point.root.hash), path, readChunk);
	check(type === 'file', `${path} is a ${type}`);
	const fd = openSync(target, 'wx', 0o600);
	check(writeExtents(fd, 0, extents, readChunk, 0) === sizeBytes, `${path}: its extents do not add up to its size`);
	ftruncateSync(fd, sizeBytes); // holes and zeros are what nobody writes, also at the end
}

function list(chain) {
	for (const { name, points } of readMetadata(chain).files)
		for (const { id, createdAt, object } of points) console.log(`${id}  ${new Date(createdAt).toISOString()}  ${object.kind}:${object.path}  ${name}`);
}

const [command, ...values] = process.argv.slice(2);
const commands = new Map([
	[`list 1`, list],
	[`file 4`, restoreFile],
	[`disk 3`, restoreDisk],
]);
try {
	const run = commands.get(`${command} ${values.length}`);
	if (run) run(...values);
	else console.error(usage);
	process.exitCode = run ? 0 : 2;
} catch (error) {
	console.error(`Failed: ${error.message}.`);
	process.exitCode = 1;
}
