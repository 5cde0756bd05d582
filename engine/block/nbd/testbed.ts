/** For tests only: servers that others have written, and a server that repeats what another one said. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '../testbed.ts';
import { formatNbdUri, type NbdAddress } from './uri.ts';

export const unixAddress = (path: string, exportName = ''): NbdAddress => ({ transport: { kind: 'unix', path }, exportName });

/** Starts a server that goes into the background by itself once it listens, and ends it with the test. @returns the path of its socket */
async function startDaemon(t: TestContext, command: (socket: string, pidFile: string) => readonly [string, ...string[]]): Promise<string> {
	const folder = temporaryFolder(t);
	const [socket, pidFile] = [join(folder, 'socket'), join(folder, 'pid')];
	const [program, ...args] = command(socket, pidFile);
	const watcher = watch(folder);
	t.after(() => watcher.close());
	execFileSync(program, args, { stdio: 'ignore' });
	for (;;) {
		// What has changed meanwhile is told after this look
		const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
		if (pid > 0) {
			t.after(() => process.kill(pid));
			watcher.close();
			return socket;
		}
		await once(watcher, 'change');
	}
}

/** The image at `path`, as QEMU exports it. Any number of clients may come and go. */
export function startQemuNbd(t: TestContext, path: string, ...options: string[]): Promise<string> {
	return startDaemon(t, (socket, pidFile) => ['qemu-nbd', '--fork', '--pid-file', pidFile, '--persistent', '--shared=0', '--socket', socket, ...options, path]);
}

export function startNbdkit(t: TestContext, ...options: string[]): Promise<string> {
	return startDaemon(t, (socket, pidFile) => ['nbdkit', '--pidfile', pidFile, '--unix', socket, ...options]);
}

export const nbdinfo = (address: NbdAddress, ...options: string[]): string =>
	execFileSync('nbdinfo', [...options, formatNbdUri(address)], { encoding: 'utf8' });
