import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import type { StorageReport } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { exitCode } from '../exit-code.ts';
import { printable } from '../format.ts';
import { errorJson, repositoryJson } from '../json.ts';
import { findRepository } from '../lookup.ts';
import { waitForOthers, watchSession } from '../watch.ts';
import { reportCheck } from './check-report.ts';
import { withExample } from './group.ts';
import { repositoryLines } from './repository-show.ts';

export function addRepositoryCheck(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('check')
			.description('Try a repository out and read its folder again. With --read-data, what is stored is verified, too.')
			.argument('<NAME>', 'name or id')
			.option('--read-data [share]', 'read stored data back and verify it: what is "due" by the rotation, or "all" (the default)')
			.option('--storage', 'try out each promise that backups rest on, with a few small files, and say which one is broken'),
		'repository check Main',
		'repository check Main --storage',
		'repository check Main --read-data',
	);
	command.action((name: string, { storage, readData }: { storage?: boolean; readData?: string | true }) =>
		line.run(command, async (context) => {
			const { client, output } = context;
			if (readData !== undefined && readData !== true && readData !== 'all' && readData !== 'due')
				throw new EngineError('usage.invalid', `--read-data: “${readData}” is neither "due" nor "all".`, { data: { field: '--read-data' } });
			const engine = await client();
			const { id, settings } = await findRepository(engine, name);
			if (readData !== undefined) {
				const code = await reportCheck(context, await watchSession(context, () => engine.repositories.check.mutate({ id, isWhole: readData !== 'due' })));
				await waitForOthers(context);
				return code;
			}
			if (storage) {
				const report = await engine.repositories.checkStorage.mutate({ id });
				const broken = report.promises.flatMap(({ error }) => error ?? []);
				output.result(
					() => ({
						storage: {
							repository: settings.name,
							path: settings.path,
							promises: report.promises.map(({ promise, error }) => ({ promise, kept: error === null, error: error && errorJson(error) })),
						},
						...(broken[0] && { error: errorJson(broken[0]) }),
					}),
					() => storageLines(settings, report),
				);
				for (const hint of new Set(broken.flatMap((error) => error.hint ?? []))) output.note(hint);
				return broken.length === 0 ? exitCode.success : exitCode.failed;
			}
			const repository = await engine.repositories.rescan.mutate({ id });
			const { problem } = repository;
			output.result(
				() => ({ repository: repositoryJson(repository), ...(problem && { error: errorJson(problem) }) }),
				() => repositoryLines(repository),
			);
			if (problem?.hint) output.note(problem.hint);
			return problem === null ? exitCode.success : exitCode.failed;
		}),
	);
}

function storageLines({ name, path }: { readonly name: string; readonly path: string }, { promises }: StorageReport): string[] {
	const kept = promises.filter(({ error }) => error === null).length;
	return [
		...promises.flatMap(({ promise, error }) => [
			`${error === null ? 'kept   ' : 'BROKEN '} ${promise}`,
			...(error === null ? [] : [`         ${printable(error.message)} [${error.code}]`]),
		]),
		'',
		kept === promises.length
			? `“${name}” (${printable(path)}) keeps all ${kept} promises.`
			: `“${name}” (${printable(path)}) keeps ${kept} of ${promises.length} promises.`,
	];
}
