import { ActionIcon, Checkbox, CopyButton, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTRPC } from '../../../client.ts';
import { Facts, plural } from '../../../ui/index.ts';
import { encryptionText } from '../../keys/index.ts';
import { blockSizeWords, compressionWords, consistencyText, methodText, readerText, renewalText, retentionText, sourcesText } from '../job-words.ts';
import { describeSchedule } from '../schedule-words.ts';
import { commandLine } from './command-line.ts';
import { type StepId, stepTitles } from './draft.ts';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

export function StepSummary({
	draft,
	problems,
	editedName,
	runNow,
	onRunNow,
	onStep,
	encryption,
}: StepProps & {
	readonly editedName: string | null;
	readonly runNow: boolean;
	readonly onRunNow: (run: boolean) => void;
	readonly onStep: (step: StepId) => void;
}): ReactNode {
	const trpc = useTRPC();
	const repositories = useQuery(trpc.repositories.list.queryOptions());
	const info = useQuery(trpc.system.info.queryOptions());
	const repository = repositories.data?.find(({ id }) => id === draft.repositoryId);
	const repositoryName = repository?.settings.name ?? '';
	const machines = useQuery(trpc.machines.list.queryOptions(undefined, { enabled: draft.machineId !== null || draft.proxyId !== null }));
	const nameOf = (machineId: string | null): string | null => machines.data?.find(({ id }) => id === machineId)?.settings.name ?? machineId;
	const [machineName, proxyName] = [nameOf(draft.machineId), nameOf(draft.proxyId)];
	const command = commandLine({
		draft,
		makesKey: encryption.mode === 'new',
		repositoryName,
		machineName,
		proxyName,
		serverTimeZone: info.data?.timeZone ?? '',
		editedName,
	});
	const change = (step: StepId): ReactNode => (
		<button type="button" className={classes.changeLink} onClick={() => onStep(step)} aria-label={`Change ${stepTitles[step]}`}>
			Change
		</button>
	);
	const warnings = Object.values(problems?.warnings ?? {});
	return (
		<div className={classes.form} data-wide>
			<div className={classes.summary}>
				<Facts
					rows={[
						[
							'Name',
							<>
								{draft.name} {change('name')}
							</>,
						],
						[
							'What',
							<>
								{sourcesText(draft.sources)}
								{machineName === null ? '' : ` on ${machineName}`}
								{draft.exclude.length > 0 ? `, without ${draft.exclude.join(', ')}` : ''} {change('what')}
							</>,
						],
						[
							'Where',
							<>
								{repositoryName}, compression {compressionWords[draft.compression].toLowerCase()}, blocks of {blockSizeWords[draft.blockSize]} {change('where')}
							</>,
						],
						[
							'Chain',
							<>
								{methodText(draft)}. {renewalText(draft)}. Keeps {retentionText(draft)} {change('chain')}
							</>,
						],
						[
							'Encryption',
							<>
								{encryptionText(encryption, repository?.settings.encryptionKeyId)} {change('chain')}
							</>,
						],
						[
							'Consistency',
							<>
								{consistencyText(draft)}
								{draft.mode === 'off-host' ? `; ${readerText(proxyName)}` : ''} {change('consistency')}
							</>,
						],
						[
							'Schedule',
							<>
								{describeSchedule(draft.schedule)}
								{draft.schedule && draft.retryCount > 0 ? `, ${plural(draft.retryCount, 'retry', 'retries')} after a failure` : ''} {change('schedule')}
							</>,
						],
					]}
				/>
			</div>
			{warnings.length > 0 && (
				<ul className={classes.warnings}>
					{warnings.map((warning) => (
						<li key={warning}>{warning}</li>
					))}
				</ul>
			)}
			<section aria-label="The same on the command line">
				<h3>The same on the command line</h3>
				<div className={classes.command}>
					<pre>
						{command.map((part, i) => (
							<span key={part}>
								{i > 0 ? '  ' : ''}
								{part}
								{i < command.length - 1 ? ' \\\n' : ''}
							</span>
						))}
					</pre>
					<CopyButton value={command.join(' ')}>
						{({ copied, copy }) => (
							<Tooltip label={copied ? 'Copied' : 'Copy'}>
								<ActionIcon variant="subtle" color="gray" onClick={copy} aria-label="Copy the command line">
									{copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
								</ActionIcon>
							</Tooltip>
						)}
					</CopyButton>
				</div>
			</section>
			<Checkbox label="Run it now" checked={runNow} onChange={(event) => onRunNow(event.currentTarget.checked)} />
		</div>
	);
}
