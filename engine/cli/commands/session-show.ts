import type { Command } from 'commander';
import type { LogEntry } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import type { Client } from '../connection.ts';
import { isoTime, printable } from '../format.ts';
import { sessionJson } from '../json.ts';
import { sessionLines } from '../watch.ts';
import { withExample } from './group.ts';

export function addSessionShow(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('show').description('Show a session with its log.').argument('<ID>', 'id of the session'),
		'session show 1jq2w3e4r5t6y7u8',
	);
	command.action((id: string) =>
		line.read(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const session = await engine.sessions.get.query({ id });
			const log = await readLog(engine, id);
			const now = surroundings.clock.now();
			output.result(
				() => ({ session: { ...sessionJson(session, now), log: log.map(({ at, ...entry }) => ({ ...entry, at: isoTime(at) })) } }),
				() => [...sessionLines(session, now), '', 'Log:', ...log.map(logLine)],
			);
			return undefined;
		}),
	);
}

const logLine = ({ at, severity, message, path }: LogEntry): string =>
	`  ${isoTime(at).slice(0, 19).replace('T', ' ')}  ${severity === 'info' ? '' : `${severity}: `}${printable(path === null || message.includes(path) ? message : `${path}: ${message}`)}`;

const pageSize = 5000;

async function readLog(client: Client, id: string): Promise<LogEntry[]> {
	const log: LogEntry[] = [];
	for (;;) {
		const page = await client.sessions.log.query({ id, afterSeq: log.at(-1)?.seq ?? 0, limit: pageSize });
		log.push(...page);
		if (page.length < pageSize) return log;
	}
}
