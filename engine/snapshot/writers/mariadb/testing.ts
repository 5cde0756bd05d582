/** For tests only: a real server in a folder of its own, reached through a socket of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Connection, createConnection } from 'mysql2/promise';

const run = promisify(execFile);

export class TestServer implements AsyncDisposable {
	readonly socketPath: string;
	readonly #child: ChildProcess;

	private constructor(socketPath: string, child: ChildProcess) {
		this.socketPath = socketPath;
		this.#child = child;
	}

	static async create(data: string): Promise<void> {
		await run('mariadb-install-db', ['--no-defaults', '--user=root', '--auth-root-authentication-method=normal', '--skip-test-db', `--datadir=${data}`]);
	}

	/** @param socketPath at most 107 bytes */
	static async start(data: string, socketPath: string): Promise<TestServer> {
		const options = ['--no-defaults', '--user=root', '--skip-networking', '--innodb-buffer-pool-size=16M', '--log-bin=binary', '--innodb-log-file-size=8M'];
		const child = spawn('mariadbd', [...options, `--datadir=${data}`, `--socket=${socketPath}`, `--pid-file=${socketPath}.pid`], {
			stdio: ['ignore', 'ignore', 'pipe'],
		});
		let errors = '';
		child.stderr.on('data', (piece) => {
			errors += piece;
		});
		const server = new TestServer(socketPath, child);
		for (;;) {
			if (child.exitCode !== null) throw new Error(`mariadbd did not start: ${errors.slice(-2000)}`);
			const connection = await server.connect().catch(() => undefined);
			await connection?.end();
			if (connection) return server;
			await sleep(50);
		}
	}

	connect(database?: string): Promise<Connection> {
		return createConnection({ socketPath: this.socketPath, user: 'root', ...(database ? { database } : {}) });
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#child.exitCode !== null) return;
		const ended = new Promise((resolve) => this.#child.once('close', resolve));
		this.#child.kill('SIGTERM');
		await ended;
	}
}
