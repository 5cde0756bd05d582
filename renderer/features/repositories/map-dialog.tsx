import { Button, Group, Modal, Select } from '@mantine/core';
import { skipToken, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ChainMapping } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, notifyDone, plural } from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import classes from './import-dialog.module.css';

/** Lets a job go on with a chain that it did not make. What would become of it stands there before anything is done. */
export function MapDialog({
	chain,
	repositoryId,
	onClose,
	onMapped,
}: {
	readonly chain: { readonly id: string; readonly job: string; readonly originJobId: string; readonly object: string };
	readonly repositoryId: string;
	readonly onClose: () => void;
	readonly onMapped: () => void;
}): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const here = (jobs.data ?? []).filter(({ settings }) => settings.repositoryId === repositoryId);
	const fitting = here.filter(({ settings }) => settings.sources.some(({ kind, path }) => chain.object.split(', ').includes(`${kind}:${path}`)));
	const [chosen, setChosen] = useState<string | null>(null);
	const jobId = chosen ?? fitting[0]?.id ?? null;
	const plan = useQuery(trpc.jobs.planMapping.queryOptions(jobId === null ? skipToken : { id: jobId, chainId: chain.id }, { staleTime: 0 }));
	const map = useMutation(
		trpc.jobs.map.mutationOptions({
			onSuccess: () => {
				for (const filter of [trpc.chains.pathFilter(), trpc.points.pathFilter(), trpc.jobs.pathFilter()]) void queryClient.invalidateQueries(filter);
				notifyDone(`${here.find(({ id }) => id === jobId)?.settings.name ?? 'The job'} goes on with the chain of ${chain.job}`);
				onMapped();
			},
		}),
	);
	const error = map.error ?? plan.error;
	return (
		<Modal opened onClose={onClose} title={`Go on with the chain of “${chain.job}”`} size={560} centered>
			<p className={classes.summary}>
				The job takes the chain over: its next runs build on these restore points of {displayPath(chain.object)}, and its retention counts them.
			</p>
			<p className={classes.summary} style={{ marginTop: 10 }}>
				{jobs.data && here.length === 0 ? 'No job writes to this repository yet. ' : ''}
				<Link to={`/jobs/new?${new URLSearchParams({ from: chain.originJobId, repository: repositoryId })}`}>Make a new job from “{chain.job}”</Link>, which
				protects the same objects and goes on with {here.length === 0 ? 'its chains.' : 'its chains, or choose one that is there:'}
			</p>
			{here.length === 0 ? null : (
				<Select
					mt="md"
					label="Job"
					placeholder="Choose a job of this repository"
					data={here.map(({ id, settings }) => ({ value: id, label: settings.name }))}
					value={jobId}
					onChange={(value) => {
						setChosen(value);
						map.reset();
					}}
					allowDeselect={false}
					searchable
				/>
			)}
			{plan.data && !error ? <Plan plan={plan.data} /> : null}
			{error ? (
				<div style={{ marginTop: 14 }}>
					<ErrorPanel failure={errorShapeOf(error)} />
				</div>
			) : null}
			<Group justify="flex-end" mt="lg" gap="xs">
				<Button variant="default" onClick={onClose}>
					Close
				</Button>
				<Button
					disabled={!plan.data || plan.isError}
					loading={map.isPending || (plan.isFetching && jobId !== null)}
					onClick={() => jobId !== null && map.mutate({ id: jobId, chainId: chain.id })}
				>
					Take the chain over
				</Button>
			</Group>
		</Modal>
	);
}

const Plan = ({ plan: { pointCount, next, expiringCount, notes } }: { readonly plan: ChainMapping }): ReactNode => (
	<ul className={classes.facts}>
		<li>{next.mode === 'increment' ? 'The next run is an increment.' : `The next run makes a ${next.mode} full. ${next.reason}`}</li>
		{expiringCount > 0 ? (
			<li>
				The job’s retention removes <strong>{expiringCount}</strong> of the {plural(pointCount, 'restore point')} at its next run.
			</li>
		) : (
			<li>All {plural(pointCount, 'restore point')} stay after the next run.</li>
		)}
		{notes.map((note) => (
			<li key={note}>{note}</li>
		))}
	</ul>
);
