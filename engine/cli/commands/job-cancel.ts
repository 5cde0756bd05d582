import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import type { CommandLine } from '../command-line.ts';
import { sessionJson } from '../json.ts';
import { findJob } from '../lookup.ts';
import { withExample } from './group.ts';

export function addJobCancel(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('cancel').description('Cancel the running session of a job. Nothing of it stays in the repository.').argument('<NAME>', 'name or id'),
		'job cancel Web',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const { id, activeSessionId, settings } = await findJob(engine, name);
			if (activeSessionId === null) {
				throw new EngineError('not-found.session', `Job "${settings.name}" is not running.`, { hint: 'See "holdfast session list" for what ran.' });
			}
			// Asked before, since the engine may be a command's own, which ends with its session.
			const session = await engine.sessions.get.query({ id: activeSessionId });
			await engine.jobs.cancel.mutate({ id });
			output.result(
				() => ({ session: { ...sessionJson(session, surroundings.clock.now()), state: 'cancelling' } }),
				() => [`Session ${activeSessionId} of job "${settings.name}" is being cancelled.`],
			);
			return undefined;
		}),
	);
}
