import { ActionIcon, Button, CloseButton, Loader } from '@mantine/core';
import { IconDownload, IconHistory, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { BrowseEntry, Point } from '../../../engine/contract/index.ts';
import { download, errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, formatBytes, formatDateTime, formatFull, formatNumber, formatTimeAgo, notifyFailure, plural, Section, useNow } from '../../ui/index.ts';
import { type Picked, summarise } from './basket.ts';
import type { BasketActions } from './basket-store.ts';
import { displayPath, joinPath } from './path-text.ts';
import classes from './side-pane.module.css';

/** What is selected, and the versions of the entry under the cursor. */
export function SidePane({
	point,
	path,
	entry,
	basket,
	onRestore,
	onRestoreDisk,
	onPoint,
}: {
	readonly point: Point;
	readonly path: string;
	readonly entry: BrowseEntry | undefined;
	readonly basket: BasketActions;
	readonly onRestore: (items: readonly Picked[]) => void;
	readonly onRestoreDisk: (disk: { readonly name: string; readonly sizeBytes: number }) => void;
	readonly onPoint: (pointId: string) => void;
}): ReactNode {
	const picked = [...basket.basket.values()];
	const { files, folders, knownBytes } = summarise(basket.basket);
	const disk = point.objectKind === 'vm' && path === '/' && entry?.type === 'file' ? diskInFile(entry.name) : null;
	return (
		<div className={classes.pane}>
			<Section
				title={
					picked.length === 0
						? 'Selection'
						: `Selection: ${[folders > 0 && plural(folders, 'folder'), files > 0 && plural(files, 'file')].filter(Boolean).join(', ')}`
				}
				aside={
					picked.length > 0 ? (
						<Button size="compact-xs" variant="subtle" color="gray" leftSection={<IconTrash size={13} />} onClick={basket.clear}>
							Clear
						</Button>
					) : null
				}
			>
				{picked.length === 0 ? (
					<p className={classes.hint}>Tick files and folders, or press Space. The selection stays while you look into other folders and other points.</p>
				) : (
					<>
						<ul className={classes.picked}>
							{picked.slice(0, 200).map((item) => (
								<li key={item.path}>
									<span title={displayPath(item.path)}>
										<bdi>{displayPath(item.path)}</bdi>
									</span>
									<small>{item.type === 'directory' ? 'folder' : formatBytes(item.sizeBytes)}</small>
									<CloseButton size="xs" aria-label={`Take ${displayPath(item.path)} out of the selection`} onClick={() => basket.drop([item.path])} />
								</li>
							))}
						</ul>
						{picked.length > 200 ? <p className={classes.hint}>And {formatNumber(picked.length - 200)} more.</p> : null}
						<Button fullWidth mt={8} onClick={() => onRestore(picked)}>
							Restore {plural(picked.length, 'item')}
							{folders === 0 ? ` (${formatBytes(knownBytes)})` : ''}…
						</Button>
					</>
				)}
			</Section>
			{disk !== null && entry ? (
				<Section title={`Disk ${disk}`}>
					<p className={classes.hint}>As an image, raw or qcow2, or onto a device. It is not attached to a machine.</p>
					<Button fullWidth variant="default" mt={8} disabled={!point.restorable} onClick={() => onRestoreDisk({ name: disk, sizeBytes: entry.sizeBytes })}>
						Restore this disk…
					</Button>
				</Section>
			) : null}
			{entry && entry.type !== 'directory' ? (
				<Versions key={joinPath(path, entry.name)} point={point} path={joinPath(path, entry.name)} name={entry.name} onPoint={onPoint} />
			) : null}
		</div>
	);
}

function Versions({
	point,
	path,
	name,
	onPoint,
}: {
	readonly point: Point;
	readonly path: string;
	readonly name: string;
	readonly onPoint: (pointId: string) => void;
}): ReactNode {
	const trpc = useTRPC();
	const now = useNow();
	const { data, error, refetch } = useQuery(trpc.points.versions.queryOptions({ point: point.id, path }));
	// Neighbours of the same size and time are the same content: one line with the newest point, and how many more have it.
	const versions: { pointId: string; createdAt: number; sizeBytes: number; modifiedAt: number | null; pointIds: string[] }[] = [];
	for (const version of data ?? []) {
		const last = versions.at(-1);
		if (last && last.sizeBytes === version.sizeBytes && last.modifiedAt === version.modifiedAt) last.pointIds.push(version.pointId);
		else versions.push({ ...version, pointIds: [version.pointId] });
	}
	return (
		<Section title={`Versions of ${displayPath(name)}`} aside={data ? `${formatNumber(versions.length)} in ${plural(data.length, 'point')}` : null}>
			{error ? <ErrorPanel failure={errorShapeOf(error)} onRetry={() => void refetch()} /> : null}
			{data || error ? null : <Loader size="xs" />}
			<ul className={classes.versions}>
				{versions.map((version) => {
					const isShown = version.pointIds.includes(point.id);
					return (
						<li key={version.pointId} data-shown={isShown || undefined}>
							<button
								type="button"
								className={classes.version}
								onClick={() => onPoint(version.pointId)}
								title={`In the point of ${formatFull(version.createdAt)}${version.pointIds.length > 1 ? ` and ${plural(version.pointIds.length - 1, 'older point')}` : ''}`}
								aria-current={isShown}
							>
								<span>{version.modifiedAt === null ? formatDateTime(version.createdAt) : formatDateTime(version.modifiedAt)}</span>
								<small>
									{formatTimeAgo(version.modifiedAt ?? version.createdAt, now)}
									{version.pointIds.length > 1 ? `, in ${plural(version.pointIds.length, 'point')}` : ''}
								</small>
							</button>
							<span className={classes.size}>{formatBytes(version.sizeBytes)}</span>
							<ActionIcon
								variant="subtle"
								color="gray"
								size="sm"
								aria-label="Show in this point"
								title="Go to this point"
								disabled={isShown}
								onClick={() => onPoint(version.pointId)}
							>
								<IconHistory size={14} />
							</ActionIcon>
							<ActionIcon
								variant="subtle"
								color="gray"
								size="sm"
								aria-label="Download this version"
								title="Download this version"
								onClick={() => saveVersion(version.pointId, path)}
							>
								<IconDownload size={14} />
							</ActionIcon>
						</li>
					);
				})}
			</ul>
		</Section>
	);
}

/** In the folder of a virtual machine each disk is a file (docs/format.md). */
const diskInFile = (file: string): string | null => /^(.+)\.raw$/.exec(file)?.[1] ?? null;

export function saveVersion(pointId: string, path: string): void {
	download({ point: pointId, paths: [path] }).catch((error: unknown) => {
		notifyFailure('The version was not saved', errorShapeOf(error));
	});
}
