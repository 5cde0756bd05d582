import { fork } from 'node:child_process';
import { z } from 'zod';
import { EngineError } from '../base/index.ts';
import { errorShape } from '../contract/index.ts';
import type { CommandContext } from './command-line.ts';

/** What a process in the background says once its session runs and its engine can be reached. */
const announcement = z.object({ sessionId: z.string() });
export type Announcement = z.infer<typeof announcement>;

/**
 * Goes on with a command in a process of its own, for a caller who does not want to wait where no server could do the
 * work: an engine in this process would end with it. Resolves with the session once it has begun there; that engine
 * serves others until it ends, so that the session can be followed and cancelled.
 */
export async function startInBackground(context: CommandContext, args: readonly string[]): Promise<string> {
	await context.disconnect(); // the data folder is for the other process now
	const child = fork(context.surroundings.program, ['--data', context.dataFolder, '--json', ...args], {
		detached: true,
		stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
	});
	let document = '';
	child.stdout?.setEncoding('utf8').on('data', (text: string) => {
		document += text;
	});
	const sessionId = await new Promise<string | undefined>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', () => resolve(undefined));
		child.on('message', (message) => {
			const parsed = announcement.safeParse(message);
			if (parsed.success) resolve(parsed.data.sessionId);
		});
	});
	if (sessionId === undefined) throw EngineError.from(readProblem(document));
	child.disconnect();
	child.stdout?.destroy();
	child.unref();
	return sessionId;
}

function readProblem(document: string) {
	try {
		const { error } = JSON.parse(document);
		return errorShape.parse({ ...error, hint: error.hint ?? undefined });
	} catch {
		return { code: 'internal', message: 'The process in the background ended before the session began.' } as const;
	}
}
