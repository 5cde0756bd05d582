/** For tests only: servers that others have written, and a server that repeats what another one said. */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { isZero } from '../../base/index.ts';
import { temporaryFolder } from '../testbed.ts';
import { allocationFlag, baseAllocation, type StatusExtent } from './protocol.ts';
import type { NbdDevice, WritableDevice } from './server/device.ts';
import type { NbdAddress } from './uri.ts';

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

/** The same on a port that the options name. */
export async function startQemuNbdAt(t: TestContext, path: string, ...options: string[]): Promise<void> {
	await startDaemon(t, (_, pidFile) => ['qemu-nbd', '--fork', '--pid-file', pidFile, '--persistent', '--shared=0', ...options, path]);
}

export function startNbdkit(t: TestContext, ...options: string[]): Promise<string> {
	return startDaemon(t, (socket, pidFile) => ['nbdkit', '--pidfile', pidFile, '--unix', socket, ...options]);
}

/** Runs a program that talks to a server in this process. @returns what it wrote to standard output */
export const runBeside = async (program: string, ...args: string[]): Promise<string> => (await promisify(execFile)(program, args, { encoding: 'utf8' })).stdout;

/** A disk in memory that notes what is asked of it. */
export class MemoryDevice implements NbdDevice {
	readonly bytes: Buffer;
	readonly calls: string[] = [];
	readonly writable: WritableDevice | undefined;
	readonly contexts = new Map([[baseAllocation, (offset: number, length: number) => this.#allocation(offset, length)]]);

	constructor(bytes: Buffer, { isReadOnly = false } = {}) {
		this.bytes = bytes;
		this.writable = isReadOnly
			? undefined
			: {
					write: (offset, content) => bytes.set(content, offset),
					zero: (offset, length, { keepRoom }) => {
						this.calls.push(keepRoom ? 'zero' : 'trim');
						bytes.fill(0, offset, offset + length);
					},
					flush: () => void this.calls.push('flush'),
				};
	}

	get sizeBytes(): number {
		return this.bytes.length;
	}

	readSync(target: Uint8Array, offsetBytes: number): void {
		this.bytes.copy(target, 0, offsetBytes, offsetBytes + target.byteLength);
	}

	#allocation(offset: number, length: number): StatusExtent[] {
		const step = 65_536;
		const found: StatusExtent[] = [];
		for (let at = offset; at < offset + length; ) {
			const end = Math.min(at - (at % step) + step, offset + length);
			found.push({ lengthBytes: end - at, flags: isZero(this.bytes.subarray(at, end)) ? allocationFlag.hole | allocationFlag.zero : 0 });
			at = end;
		}
		return found;
	}
}

/** Certificates of a server and of clients, in the file names that libnbd looks for. */
export async function makeCertificates(folder: string): Promise<{ certificate: string; key: string; authority: string }> {
	const at = (name: string): string => join(folder, name);
	const openssl = (...args: string[]): Promise<string> => runBeside('openssl', ...args);
	const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
	await openssl('req', '-x509', ...newKey, '-subj', '/CN=authority', '-days', '2', '-keyout', at('ca-key.pem'), '-out', at('ca-cert.pem'));
	for (const [name, subject] of [
		['server', 'localhost'],
		['client', 'proxy'],
	] as const) {
		await openssl(
			'req',
			...newKey,
			'-subj',
			`/CN=${subject}`,
			'-addext',
			`subjectAltName=DNS:${subject}`,
			'-keyout',
			at(`${name}-key.pem`),
			'-out',
			at(`${name}.csr`),
		);
		const signing = ['-CA', at('ca-cert.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2'];
		await openssl('x509', '-req', '-in', at(`${name}.csr`), ...signing, '-out', at(`${name}-cert.pem`));
	}
	const read = (name: string): string => readFileSync(at(name), 'utf8');
	return { certificate: read('server-cert.pem'), key: read('server-key.pem'), authority: read('ca-cert.pem') };
}
