import { randomBytes } from 'node:crypto';
import type { Storage } from './storage.ts';

/** Writes bytes beside the file that they shall replace, durably; nothing is left behind when that fails. @returns the path to rename */
export async function writeTemporary(storage: Storage, path: string, bytes: Uint8Array): Promise<string> {
	const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
	try {
		await using file = await storage.open(temporary, 'create');
		await file.write(bytes, 0);
		await file.sync();
	} catch (error) {
		await storage.remove(temporary).catch(() => undefined); // the first failure is the one to report
		throw error;
	}
	return temporary;
}
