/** For tests only: a real ssh server that lets root in with one key. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { findTool, requireTool } from '../../base/testing.ts';
import { afterwards, isRootOnLinux, temporaryFolder } from '../../platform/testbed.ts';

export type SshServer = {
	readonly folder: string;
	readonly port: number;
	/** Of the account, and the public ones of account and host. */
	readonly key: string;
	readonly publicKey: string;
	readonly hostKey: string;
};

async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	server.close();
	await once(server, 'close');
	return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Null: the test is skipped. @param where it listens: an address, and what runs programs on the machine that has it */
export async function startSshServer(
	t: TestContext,
	{ address = '127.0.0.1', command = [] }: { readonly address?: string; readonly command?: readonly string[] } = {},
): Promise<SshServer | null> {
	if (!isRootOnLinux(t) || !requireTool(t, 'sshd', 'ssh', 'ssh-keygen')) return null;
	const folder = temporaryFolder(t, 'ssh');
	for (const name of ['host', 'key']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
	const [publicKey, hostKey] = ['key.pub', 'host.pub'].map((name) => readFileSync(join(folder, name), 'utf8')) as [string, string];
	const port = await freePort();
	const authorized = join(folder, 'authorized');
	writeFileSync(authorized, publicKey);
	mkdirSync('/run/sshd', { recursive: true });
	const options = [
		'UsePAM=no',
		'StrictModes=no',
		'PasswordAuthentication=no',
		`AuthorizedKeysFile=${authorized}`,
		`HostKey=${join(folder, 'host')}`,
		'PidFile=none',
	];
	const config = ['-f', '/dev/null', '-p', String(port), '-o', `ListenAddress=${address}`, ...options.flatMap((option) => ['-o', option])];
	const [program = '', ...given] = [...command, findTool('sshd') ?? 'sshd', '-D', '-e', ...config];
	const server = spawn(program, given, { stdio: ['ignore', 'ignore', 'pipe'] });
	afterwards(t, () => void server.kill('SIGTERM'));
	await new Promise<void>((resolve, reject) => {
		server.stderr.on('data', (piece) => {
			if (String(piece).includes('listening')) resolve();
		});
		server.once('exit', (code) => reject(new Error(`sshd did not start (${code})`)));
	});
	return { folder, port, key: join(folder, 'key'), publicKey, hostKey };
}
