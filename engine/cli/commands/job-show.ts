import type { Command } from 'commander';
import { gfsFlag, type JobSettings, type JobSummary, type Schedule } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatDuration, formatFields, formatSize, formatTime } from '../format.ts';
import { jobJson } from '../json.ts';
import { findJob } from '../lookup.ts';
import { stateWords } from '../output.ts';
import { withExample } from './group.ts';

export function addJobShow(group: Command, line: CommandLine): void {
	const command = withExample(group.command('show').description('Show settings and state of a job.').argument('<NAME>', 'name or id'), 'job show Web');
	command.action((name: string) =>
		line.read(command, async ({ client, output, surroundings }) => {
			const job = await findJob(await client(), name);
			output.result(
				() => ({ job: jobJson(job) }),
				() => jobLines(job, surroundings.clock.now()),
			);
			return undefined;
		}),
	);
}

const scheduleText = (schedule: Schedule | null, none: string): string => (schedule === null ? none : `${schedule.cron} (${schedule.timeZone})`);

function retentionText({ retainPoints, retainDays, gfs }: JobSettings): string {
	const archive = gfs === null ? [] : gfsFlag.options.filter((flag) => gfs[flag] > 0).map((flag) => `${gfs[flag]} ${flag}`);
	return [
		`${retainPoints} restore ${retainPoints === 1 ? 'point' : 'points'}`,
		...(retainDays === null ? [] : [`all of ${retainDays} days`]),
		...(archive.length === 0 ? [] : [`fulls: ${archive.join(', ')}`]),
	].join('; ');
}

export function jobLines(
	{ settings, repositoryName, machineName, proxyName, lastSession, activeSessionId, lastPointAt, nextRunAt, pointCount, storedBytes }: JobSummary,
	nowMs: number,
): string[] {
	return formatFields([
		['Name', settings.name],
		...(settings.description ? ([['Description', settings.description]] as const) : []),
		...settings.sources.map(({ kind, path }, index) => [index === 0 ? 'Sources' : '', `${kind}:${path}`] as const),
		...(machineName === null ? [] : ([['On', machineName]] as const)),
		...(settings.exclude.length > 0 ? ([['Left out', settings.exclude.join('  ')]] as const) : []),
		[
			'Read from',
			settings.snapshot === 'auto' ? 'the best snapshot of each volume' : settings.snapshot === 'none' ? 'live files' : `snapshots by ${settings.snapshot}`,
		],
		...(settings.mode === 'on-host' ? [] : ([['Read by', `${proxyName ?? 'the proxy with the most room'}, off-host`]] as const)),
		...settings.writers.map((writer, index) => [index === 0 ? 'Applications' : '', writer] as const),
		...settings.guestWriters.map((writer, index) => [index === 0 ? 'In guests' : '', writer] as const),
		...Object.entries(settings.databases).map(([kind, choice], index) => [index === 0 ? 'Databases' : '', `${kind} ${choice}d`] as const),
		...(settings.requireConsistent ? ([['Consistency', 'required']] as const) : []),
		['Repository', repositoryName],
		['Chain', `${settings.method}${settings.differential ? ' (differential)' : ''}, blocks of ${settings.blockSize}, compression ${settings.compression}`],
		...(settings.storeUnused ? ([['Unused blocks', 'stored']] as const) : []),
		...(settings.encryptionKeyId === null ? [] : ([['Encryption', `key ${settings.encryptionKeyId}`]] as const)),
		['Keeps', retentionText(settings)],
		...(settings.method === 'forward' || settings.activeFull !== null
			? ([['Active full', scheduleText(settings.activeFull, settings.syntheticFull === null ? 'when the chain is renewed' : 'by hand')]] as const)
			: []),
		...(settings.syntheticFull === null ? [] : ([['Synthetic full', scheduleText(settings.syntheticFull, '')]] as const)),
		['Schedule', settings.enabled ? scheduleText(settings.schedule, 'by hand') : `disabled (${scheduleText(settings.schedule, 'by hand')})`],
		...(nextRunAt === null ? [] : ([['Next run', formatTime(nextRunAt, nowMs)]] as const)),
		[
			'Last result',
			lastSession === null
				? 'never ran'
				: `${stateWords[lastSession.state]} after ${formatDuration(lastSession.durationMs)}, ${formatTime(lastSession.startedAt, nowMs)}`,
		],
		...(activeSessionId === null ? [] : ([['Running', `session ${activeSessionId}`]] as const)),
		['Points', `${pointCount}, ${formatSize(storedBytes)} stored, newest ${formatTime(lastPointAt, nowMs)}`],
	]);
}
