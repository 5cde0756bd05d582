import { basename } from 'node:path';
import { isNbdUri, parseNbdUri } from './nbd/index.ts';

/** What a disk is called for short: the name of its file, or of its export. */
export function diskName(path: string): string {
	if (!isNbdUri(path)) return basename(path);
	try {
		const { exportName, transport } = parseNbdUri(path);
		return basename(exportName) || (transport.kind === 'unix' ? basename(transport.path) : transport.host);
	} catch {
		return basename(path); // stands in a backup, and need not be one that we would read
	}
}
