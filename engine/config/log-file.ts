import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** Where a logger writes its lines. */
export interface LogFile extends Disposable {
	write(line: string): void;
}

const DEFAULT_MAX_BYTES = 8 * 1_048_576;

/**
 * A log file that never grows beyond `maxBytes`: then it becomes `PATH.1`, which replaces the one before. Lines are written at once, so that the
 * last words before a crash are there. Trouble with the log stops nothing: a line that cannot be written is lost.
 */
export function openLogFile(path: string, { maxBytes = DEFAULT_MAX_BYTES }: { readonly maxBytes?: number } = {}): LogFile {
	const open = () => openSync(path, 'a', 0o600);
	let fd = open();
	let sizeBytes = fstatSync(fd).size;

	function rotate(): void {
		closeSync(fd);
		renameSync(path, `${path}.1`);
		fd = open();
		sizeBytes = 0;
	}

	return {
		write(line) {
			try {
				if (sizeBytes + line.length > maxBytes && sizeBytes > 0) rotate();
				sizeBytes += writeSync(fd, line);
			} catch {
				// A full disk must not end the engine, and there is nowhere else to say it.
			}
		},
		[Symbol.dispose]: () => closeSync(fd),
	};
}
