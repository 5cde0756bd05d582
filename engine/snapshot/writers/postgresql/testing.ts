/** For tests only: real clusters in folders of their own, reached through sockets of their own. */
import { execFile, spawn } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const installed = '/usr/lib/postgresql';
/** Servers refuse to run as root. */
const user = 'postgres';

const binary = (name: string): string => join(installed, readdirSync(installed).toSorted((a, b) => Number(b) - Number(a))[0] ?? '', 'bin', name);
const runAs = (name: string, args: readonly string[]): Promise<{ stdout: string }> => run('runuser', ['-u', user, '--', binary(name), ...args]);

/** Gives a folder to the user that servers run as. */
export async function giveToServer(folder: string): Promise<void> {
	const { stdout } = await run('id', ['-u', user]);
	chownSync(folder, Number(stdout), Number((await run('id', ['-g', user])).stdout));
}

export class TestCluster implements AsyncDisposable {
	readonly dataDirectory: string;
	/** Folder of the socket. */
	readonly socket: string;

	private constructor(dataDirectory: string, socket: string) {
		this.dataDirectory = dataDirectory;
		this.socket = socket;
	}

	/** @param folder of the server's user, or missing; every folder above may be entered by all */
	static async create(folder: string, socket: string): Promise<TestCluster> {
		await runAs('initdb', ['--pgdata', folder, '--auth=trust', '--no-sync', '--no-instructions']);
		return TestCluster.start(folder, socket);
	}

	/** Starts a server from a folder that is there. @throws when it does not come up */
	static async start(folder: string, socket: string): Promise<TestCluster> {
		mkdirSync(socket, { recursive: true });
		await giveToServer(socket);
		const settings = `-c listen_addresses= -c unix_socket_directories=${socket} -c max_wal_size=64MB -c min_wal_size=32MB -c shared_buffers=16MB`;
		// The server keeps the output open: it would hold up whoever waits for its end.
		await runAs('pg_ctl', ['--pgdata', folder, '--log', join(socket, 'log'), '--options', settings, '--wait', 'start']);
		return new TestCluster(folder, socket);
	}

	/** One statement. @returns rows, one per line, fields between | */
	async ask(statement: string): Promise<string> {
		const { stdout } = await run('psql', ['-h', this.socket, '-U', user, '--no-psqlrc', '-qtAc', statement, 'postgres']);
		return stdout.trim();
	}

	async run(name: string, args: readonly string[]): Promise<void> {
		await run(binary(name), ['-h', this.socket, '-U', user, ...args]);
	}

	/** Transfers between accounts until it is disposed. The sum over all accounts, tellers, branches and the history is the same at each commit. */
	load(): AsyncDisposable {
		const child = spawn(binary('pgbench'), ['-h', this.socket, '-U', user, '-c', '4', '-T', '300', '-n', 'postgres'], { stdio: 'ignore' });
		const ended = new Promise((resolve) => child.once('close', resolve));
		return {
			async [Symbol.asyncDispose]() {
				child.kill('SIGINT');
				await ended;
			},
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await runAs('pg_ctl', ['--pgdata', this.dataDirectory, '--mode', 'immediate', '--wait', 'stop']);
	}
}

/** As a restore would leave it: all of it belongs to the server's user. */
export async function giveAll(folder: string): Promise<void> {
	await run('chown', ['-R', `${user}:`, folder]);
}
