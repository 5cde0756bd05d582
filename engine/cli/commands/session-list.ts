import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { formatDuration, formatSize, formatTable, formatTime } from '../format.ts';
import { sessionItemJson } from '../json.ts';
import { findJob } from '../lookup.ts';
import { stateWords } from '../output.ts';
import { parseCount } from '../parse.ts';
import { withExample } from './group.ts';

export function addSessionList(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('list')
			.description('List what ran, newest first.')
			.option('--job <name>', 'only sessions of this job')
			.option('--limit <n>', 'at most so many', '50'),
		'session list --job Web --limit 10',
	);
	command.action((options: { job?: string; limit: string }) =>
		line.read(command, async ({ client, output, surroundings }) => {
			const limit = parseCount('--limit', options.limit, { min: 1, max: 1000 });
			const engine = await client();
			const jobId = options.job === undefined ? undefined : (await findJob(engine, options.job)).id;
			const { sessions, total } = await engine.sessions.list.query({ jobId, limit });
			const now = surroundings.clock.now();
			output.result(
				() => ({ total, sessions: sessions.map((session) => sessionItemJson(session, now)) }),
				() =>
					formatTable(
						sessions,
						[
							{ title: 'Id', value: ({ id }) => id },
							{ title: 'Kind', value: ({ kind }) => kind },
							{ title: 'Of', value: ({ title }) => title },
							{ title: 'Result', value: ({ state }) => stateWords[state] },
							{ title: 'Started', value: ({ startedAt, queuedAt }) => formatTime(startedAt ?? queuedAt, now) },
							{ title: 'Took', value: ({ startedAt, endedAt }) => (startedAt === null ? '–' : formatDuration((endedAt ?? now) - startedAt)), alignRight: true },
							{ title: 'Read', value: ({ counters }) => formatSize(counters.readBytes), alignRight: true },
							{ title: 'Stored', value: ({ counters }) => formatSize(counters.storedBytes), alignRight: true },
						],
						'Nothing has run yet.',
					),
			);
			return undefined;
		}),
	);
}
