import type { Command } from 'commander';
import type { ImportedChain, ImportProblem, ImportReport, Repository } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { formatCount, formatSize, formatTable, formatTime, isoTimeOrNull, originMarks, printable } from '../format.ts';
import { findRepository } from '../lookup.ts';
import { withExample } from './group.ts';

export function addRepositoryImport(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('import')
			.description(
				'Find chains of other installations, or of jobs that are gone: their points can then be restored with no job. Makes lost or damaged .hbm files anew. Nothing is removed.',
			)
			.argument('<NAME>', 'name or id')
			.option('--finish', 'also put right what died sessions left; only when no other installation works in the repository any more'),
		'repository import Main',
	);
	command.action((name: string, { finish = false }: { finish?: boolean }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const repository = await findRepository(engine, name);
			const report = await engine.repositories.import.mutate({ id: repository.id, finish });
			output.result(
				() => ({ import: importJson(repository, report) }),
				() => importLines(repository, report, surroundings.clock.now()),
			);
			return importExitCode(report);
		}),
	);
}

/** What could not be used is worth a look, and no failure. */
export const importExitCode = ({ problems }: ImportReport): ExitCode => (problems.length > 0 ? exitCode.warnings : exitCode.success);

export const importJson = ({ settings }: Repository, { chains, problems }: ImportReport) => ({
	repository: settings.name,
	chains: chains.map(({ oldestAt, newestAt, ...chain }) => ({ ...chain, oldestAt: isoTimeOrNull(oldestAt), newestAt: isoTimeOrNull(newestAt) })),
	problems,
});

export function importLines({ settings }: Repository, { chains, problems }: ImportReport, nowMs: number): string[] {
	const points = chains.reduce((sum, { restorableCount }) => sum + restorableCount, 0);
	const jobs = new Set(chains.map(({ originJobId }) => originJobId)).size;
	/** Lost metadata of the installation's own jobs is made anew, too. */
	const foreign = chains.filter(({ origin }) => origin !== 'job');
	const whose = foreign.length === chains.length ? ' that this installation does not run' : '';
	const found =
		chains.length === 0
			? [`"${settings.name}" holds no chains of other installations or of jobs that are gone.`]
			: [
					`"${settings.name}" holds ${formatCount(chains.length, 'chain')} of ${formatCount(jobs, 'job')}${whose}, with ${formatCount(points, 'restore point')} that can be restored now:`,
					'',
					...formatTable(
						chains,
						[
							{ title: 'Job', value: ({ job, origin }) => `${job}${originMarks[origin]}` },
							{ title: 'Object', value: ({ object }) => object },
							{ title: 'Points', value: pointsOf, alignRight: true },
							{ title: 'Newest', value: ({ newestAt }) => formatTime(newestAt, nowMs) },
							{ title: 'Size', value: ({ sizeBytes }) => formatSize(sizeBytes), alignRight: true },
							{ title: 'Chain', value: ({ id }) => id },
							{ title: 'State', value: stateOf },
						],
						'',
					),
				];
	const isUnfinished = chains.some((chain) => chain.isUnfinished);
	return [
		...found,
		...(problems.length === 0 ? [] : ['', `Could not be used (${problems.length}):`, ...problems.flatMap(problemLines)]),
		...(isUnfinished
			? [
					'',
					'Unfinished: a session of that job runs now, or died. If no other installation works here any more, repeat with --finish to take its last point in.',
				]
			: []),
		...(foreign.length === 0 ? [] : ['', 'Restore with "restore files", or let a job go on with a chain: "job map NAME --chain CHAIN".']),
	];
}

const pointsOf = ({ pointCount, restorableCount }: ImportedChain): string =>
	restorableCount === pointCount ? String(pointCount) : `${restorableCount} of ${pointCount}`;

const stateWords: Readonly<Record<ImportedChain['state'], string>> = { listed: '', rebuilt: '.hbm made anew', finished: 'put right' };
const stateOf = ({ state, isUnfinished, isAdHoc }: ImportedChain): string =>
	[isAdHoc ? 'ad-hoc full' : '', stateWords[state], isUnfinished ? 'unfinished' : ''].filter(Boolean).join(', ');

const problemLines = ({ reason, message, hint }: ImportProblem): string[] => [
	`  ${reason}: ${printable(message)}`,
	...(hint ? [`    ${printable(hint)}`] : []),
];
