/** The process of the command line: where it is given its engine and what surrounds it. */
import packageJson from '../../package.json' with { type: 'json' };
import { endIdleThreads, systemClock } from '../base/index.ts';
import type { ExitCode } from './exit-code.ts';
import { runCommandLine } from './main.ts';

export type ProgramFiles = {
	/** The file that starts the program, for a process of its own in the background. */
	readonly program: string;
	/** The built console. */
	readonly rendererFolder: string;
};

export async function runProgram(args: readonly string[], files: ProgramFiles): Promise<ExitCode> {
	for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined); // whoever read it has read enough
	await using stack = new AsyncDisposableStack();
	stack.defer(endIdleThreads);
	return await runCommandLine(
		args,
		{
			...files,
			stdout: process.stdout,
			stderr: process.stderr,
			environment: process.env,
			workingFolder: process.cwd(),
			clock: systemClock,
			announce: (message) => process.send?.(message),
			openEngine: async ({ isForBackup, dataFolder, ...options }) => {
				// before anything is loaded: where a server holds the folder, the engine is there already
				const { openDataFolder, openPlatform } = await import('../platform/index.ts');
				await using stack = new AsyncDisposableStack();
				const folder = stack.use(await openDataFolder(dataFolder, openPlatform().locks, systemClock.now()));
				if (isForBackup) (await import('../mover/index.ts')).prepareBackUp(); // loads beside the engine
				const { openEngine } = await import('../engine.ts');
				stack.move(); // it is the engine's from here on
				return await openEngine({ ...options, dataFolder: folder });
			},
		},
		packageJson.version,
	);
}
