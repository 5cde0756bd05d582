import * as path from 'node:path';
import { Readable } from 'node:stream';
import yazl from 'yazl';
import { displayText, EngineError, textFromBytes } from '../base/index.ts';
import type { TreeEntry } from '../format/index.ts';
import { childPath, type PointView } from './point-view.ts';
import { topmostPaths } from './selection.ts';

export type OpenedDownload = {
	readonly fileName: string;
	readonly mediaType: string;
	readonly sizeBytes: number | null;
	readonly content: AsyncIterable<Uint8Array>;
};

const zeros = Buffer.alloc(256 * 1024);

/** The bytes of a file, holes as zeros. @throws `repository.damaged` midway */
export async function* readFile(view: PointView, entry: TreeEntry): AsyncGenerator<Uint8Array> {
	for await (const extent of view.extents(entry)) {
		if (extent.kind === 'data') yield await view.reader.readChunk(extent.hash);
		else for (let done = 0; done < extent.lengthBytes; done += zeros.byteLength) yield zeros.subarray(0, Math.min(zeros.byteLength, extent.lengthBytes - done));
	}
}

/** One file as it is; a folder or several things as a zip of files and folders (links and devices stay out). @throws `not-found.path` */
export async function openDownload(view: PointView, paths: readonly string[]): Promise<OpenedDownload> {
	if (view.manifest.root.kind === 'disk')
		throw new EngineError('usage.unsupported', 'A disk cannot be downloaded through the browser.', { hint: 'Restore it to a file on the server.' });
	const chosen = topmostPaths(paths);
	const found = await Promise.all(chosen.map((chosenPath) => view.find(chosenPath)));
	const [only] = found;
	if (!only) throw new EngineError('usage.invalid', 'Choose at least one file.', { data: { field: 'paths' } });
	if (found.length === 1 && only.entry.type === 'file') {
		const fileName = displayText(textFromBytes(only.entry.name));
		return { fileName, mediaType: 'application/octet-stream', sizeBytes: only.entry.sizeBytes, content: readFile(view, only.entry) };
	}
	const isOneFolder = found.length === 1 && only.path !== '/';
	const name = isOneFolder ? textFromBytes(only.entry.name) : path.basename(view.manifest.object.path) || 'root';
	const zip = new yazl.ZipFile();
	const output = zip.outputStream as Readable;
	const fill = async (): Promise<void> => {
		for (const { path: at, entry } of found) await addToZip(view, zip, at, entry, isOneFolder ? path.posix.dirname(at) : '/');
		zip.end();
	};
	fill().catch((error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))));
	return { fileName: `${displayText(name)}.zip`, mediaType: 'application/zip', sizeBytes: null, content: output };
}

async function addToZip(view: PointView, zip: yazl.ZipFile, at: string, entry: TreeEntry, base: string): Promise<void> {
	const inZip = displayText(at.slice(base === '/' ? 1 : base.length + 1));
	const options = { mtime: new Date(Number(entry.mtimeNs / 1_000_000n)), mode: (entry.type === 'directory' ? 0o040000 : 0o100000) | entry.mode };
	if (entry.type === 'file') {
		// one after the other: the next file is opened when this one has gone out
		const content = Readable.from(readFile(view, entry), { objectMode: false });
		await new Promise<void>((resolve, reject) => {
			content.once('end', resolve).once('error', (error) => {
				(zip.outputStream as Readable).destroy(error);
				reject(error);
			});
			zip.addReadStream(content, inZip, { ...options, size: entry.sizeBytes });
		});
	} else if (entry.type === 'directory') {
		if (inZip !== '') zip.addEmptyDirectory(inZip, options);
		for await (const child of view.children(entry)) await addToZip(view, zip, childPath(at, textFromBytes(child.name)), child, base);
	}
}
