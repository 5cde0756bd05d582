import { Button, NumberInput, Radio, Select, Switch } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type BlockSize, type Compression, locationText, type Repository } from '../../../../engine/contract/index.ts';
import { Loaded } from '../../../app/loaded.tsx';
import { Link } from '../../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../../client.ts';
import { ErrorPanel, formatBytes, formatDate, plural, StatusBadge } from '../../../ui/index.ts';
import { blockSizeWords, compressionWords } from '../job-words.ts';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

const options = <T extends string>(words: Record<T, string>): { value: T; label: string }[] =>
	(Object.entries(words) as [T, string][]).map(([value, label]) => ({ value, label }));

export function StepWhere({ draft, change, errors, warnings }: StepProps): ReactNode {
	const trpc = useTRPC();
	const repositories = useQuery(trpc.repositories.list.queryOptions());
	const chosen = repositories.data?.find(({ id }) => id === draft.repositoryId);
	return (
		<div className={classes.form}>
			<Loaded query={repositories}>
				{(all) =>
					all.length === 0 ? (
						<FirstRepository onCreated={({ id }) => change({ repositoryId: id })} />
					) : (
						<Radio.Group
							label="Repository"
							description="Where the backup files of this job lie."
							value={draft.repositoryId}
							onChange={(repositoryId) => change({ repositoryId })}
							error={errors.repositoryId}
							required
						>
							<div className={classes.repositories}>
								{all.map((repository) => (
									<Choice key={repository.id} repository={repository} isChosen={repository.id === draft.repositoryId} />
								))}
							</div>
						</Radio.Group>
					)
				}
			</Loaded>
			{warnings.repositoryId && <div className={classes.warning}>{warnings.repositoryId}</div>}
			<div className={classes.pair}>
				<Select
					label="Compression"
					description="Higher is smaller and slower."
					data={options(compressionWords)}
					value={draft.compression}
					onChange={(value) => value && change({ compression: value as Compression })}
					allowDeselect={false}
				/>
				<Select
					label="Block size"
					description="Unit in which disks are compared and shared."
					data={options(blockSizeWords)}
					value={draft.blockSize}
					onChange={(value) => value && change({ blockSize: value as BlockSize })}
					allowDeselect={false}
				/>
			</div>
			{chosen && chosen.machine !== null && (
				<NumberInput
					label={`Connections to ${chosen.machine}`}
					description="Several get more out of a long way; 1 is enough for a short one."
					min={1}
					max={16}
					value={draft.connections}
					onChange={(value) => change({ connections: Number(value) || 1 })}
					error={errors.connections}
				/>
			)}
			{draft.sources.some(({ kind }) => kind === 'disk') && (
				<Switch
					label="Leave out unused blocks and swap of disks"
					description="What ext4, XFS or NTFS mark free, swap partitions and swap files: they read as zeros after a restore."
					checked={!draft.storeUnused}
					onChange={(event) => change({ storeUnused: !event.currentTarget.checked })}
					error={errors.storeUnused}
				/>
			)}
			<div className={classes.hint}>
				Repositories are made and changed under <Link to="/repositories">Repositories</Link>.
			</div>
		</div>
	);
}

function Choice({ repository, isChosen }: { readonly repository: Repository; readonly isChosen: boolean }): ReactNode {
	const { id, settings, capacityBytes, freeBytes, jobCount, fullAt, state } = repository;
	return (
		<Radio.Card value={id} className={classes.repository ?? ''} data-chosen={isChosen || undefined}>
			<Radio.Indicator size="xs" />
			<span className={classes.repositoryText}>
				<strong>{settings.name}</strong>
				<span>{locationText(repository)}</span>
			</span>
			<span className={classes.repositoryFacts}>
				{state !== 'ready' ? (
					<StatusBadge status={state} />
				) : (
					<>
						<span>{freeBytes === null ? '' : `${formatBytes(freeBytes)} free of ${formatBytes(capacityBytes ?? 0)}`}</span>
						<span>
							{plural(jobCount, 'job')}
							{fullAt === null ? '' : ` · full ${formatDate(fullAt)}`}
						</span>
					</>
				)}
			</span>
		</Radio.Card>
	);
}

/** Nobody should have to leave the wizard to make the first one. */
function FirstRepository({ onCreated }: { readonly onCreated: (repository: Repository) => void }): ReactNode {
	const trpc = useTRPC();
	const suggestion = useQuery(trpc.repositories.suggest.queryOptions());
	const add = useMutation(trpc.repositories.add.mutationOptions({ onSuccess: onCreated }));
	return (
		<div className={classes.first}>
			<strong>There is no repository yet.</strong> A repository is a folder in which backup files lie, best on another disk than what is protected.
			<Loaded query={suggestion} lines={1}>
				{({ path, freeBytes }) => (
					<div>
						<p>
							The most room is on the volume of <code>{path}</code>: {formatBytes(freeBytes)} free.
						</p>
						<Button leftSection={<IconPlus size={15} />} loading={add.isPending} onClick={() => add.mutate({ name: 'Default repository', path })}>
							Make a repository there
						</Button>
					</div>
				)}
			</Loaded>
			{add.error && <ErrorPanel failure={errorShapeOf(add.error)} />}
		</div>
	);
}
