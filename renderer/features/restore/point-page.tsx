import { Button } from '@mantine/core';
import { IconServer, IconShieldCheck } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Point } from '../../../engine/contract/index.ts';
import { Link, navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	EmptyState,
	ErrorPanel,
	formatBytes,
	formatNumber,
	notifyFailure,
	PageHeader,
	plural,
	SplitView,
	type TallListHandle,
	TimeAgo,
	useNow,
} from '../../ui/index.ts';
import { EncryptedMark } from '../keys/index.ts';
import type { Picked } from './basket.ts';
import { useBasket } from './basket-store.ts';
import { DiskRestore, MachineDiskDialog } from './disk-restore.tsx';
import { FileList } from './file-list.tsx';
import { MachineRestoreDialog } from './machine-restore.tsx';
import { kindNames } from './object-chooser.tsx';
import { baseName, breadcrumbs, displayPath, parentPath } from './path-text.ts';
import classes from './restore.module.css';
import { RestoreDialog } from './restore-dialog.tsx';
import { objectKey, objectPath, originWord, pointPlace } from './restore-places.ts';
import { SidePane } from './side-pane.tsx';
import { consistencyMeaning, consistencyWord, isLess, readingText } from './snapshot-words.ts';
import { kindWord, Timeline } from './timeline.tsx';
import { useEntries } from './use-entries.ts';

const back = { title: 'Restore', href: '#/restore' };

/** One object at one point in time: the strip of its points above, what the point holds below. */
export function PointPage({ pointId, path }: { readonly pointId: string; readonly path: string }): ReactNode {
	const trpc = useTRPC();
	const [last, setLast] = useState<Point | null>(null);
	const found = useQuery(trpc.points.get.queryOptions({ point: pointId }));
	const seed = found.data ?? last;
	const list = useQuery(
		trpc.points.list.queryOptions(seed ? { object: seed.object, jobId: seed.originJobId } : {}, {
			enabled: seed !== null && seed !== undefined,
		}),
	);
	const points = useMemo(() => {
		if (!seed) return [];
		const key = objectKey(seed);
		return (list.data ?? []).filter((point) => objectKey(point) === key).toSorted((a, b) => a.createdAt - b.createdAt);
	}, [list.data, seed]);
	// The point is in the list already when somebody walks along the strip; its own query only confirms it.
	const point = found.data ?? points.find((each) => each.id === pointId) ?? null;
	useEffect(() => {
		if (point) setLast(point);
	}, [point]);

	if (found.error && !point) {
		return (
			<>
				<PageHeader back={back} title="Restore point" />
				<div className={classes.padded}>
					<ErrorPanel failure={errorShapeOf(found.error)} onRetry={() => void found.refetch()}>
						<Button component={Link} to="/restore" size="compact-xs" variant="subtle">
							All objects
						</Button>
					</ErrorPanel>
				</div>
			</>
		);
	}
	if (!point) return <PageHeader back={back} title="…" />;
	return <PointView point={point} points={points.length > 0 ? points : [point]} path={path} />;
}

/** Without a point in the address: the newest one that can be restored, else the newest at all. */
export function NewestPoint({ object, jobId }: { readonly object: string; readonly jobId: string | null }): ReactNode {
	const trpc = useTRPC();
	const { data, error, refetch } = useQuery(trpc.points.list.queryOptions({ object, ...(jobId === null ? {} : { jobId }) }));
	const newest = data?.find((point) => point.restorable) ?? data?.[0];
	useEffect(() => {
		if (newest) navigate(pointPlace(newest.id), { replace: true });
	}, [newest]);
	return (
		<>
			<PageHeader back={back} title={displayPath(objectPath(object))} />
			{error ? (
				<div className={classes.padded}>
					<ErrorPanel failure={errorShapeOf(error)} onRetry={() => void refetch()} />
				</div>
			) : data && !newest ? (
				<EmptyState
					title="This object has no restore point"
					action={
						<Button component={Link} to={jobId === null ? '/jobs' : `/jobs/${encodeURIComponent(jobId)}`}>
							Open job
						</Button>
					}
				>
					Its job has not run with success yet, or retention has removed its points.
				</EmptyState>
			) : null}
		</>
	);
}

function Encryption({ point: { object, repositoryId, chainId } }: { readonly point: Point }): ReactNode {
	const trpc = useTRPC();
	const { data } = useQuery(trpc.chains.list.queryOptions({ object, repositoryId }));
	const chain = data?.find(({ id }) => id === chainId);
	return chain?.encrypted ? <EncryptedMark keyId={chain.keyId} /> : null;
}

function PointView({ point, points, path }: { readonly point: Point; readonly points: readonly Point[]; readonly path: string }): ReactNode {
	const now = useNow();
	const verify = useVerify(point);
	const isDisk = point.objectKind === 'disk';
	const [isRestoring, setRestoring] = useState(false);
	return (
		<>
			<PageHeader
				back={back}
				title={displayPath(objectPath(point.object))}
				detail={`${kindNames[point.objectKind]} in ${point.job}${originWord[point.origin] === null ? '' : `, ${originWord[point.origin]}`}`}
			>
				<Button
					variant="default"
					leftSection={<IconShieldCheck size={15} />}
					loading={verify.isPending}
					onClick={() => verify.mutate({ point: point.id })}
					title="Reads everything this point needs and compares it with what was written. Writes nothing."
				>
					Verify point
				</Button>
				{point.objectKind === 'vm' ? (
					<Button leftSection={<IconServer size={15} />} disabled={!point.restorable} onClick={() => setRestoring(true)}>
						Restore machine…
					</Button>
				) : null}
			</PageHeader>
			<div className={classes.top}>
				<Timeline points={points} selected={point} onSelect={(next) => navigate(pointPlace(next.id, path), { replace: true })} now={now} />
				<div className={classes.facts}>
					<span>
						<strong>{point.isAdHoc ? 'Ad-hoc full' : kindWord[point.kind]}</strong>
						{point.mode.reason ? ` (${point.mode.reason})` : ''}
					</span>
					<span title={consistencyMeaning[point.consistency]}>
						<strong>{consistencyWord[point.consistency]}</strong>, {readingText(point.snapshot ?? { actual: 'none' })}
						{point.snapshot && point.snapshot.writers.length > 0 ? `, while ${point.snapshot.writers.join(', ')} held still` : ''}
						{point.snapshot?.proxy ? `, off-host by ${point.snapshot.proxy.name}` : ''}
					</span>
					{point.snapshot?.reason ? (
						<span className={classes.reason} data-less={isLess(point.snapshot) || undefined}>
							{point.snapshot.reason}
						</span>
					) : null}
					<span>
						<strong>{formatBytes(point.sourceBytes)}</strong>
						{isDisk ? '' : ` in ${plural(point.itemCount, 'item')}`}
					</span>
					<span>{formatBytes(point.storedBytes)} stored</span>
					<Encryption point={point} />
					<span>
						{point.verifiedAt === null ? (
							'Never verified'
						) : (
							<>
								Verified <TimeAgo at={point.verifiedAt} />
							</>
						)}
					</span>
					<span>
						{point.origin === 'elsewhere' ? 'Session of another installation' : <Link to={`/sessions/${encodeURIComponent(point.sessionId)}`}>Session</Link>}
						{point.warningCount > 0 ? ` with ${plural(point.warningCount, 'warning')}` : ''}
					</span>
				</div>
				{point.problem !== null || !point.restorable ? (
					<ErrorPanel
						title={point.restorable ? 'Parts of this point are damaged' : 'This point cannot be restored'}
						failure={{
							code: 'repository.damaged',
							message: point.problem ?? 'A backup file that it needs is missing or damaged.',
							hint: point.restorable
								? 'What is whole can be restored; a damaged file is reported and left out.'
								: 'Choose another point on the strip. The next full of the job makes a chain that does not depend on the damaged file.',
							data: { point: point.id, file: point.file },
						}}
					/>
				) : null}
			</div>
			{isDisk ? point.restorable ? <DiskRestore key={point.id} point={point} /> : null : <Files point={point} path={path} />}
			{isRestoring ? <MachineRestoreDialog point={point} onClose={() => setRestoring(false)} /> : null}
		</>
	);
}

function useVerify(point: Point) {
	const trpc = useTRPC();
	return useMutation(
		trpc.points.verify.mutationOptions({
			onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`),
			onError: (error) => {
				notifyFailure(`The point of ${point.job} was not verified`, errorShapeOf(error));
			},
		}),
	);
}

function Files({ point, path }: { readonly point: Point; readonly path: string }): ReactNode {
	const basket = useBasket(objectKey(point));
	const [active, setActive] = useState<{ path: string; index: number; name: string | null }>({ path, index: -1, name: null });
	const [restoring, setRestoring] = useState<readonly Picked[] | null>(null);
	const [disk, setDisk] = useState<{ readonly name: string; readonly sizeBytes: number } | null>(null);
	const entries = useEntries(point.id, path);
	const index = active.path === path ? active.index : -1;
	const open = useCallback((to: string): void => navigate(pointPlace(point.id, to)), [point.id]);
	const failure = entries.error ? errorShapeOf(entries.error) : null;
	const list = useRef<TallListHandle>(null);
	const cameFrom = useRef<string | null>(null);
	const goUp = (): void => {
		if (path === '/') return;
		cameFrom.current = baseName(path);
		open(parentPath(path));
	};
	// Going up, the folder that was left is where the eye looks for it.
	// biome-ignore lint/correctness/useExhaustiveDependencies: once, when the folder above has arrived
	useEffect(() => {
		const name = cameFrom.current;
		if (name === null || entries.total === null) return;
		cameFrom.current = null;
		for (let at = 0; at < Math.min(entries.total, 5000); at++) {
			if (entries.entryAt(at)?.name !== name) continue;
			setActive({ path, index: at, name });
			list.current?.scrollToRow(at);
			return;
		}
	}, [path, entries.total]);
	// In another point the same entry may stand elsewhere, or not at all.
	// biome-ignore lint/correctness/useExhaustiveDependencies: once per point, when its folder has arrived
	useEffect(() => {
		if (active.path !== path || active.name === null || entries.total === null || entries.entryAt(active.index)?.name === active.name) return;
		const most = Math.min(entries.total, 5000);
		let at = 0;
		while (at < most && entries.entryAt(at)?.name !== active.name) at++;
		setActive({ ...active, index: at < most ? at : -1 });
	}, [point.id, entries.total]);

	return (
		<SplitView
			id="restore"
			defaultWidth={320}
			minWidth={260}
			details={
				<SidePane
					point={point}
					path={path}
					entry={index >= 0 ? entries.entryAt(index) : undefined}
					basket={basket}
					onRestore={setRestoring}
					onRestoreDisk={setDisk}
					onPoint={(id) => navigate(pointPlace(id, path), { replace: true })}
				/>
			}
		>
			<div className={classes.files}>
				<nav className={classes.crumbs} aria-label="Folder">
					<ol>
						{breadcrumbs(path).map((step, at, all) => (
							<li key={step.path}>
								{at > 0 ? <span aria-hidden>/</span> : null}
								<Link
									to={pointPlace(point.id, step.path)}
									className={classes.crumb ?? ''}
									title={displayPath(step.path)}
									aria-current={at === all.length - 1 ? 'location' : undefined}
								>
									{at === 0 ? displayPath(objectPath(point.object)) : displayPath(step.name)}
								</Link>
							</li>
						))}
					</ol>
					<span className={classes.count}>{entries.total === null ? '' : entries.total === 1 ? '1 entry' : `${formatNumber(entries.total)} entries`}</span>
					<Button
						size="compact-xs"
						variant="default"
						onClick={() => setRestoring([{ path, type: 'directory', sizeBytes: 0 }])}
						title="Restore this folder with everything in it"
					>
						Restore {path === '/' ? 'everything' : 'folder'}…
					</Button>
				</nav>
				{failure ? (
					<div className={classes.padded}>
						{failure.code === 'not-found.path' ? (
							<EmptyState
								title="This folder was not there at that time"
								action={<Button onClick={() => open(parentPath(path))}>Go to the folder above</Button>}
							>
								{displayPath(path)} is not in this point. Choose another point on the strip above to find it again.
							</EmptyState>
						) : (
							<ErrorPanel failure={failure} onRetry={entries.refetch} />
						)}
					</div>
				) : (
					<FileList
						path={path}
						entries={entries}
						basket={basket.basket}
						active={index}
						onActive={(to) => setActive({ path, index: to, name: entries.entryAt(to)?.name ?? null })}
						onOpenFolder={open}
						onUp={goUp}
						handle={list}
						onToggle={basket.toggle}
						empty={entries.total === 0 ? <EmptyState title="This folder is empty">It was empty when the point was made.</EmptyState> : null}
					/>
				)}
			</div>
			{disk ? <MachineDiskDialog point={point} disk={disk} onClose={() => setDisk(null)} /> : null}
			{restoring ? <RestoreDialog point={point} items={restoring} onClose={() => setRestoring(null)} /> : null}
		</SplitView>
	);
}
