import type { Dirent } from 'node:fs';
import { constants } from 'node:fs';
import { access, opendir, stat } from 'node:fs/promises';
import { dirname, posix, win32 } from 'node:path';
import { bytesFromText, EngineError, systemErrorCode, textFromBytes } from '../base/index.ts';
import type { PlaceEntry, PlaceList } from '../contract/index.ts';
import type { Platform } from '../platform/index.ts';

const MAX_ENTRIES = 5000;
/** Names looked at before a folder is cut off: enough to find all folders of any sensible place. */
const MAX_NAMES = 100_000;
const STATS_AT_ONCE = 64;

const diskImage = /\.(?:qcow2|img|raw|vmdk|vhdx?|vdi)$/i;

/** One level of the machine that this process runs on; null: its volumes and disks. `not-found.path`, `source.unreadable`, `usage.invalid`. */
export async function listPlaces(platform: Platform, path: string | null, signal?: AbortSignal): Promise<PlaceList> {
	if (path === null)
		return {
			path: null,
			parent: null,
			entries: await Promise.all((await listMachine(platform)).map(async (entry) => ({ ...entry, readable: await isReadable(entry.path) }))),
		};
	const folder = requireAbsolute(path, 'path');
	const parent = dirname(folder);
	return { path: folder, parent: parent === folder ? null : parent, entries: await listFolder(folder, signal) };
}

async function listMachine(platform: Platform): Promise<PlaceEntry[]> {
	const volumes = (await platform.disks.volumes()).map(
		(volume): PlaceEntry => ({
			name: volume.mountPoint,
			path: volume.mountPoint,
			type: 'volume',
			sizeBytes: volume.sizeBytes,
			freeBytes: volume.freeBytes,
			modifiedAt: null,
			readable: true,
		}),
	);
	const devices = platform.disks.blockDevices().map(
		({ path, sizeBytes, model }): PlaceEntry => ({
			name: model === null ? path : `${path} (${model})`,
			path,
			type: 'block-device',
			sizeBytes,
			freeBytes: null,
			modifiedAt: null,
			readable: true,
		}),
	);
	return [...volumes.toSorted((a, b) => (a.path < b.path ? -1 : 1)), ...devices];
}

/** `usage.invalid` naming the field, unless the path is absolute: the working folder of this process means nothing to whoever asks. @param platform whose path it is */
export function requireAbsolute(path: string, field: string, platform: string = process.platform): string {
	const { isAbsolute, resolve } = platform === 'win32' ? win32 : posix;
	if (isAbsolute(path)) return resolve(path);
	throw new EngineError('usage.invalid', `“${path}” is not an absolute path.`, { hint: 'Write the path from the root.', data: { field } });
}

type Candidate = { readonly name: string; readonly isFolder: boolean };

async function listFolder(folder: string, signal: AbortSignal | undefined): Promise<PlaceEntry[]> {
	const candidates = await readNames(folder, signal);
	// Folders first: one is looking for a place, and a folder full of files must not hide them.
	candidates.sort((a, b) => (a.isFolder === b.isFolder ? a.name.localeCompare(b.name) : a.isFolder ? -1 : 1));
	const entries: PlaceEntry[] = [];
	for (let from = 0; from < candidates.length && entries.length < MAX_ENTRIES; from += STATS_AT_ONCE) {
		signal?.throwIfAborted();
		const batch = await Promise.all(candidates.slice(from, from + STATS_AT_ONCE).map(({ name }) => toEntry(folder, name)));
		entries.push(...batch.filter((entry) => entry !== null));
	}
	const isFolder = ({ type }: PlaceEntry) => (type === 'folder' ? 0 : 1);
	return entries.slice(0, MAX_ENTRIES).toSorted((a, b) => isFolder(a) - isFolder(b));
}

async function readNames(folder: string, signal: AbortSignal | undefined): Promise<Candidate[]> {
	const candidates: Candidate[] = [];
	try {
		// Names are bytes: with any other encoding, those that are not UTF-8 could not be opened again.
		const directory = await opendir(bytesFromText(folder) as unknown as string, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 });
		for await (const entry of directory as unknown as AsyncIterable<Dirent<Buffer>>) {
			signal?.throwIfAborted();
			candidates.push({ name: textFromBytes(entry.name), isFolder: entry.isDirectory() });
			if (candidates.length >= MAX_NAMES) break;
		}
		return candidates;
	} catch (cause) {
		const code = systemErrorCode(cause);
		if (code === undefined) throw cause;
		if (code === 'ENOENT') throw new EngineError('not-found.path', `There is no folder ${folder}.`, { data: { field: 'path', path: folder }, cause });
		if (code === 'ENOTDIR') throw new EngineError('usage.invalid', `${folder} is not a folder.`, { data: { field: 'path', path: folder }, cause });
		throw new EngineError('source.unreadable', `The folder ${folder} cannot be read (${code}).`, {
			hint: 'Run Holdfast as a user who may read it.',
			data: { path: folder },
			cause,
		});
	}
}

/** Null for what can be neither protected nor looked into, and for what has vanished. */
async function toEntry(folder: string, name: string): Promise<PlaceEntry | null> {
	const path = folder.endsWith('/') || folder.endsWith('\\') ? folder + name : `${folder}${process.platform === 'win32' ? '\\' : '/'}${name}`;
	const facts = await stat(bytesFromText(path)).catch(() => null); // A dangling link, or gone since the folder was read.
	if (facts === null) return null;
	const type = facts.isDirectory() ? 'folder' : facts.isBlockDevice() ? 'block-device' : facts.isFile() ? (diskImage.test(name) ? 'disk-image' : 'file') : null;
	if (type === null) return null;
	return {
		name,
		path,
		type,
		sizeBytes: facts.isFile() ? facts.size : null,
		freeBytes: null,
		modifiedAt: Math.round(facts.mtimeMs),
		readable: await isReadable(path),
	};
}

const isReadable = (path: string): Promise<boolean> =>
	access(bytesFromText(path), constants.R_OK).then(
		() => true,
		() => false,
	);
