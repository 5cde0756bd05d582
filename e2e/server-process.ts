/** The backup server as an administrator starts it: its own process, through the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const program = join(root, 'engine', 'cli', 'holdfast.js');
const startTimeoutMs = 30_000;

export interface ServerProcess extends AsyncDisposable {
	/** With the token. */
	readonly url: string;
	readonly address: string;
	/** Asks it to stop, and waits until it has. */
	stop(): Promise<void>;
}

/** Port 0 takes a free one. */
export async function startServerProcess({ dataFolder, port = 0 }: { readonly dataFolder: string; readonly port?: number }): Promise<ServerProcess> {
	const child = spawn(process.execPath, [program, '--data', dataFolder, '--json', 'server', 'start', '--listen', `127.0.0.1:${port}`], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const exited = once(child, 'exit');
	try {
		const { server } = await firstDocument(child);
		return {
			...server,
			stop: async () => {
				child.kill('SIGTERM');
				await exited;
			},
			[Symbol.asyncDispose]: async () => {
				if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
				const impatience = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
				await exited;
				clearTimeout(impatience);
			},
		};
	} catch (error) {
		child.kill('SIGKILL');
		throw error;
	}
}

async function firstDocument(child: ChildProcess): Promise<{ server: { url: string; address: string } }> {
	if (!child.stdout) throw new Error('The server has no output.');
	const signal = AbortSignal.timeout(startTimeoutMs);
	for await (const line of createInterface({ input: child.stdout, signal })) return JSON.parse(line);
	throw new Error('The server ended before it said where it listens.');
}
