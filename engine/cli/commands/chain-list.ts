import type { Command } from 'commander';
import type { Chain, Point } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatSize, formatTable, formatTime, isoTime, originMarks, printable } from '../format.ts';
import { chainJson } from '../json.ts';
import { noteUnread, ofJob } from '../lookup.ts';
import { withExample } from './group.ts';

export function addChainList(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('list')
			.description('List chains with their backup files, and what retention removes next.')
			.option('--job <name>', 'only those of this job, even if it was removed'),
		'chain list --job Web',
	);
	command.action((options: { job?: string }) =>
		line.read(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const chains = await ofJob(engine, await engine.chains.list.query({}), options.job);
			const points = new Map((await engine.points.list.query({})).map((point) => [point.id, point]));
			const now = surroundings.clock.now();
			output.result(
				() => ({ chains: chains.map(chainJson) }),
				() =>
					chains.length === 0
						? ['No chains.']
						: chains.flatMap(({ id, job, origin, object, repository, method, isCurrent, adHoc, files }, index) => [
								...(index > 0 ? [''] : []),
								`${id}  ${printable(`${job}${originMarks[origin]} · ${object} · ${repository}`)} · ${adHoc ? adHocWords(adHoc) : method}${isCurrent ? ' · current' : ''}`,
								...formatTable(
									files,
									[
										{ title: 'File', value: ({ path }) => path },
										{ title: 'Kind', value: ({ kind }) => kind },
										{ title: 'Size', value: ({ sizeBytes }) => formatSize(sizeBytes), alignRight: true },
										{ title: 'Created', value: ({ createdAt }) => formatTime(createdAt, now) },
										{ title: 'Points', value: ({ pointIds }) => String(pointIds.length), alignRight: true },
										{ title: 'Retention', value: (file) => fateOf(file, points) },
										{ title: 'Problem', value: ({ problem }) => problem ?? '' },
									],
									'No files.',
								).map((text) => `  ${text}`),
							]),
			);
			await noteUnread(engine, output);
			return undefined;
		}),
	);
}

const adHocWords = ({ keepUntil }: NonNullable<Chain['adHoc']>): string =>
	keepUntil === null ? 'ad-hoc full, kept until removed by hand' : `ad-hoc full, kept until ${isoTime(keepUntil).slice(0, 16)}`;

/** What retention does with a file at the next run that succeeds, or why it keeps an archive. */
function fateOf({ expires, pointIds }: Chain['files'][number], points: ReadonlyMap<string, Point>): string {
	if (expires) return 'goes at the next run';
	const own = pointIds.flatMap((id) => points.get(id) ?? []);
	const flags = [...new Set(own.flatMap(({ gfs }) => gfs))];
	if (flags.length > 0) return `kept ${flags.join(', ')}`;
	return own.length > 0 && own.every((point) => point.expires) ? 'its point goes at the next run' : '';
}
