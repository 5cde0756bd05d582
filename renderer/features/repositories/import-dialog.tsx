import { Button, Loader, Modal } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type ImportedChain, type ImportReport, locationText, type Repository } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, formatBytes, formatNumber, plural, StatusBadge, TimeAgo } from '../../ui/index.ts';
import { UnlockNotice } from '../keys/index.ts';
import { displayPath } from '../restore/path-text.ts';
import classes from './import-dialog.module.css';
import { MapDialog } from './map-dialog.tsx';

/** Looks for chains of other installations and of jobs that are gone, and says what was found and what could not be used. */
export function ImportDialog({
	repository,
	onClose,
	isQuiet,
}: {
	readonly repository: Repository;
	readonly onClose: () => void;
	/** Shows itself only when there is something to say. */
	readonly isQuiet: boolean;
}): ReactNode {
	const [mapping, setMapping] = useState<ImportedChain | null>(null);
	const { run, report, failure, isRunning } = useImport(repository.id);
	const isEmpty = report !== undefined && report.chains.length + report.problems.length === 0;
	const isOver = isQuiet && isEmpty && failure === null;
	useEffect(() => {
		if (isOver) onClose();
	}, [isOver, onClose]);
	if (isOver || (isQuiet && !report && !failure)) return null;
	return (
		<>
			<Modal opened={mapping === null} onClose={onClose} title={`Backups found in “${repository.settings.name}”`} size={980} centered>
				{failure ? <ErrorPanel failure={failure} onRetry={() => run(false)} /> : null}
				{report ? (
					<Report repository={repository} report={report} isRunning={isRunning} onMap={setMapping} onFinish={() => run(true)} onUnlocked={() => run(false)} />
				) : null}
				{!report && !failure ? (
					<div className={classes.looking}>
						<Loader size="sm" /> Looking through {locationText(repository)}…
					</div>
				) : null}
				<div className={classes.foot}>
					<Button onClick={onClose}>Close</Button>
				</div>
			</Modal>
			{mapping ? (
				<MapDialog
					chain={mapping}
					repositoryId={repository.id}
					onClose={() => setMapping(null)}
					onMapped={() => {
						setMapping(null);
						run(false);
					}}
				/>
			) : null}
		</>
	);
}

function useImport(id: string) {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const { mutate, data, error, isPending } = useMutation(
		trpc.repositories.import.mutationOptions({
			onSuccess: () => {
				for (const filter of [trpc.chains.pathFilter(), trpc.points.pathFilter(), trpc.repositories.pathFilter()]) void queryClient.invalidateQueries(filter);
			},
		}),
	);
	// What was found stays in sight while it is looked for again.
	const last = useRef<ImportReport | undefined>(undefined);
	if (data) last.current = data;
	useEffect(() => mutate({ id, finish: false }), [id, mutate]);
	return { run: (finish: boolean) => mutate({ id, finish }), report: last.current, failure: error ? errorShapeOf(error) : null, isRunning: isPending };
}

function Report({
	repository,
	report: { chains, problems: all },
	isRunning,
	onMap,
	onFinish,
	onUnlocked,
}: {
	readonly repository: Repository;
	readonly report: ImportReport;
	readonly isRunning: boolean;
	readonly onMap: (chain: ImportedChain) => void;
	readonly onFinish: () => void;
	readonly onUnlocked: () => void;
}): ReactNode {
	const problems = all.filter(({ reason }) => reason !== 'locked');
	const isLocked = problems.length < all.length;
	const points = chains.reduce((sum, { restorableCount }) => sum + restorableCount, 0);
	const jobs = new Set(chains.map(({ originJobId }) => originJobId)).size;
	const unfinished = chains.filter(({ isUnfinished }) => isUnfinished).length;
	return (
		<div className={classes.report}>
			<p className={classes.summary}>
				{chains.length === 0 ? (
					isLocked ? (
						'What lies here is encrypted.'
					) : (
						'There are no backups of other installations or of jobs that are gone.'
					)
				) : (
					<>
						<strong>{plural(points, 'restore point')}</strong> of {plural(jobs, 'job')} that this installation does not run. They can be restored now, with no
						job.
					</>
				)}
			</p>
			{isLocked ? <UnlockNotice repository={repository} onUnlocked={onUnlocked} /> : null}
			{chains.length > 0 ? (
				<div className={classes.scroll}>
					<table className={classes.table}>
						<colgroup>
							<col />
							<col />
							<col style={{ width: 64 }} />
							<col style={{ width: 104 }} />
							<col style={{ width: 84 }} />
							<col style={{ width: 136 }} />
							<col style={{ width: 212 }} />
						</colgroup>
						<thead>
							<tr>
								<th>Job</th>
								<th>Object</th>
								<th className={classes.number}>Points</th>
								<th>Newest</th>
								<th className={classes.number}>Size</th>
								<th>State</th>
								<th aria-label="Actions" />
							</tr>
						</thead>
						<tbody>
							{chains.map((chain) => (
								<tr key={chain.id}>
									<td className={classes.job} title={chain.job}>
										{chain.job}
									</td>
									<td className={classes.object} title={displayPath(chain.object)}>
										{displayPath(chain.object)}
									</td>
									<td className={classes.number}>{formatNumber(chain.restorableCount)}</td>
									<td>
										<TimeAgo at={chain.newestAt} />
									</td>
									<td className={classes.number}>{formatBytes(chain.sizeBytes)}</td>
									<td>
										<ChainState chain={chain} />
									</td>
									<td>
										<div className={classes.actions}>
											<Button
												component={Link}
												to={`/restore?job=${encodeURIComponent(chain.originJobId)}`}
												size="compact-xs"
												variant="default"
												disabled={chain.restorableCount === 0}
											>
												Restore…
											</Button>
											<Button size="compact-xs" variant="default" disabled={chain.isAdHoc || chain.origin === 'job'} onClick={() => onMap(chain)}>
												Go on with it…
											</Button>
										</div>
									</td>
								</tr>
							))}
						</tbody>
					</table>
				</div>
			) : null}
			{unfinished > 0 ? (
				<section className={classes.notice} aria-label="Unfinished">
					<strong>{plural(unfinished, 'chain')} with something unfinished</strong>
					<p>
						A session of another installation works there now, or died: its last restore point may be missing here. If no other installation uses this
						repository any more, what it left can be put right.
					</p>
					<Button size="compact-sm" variant="default" loading={isRunning} onClick={onFinish}>
						No other installation uses it: put it right
					</Button>
				</section>
			) : null}
			{problems.length > 0 ? (
				<section aria-label="What could not be used">
					<h3 className={classes.heading}>Could not be used ({formatNumber(problems.length)})</h3>
					<ul className={classes.problems}>
						{problems.slice(0, 100).map((problem) => (
							<li key={`${problem.path} ${problem.reason}`}>
								<StatusBadge status={problem.reason === 'damaged' ? 'damaged' : 'warning'}>{problem.reason}</StatusBadge>
								<span>
									{problem.message} {problem.hint ? <small>{problem.hint}</small> : null}
								</span>
							</li>
						))}
					</ul>
					{problems.length > 100 ? <p>And {formatNumber(problems.length - 100)} more.</p> : null}
				</section>
			) : null}
		</div>
	);
}

function ChainState({ chain }: { readonly chain: ImportedChain }): ReactNode {
	const damaged = chain.pointCount - chain.restorableCount;
	// What a died session was changing may look damaged until it is put right.
	if (chain.isUnfinished) return <StatusBadge status="warning">unfinished</StatusBadge>;
	if (damaged > 0) return <StatusBadge status="damaged">{plural(damaged, 'point')} damaged</StatusBadge>;
	if (chain.state === 'rebuilt') return <StatusBadge status="success">list made anew</StatusBadge>;
	if (chain.isAdHoc) return <StatusBadge status="success">ad-hoc full</StatusBadge>;
	return <StatusBadge status="success">{chain.state === 'finished' ? 'put right' : 'whole'}</StatusBadge>;
}
