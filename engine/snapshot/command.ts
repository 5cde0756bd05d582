/** Runs a program of the system: what providers and writers are made of that have no better way. */
import { spawn } from 'node:child_process';
import { EngineError, systemErrorCode } from '../base/index.ts';

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };
export type CommandOptions = {
	readonly signal: AbortSignal;
	/** Written to its standard input. */
	readonly input?: string;
	readonly env?: Readonly<Record<string, string>>;
};

/** Rejects with `snapshot.unsupported` where the program is missing, and with the signal's reason when that aborts; any exit code is a result. */
export type RunCommand = (program: string, args: readonly string[], options: CommandOptions) => Promise<CommandResult>;

/** More than this is not read: no program that is called here says more when all is well. */
const maxOutput = 4 * 1024 * 1024;

/** Messages of programs are read by people only, but numbers by us: in one language. */
const plainLocale = { LC_ALL: 'C.UTF-8' };

export const runCommand: RunCommand = (program, args, { signal, input, env }) =>
	new Promise((resolve, reject) => {
		signal.throwIfAborted();
		// a group of its own: what a script started is ended with it
		const child = spawn(program, args, {
			env: { ...process.env, ...plainLocale, ...env },
			stdio: 'pipe',
			detached: process.platform !== 'win32',
			windowsHide: true,
		});
		const output = { stdout: '', stderr: '' };
		for (const stream of ['stdout', 'stderr'] as const)
			child[stream].setEncoding('utf8').on('data', (text: string) => {
				if (output[stream].length < maxOutput) output[stream] += text;
			});
		const kill = (): void => {
			try {
				if (child.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, 'SIGKILL');
				else child.kill('SIGKILL');
			} catch {
				// It has ended by itself.
			}
			reject(signal.reason);
		};
		signal.addEventListener('abort', kill, { once: true });
		child.stdin.on('error', () => undefined); // it ended without having read everything: its exit code says how
		child.stdin.end(input ?? '');
		child.on('error', (error) => {
			signal.removeEventListener('abort', kill);
			const isMissing = systemErrorCode(error) === 'ENOENT';
			reject(
				new EngineError(
					isMissing ? 'snapshot.unsupported' : 'snapshot.failed',
					isMissing ? `${program} is not installed.` : `${program} could not be started.`,
					{
						hint: isMissing ? 'Install the package that brings it.' : undefined,
						cause: error,
					},
				),
			);
		});
		child.on('close', (code, killedBy) => {
			signal.removeEventListener('abort', kill);
			resolve({ code: code ?? (killedBy ? 128 : 1), ...output });
		});
	});

/** Standard output of a program that must end with 0. @throws `snapshot.failed` with what it said */
export async function mustRun(run: RunCommand, program: string, args: readonly string[], options: CommandOptions): Promise<string> {
	const { code, stdout, stderr } = await run(program, args, options);
	if (code === 0) return stdout;
	throw new EngineError('snapshot.failed', `${program} ${args[0] ?? ''} failed (${code}): ${(stderr || stdout).trim().slice(0, 500) || 'it did not say why'}`, {
		data: { program, code },
	});
}
