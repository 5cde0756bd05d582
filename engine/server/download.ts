import { Readable } from 'node:stream';
import { z } from 'zod';
import { EngineError, textFromBytes } from '../base/index.ts';
import type { Download } from '../contract/index.ts';

const downloadQuery = z.object({ point: z.string().min(1), path: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(10_000)]) });

export function parseDownloadQuery(query: unknown): { point: string; paths: string[] } {
	const { success, data } = downloadQuery.safeParse(query);
	if (!success) throw new EngineError('usage.invalid', 'A download needs "point" and at least one "path".', { hint: '/download?point=POINT&path=/etc/hosts' });
	return { point: data.point, paths: [data.path].flat() };
}

/**
 * Reads a query whose values are percent-encoded *bytes*: a byte that is no UTF-8 arrives as the contract writes it
 * (U+DC80 …), so that files of any name can be downloaded.
 */
export function parseQuery(text: string): Record<string, string | string[]> {
	const query: Record<string, string | string[]> = Object.create(null);
	for (const pair of text.split('&')) {
		if (pair === '') continue;
		const at = pair.indexOf('=');
		const name = decode(at === -1 ? pair : pair.slice(0, at));
		const value = at === -1 ? '' : decode(pair.slice(at + 1));
		const present = query[name];
		query[name] = present === undefined ? value : [present, value].flat();
	}
	return query;
}
const decode = (text: string): string =>
	textFromBytes(
		Buffer.from(
			text.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
			'latin1',
		),
	);

/** RFC 6266: a plain name for old clients, the true one as RFC 5987 writes it. */
export function contentDisposition(fileName: string): string {
	const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
	const encoded = encodeURIComponent(fileName.toWellFormed()).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
	return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/**
 * The content as a stream that has already produced its first bytes: what fails before them can still be told as an error.
 * It fails, and so breaks the connection off, when the content does not have the length that was promised.
 */
export async function startContent({ content, sizeBytes, fileName }: Download): Promise<Readable> {
	const chunks = content[Symbol.asyncIterator]();
	const first = await chunks.next();
	return Readable.from(
		(async function* () {
			let sentBytes = 0;
			try {
				for (let next = first; !next.done; next = await chunks.next()) {
					sentBytes += next.value.byteLength;
					yield next.value;
				}
				if (sizeBytes !== null && sentBytes !== sizeBytes) {
					throw new EngineError('internal', `The download of ${fileName} has ${sentBytes} bytes instead of ${sizeBytes}.`);
				}
			} finally {
				await chunks.return?.();
			}
		})(),
		{ objectMode: false },
	);
}
