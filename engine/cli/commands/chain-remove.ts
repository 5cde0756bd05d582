import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import type { Chain, Point } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatCount, formatSize, isoTime, printable } from '../format.ts';
import { type ChainOptions, chainReference, ofRepository } from './chain-reference.ts';
import { withExample } from './group.ts';

export function addChainRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('remove')
			.description('Delete a chain with all its restore points. Says what will be lost, and does it only with --yes.')
			.argument('<CHAIN>', 'id of the chain')
			.option(...ofRepository)
			.option('--yes', 'delete it'),
		'chain remove 1jq2w3e4r5t6y7u8',
		'chain remove 1jq2w3e4r5t6y7u8 --yes',
	);
	command.action((id: string, { repository, yes }: ChainOptions & { yes?: boolean }) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const reference = await chainReference(engine, id, repository);
			const found = (await engine.chains.list.query({})).filter(
				(each) => each.id === id && (reference.repositoryId ?? each.repositoryId) === each.repositoryId,
			);
			const [chain] = found;
			if (chain === undefined) throw new EngineError('not-found.chain', `There is no chain ${id}.`, { hint: 'List the chains with "holdfast chain list".' });
			if (found.length > 1)
				throw new EngineError('usage.invalid', `The chain ${id} lies in ${found.map((each) => `"${each.repository}"`).join(' and ')}.`, {
					hint: 'Name the repository that is meant with --repository.',
				});
			const losses = lossesOf(chain, await engine.points.list.query({}));
			const pointCount = chain.files.reduce((sum, { pointIds }) => sum + pointIds.length, 0);
			if (!yes)
				throw new EngineError('usage.invalid', `${losses.join(' ')} Nothing was deleted.`, {
					hint: 'Repeat the command with --yes to delete the chain.',
					data: { field: '--yes', pointCount },
				});
			const removed = await engine.chains.remove.mutate({ ...reference, pointCount });
			output.result(
				() => ({ removed: { chain: id, ...removed } }),
				() => [`Removed ${formatCount(removed.pointCount, 'restore point')} of ${printable(chain.object)}; ${formatSize(removed.freedBytes)} are free.`],
			);
			return undefined;
		}),
	);
}

function lossesOf(chain: Chain, points: readonly Point[]): string[] {
	const lost = points.filter((point) => point.chainId === chain.id && point.repositoryId === chain.repositoryId);
	const size = formatSize(chain.files.reduce((sum, file) => sum + file.sizeBytes, 0));
	const times = lost.map(({ createdAt }) => createdAt).sort((a, b) => a - b);
	const [first, last] = [times[0], times.at(-1)];
	const span =
		first === undefined || last === undefined
			? ''
			: first === last
				? `, of ${isoTime(first).slice(0, 16)}`
				: `, of ${isoTime(first).slice(0, 16)} to ${isoTime(last).slice(0, 16)}`;
	const lines = [`${formatCount(lost.length, 'restore point')} of ${printable(`${chain.job}/${chain.object}`)} (${size}${span}) will be lost.`];
	const kept = points.filter((point) => point.restorable && !lost.includes(point));
	for (const object of new Set(lost.map((point) => point.object)))
		if (!kept.some((point) => point.originJobId === chain.originJobId && point.object === object))
			lines.push(`No other restore point of ${printable(object)} is left then.`);
	if (chain.isCurrent) lines.push('The job goes on with it now: its next run begins a new chain with a full.');
	if (chain.origin === 'elsewhere') lines.push('It was made by another installation: make sure that none uses it any more.');
	return lines;
}
