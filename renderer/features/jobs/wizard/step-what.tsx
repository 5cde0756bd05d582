import { ActionIcon, Button, SegmentedControl, TagsInput, TextInput } from '@mantine/core';
import { IconArrowUp, IconDeviceSdCard, IconDisc, IconFile, IconFolder, IconFolderOpen, IconServer, IconX } from '@tabler/icons-react';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { JobSettings, PlaceEntry } from '../../../../engine/contract/index.ts';
import { Loaded } from '../../../app/loaded.tsx';
import { errorShapeOf, useTRPC } from '../../../client.ts';
import { Bytes, EmptyState, ErrorPanel, formatBytes, formatNumber, type TableColumn, TimeAgo, VirtualTable } from '../../../ui/index.ts';
import { MachineSelect } from '../../places/index.ts';
import type { StepProps } from './job-wizard.tsx';
import { MachineBrowser } from './machine-browser.tsx';
import classes from './wizard.module.css';

type Source = JobSettings['sources'][number];
const key = ({ kind, path }: Source): string => `${kind}:${path}`;
const sourceOf = (entry: PlaceEntry): Source | null =>
	entry.type === 'file' ? null : { kind: entry.type === 'folder' || entry.type === 'volume' ? 'folder' : 'disk', path: entry.path };
const canOpen = ({ type }: PlaceEntry): boolean => type === 'folder' || type === 'volume';
/** Endings that `disk:` reads; a typed path ends in one, or is a device or the address of an NBD server. */
const looksLikeDisk = (path: string): boolean =>
	path.startsWith('/dev/') || (path.startsWith('nbd') && path.includes('://')) || /\.(qcow2|raw|img)$/i.test(path);

const icons = { folder: IconFolder, volume: IconServer, file: IconFile, 'disk-image': IconDisc, 'block-device': IconDeviceSdCard } as const;
const columns: readonly TableColumn<PlaceEntry>[] = [
	{
		id: 'name',
		header: 'Name',
		width: 'minmax(140px, 3fr)',
		cell: (entry) => {
			const Icon = icons[entry.type];
			return (
				<span
					className={classes.entry}
					data-dim={entry.type === 'file' || !entry.readable || undefined}
					title={entry.readable ? entry.path : `${entry.path} cannot be read`}
				>
					<Icon size={16} stroke={1.6} aria-hidden />
					{entry.name}
				</span>
			);
		},
		sortBy: ({ name }) => name,
	},
	{
		id: 'size',
		header: 'Size',
		width: '84px',
		align: 'end',
		cell: ({ sizeBytes, type }) => (type === 'folder' ? null : <Bytes value={sizeBytes} />),
		sortBy: ({ sizeBytes }) => sizeBytes,
	},
	{
		id: 'modified',
		header: 'Changed',
		width: '112px',
		dropBelow: 420,
		cell: ({ modifiedAt }) => <TimeAgo at={modifiedAt} />,
		sortBy: ({ modifiedAt }) => modifiedAt,
	},
];

export function StepWhat({ draft, change, errors, warnings }: StepProps): ReactNode {
	const trpc = useTRPC();
	const hosts = useQuery(trpc.hosts.list.queryOptions());
	const hasMachines = draft.sources.some(({ kind }) => kind === 'vm');
	const [isMachines, setMachines] = useState(hasMachines && draft.sources.every(({ kind }) => kind === 'vm'));
	const [path, setPath] = useState<string | null>(null);
	const add = (sources: readonly Source[]): void => {
		const present = new Set(draft.sources.map(key));
		change({ sources: [...draft.sources, ...sources.filter((source) => !present.has(key(source)))] });
	};
	const remove = (removed: ReadonlySet<string>): void => change({ sources: draft.sources.filter((source) => !removed.has(key(source))) });
	return (
		<div className={classes.what}>
			<div className={classes.browser}>
				{hasMachines || (hosts.data?.length ?? 0) > 0 ? (
					<div className={classes.kinds}>
						<SegmentedControl
							aria-label="What to choose from"
							size="xs"
							value={isMachines ? 'machines' : 'places'}
							onChange={(value) => setMachines(value === 'machines')}
							data={[
								{ value: 'places', label: 'Folders and disks' },
								{ value: 'machines', label: 'Virtual machines' },
							]}
						/>
					</div>
				) : null}
				{isMachines ? (
					<MachineBrowser chosen={draft.sources} onAdd={add} onRemove={remove} />
				) : (
					<Browser
						machineId={draft.machineId}
						machineError={errors.machineId}
						onMachine={(machineId) => {
							setPath(null);
							change({ machineId, sources: [] }); // what was chosen are paths of the other machine
						}}
						path={path}
						onPath={setPath}
						chosen={draft.sources}
						onAdd={add}
						onRemove={remove}
					/>
				)}
			</div>
			<div className={classes.basket}>
				<h3>Protected by this job</h3>
				<Chosen draft={draft.sources} machineId={draft.machineId} errors={errors} warnings={warnings} onRemove={(source) => remove(new Set([key(source)]))} />
				<TagsInput
					mt="lg"
					label="Leave out"
					description={`Patterns below each folder: *.tmp, .cache, Downloads/**. One without a slash matches at any depth.${hasMachines ? ' Of machines, vdb.raw leaves a disk out.' : ''}`}
					placeholder={draft.exclude.length === 0 ? 'Type a pattern, then Enter' : ''}
					data={['*.tmp', '.cache', 'node_modules', 'Thumbs.db', '.Trash-*', '*.iso']}
					value={draft.exclude}
					onChange={(exclude) => change({ exclude })}
					error={Object.entries(errors).find(([field]) => field.startsWith('exclude'))?.[1]}
					splitChars={['\n']}
					acceptValueOnBlur
				/>
			</div>
		</div>
	);
}

type BrowserProps = {
	readonly machineId: string | null;
	readonly machineError: string | undefined;
	readonly onMachine: (machineId: string | null) => void;
	readonly path: string | null;
	readonly onPath: (path: string | null) => void;
	readonly chosen: readonly Source[];
	readonly onAdd: (sources: readonly Source[]) => void;
	readonly onRemove: (keys: ReadonlySet<string>) => void;
};

function Browser({ machineId, machineError, onMachine, path, onPath, chosen, onAdd, onRemove }: BrowserProps): ReactNode {
	const trpc = useTRPC();
	// The folder before stays in view until the next one is there.
	const here = useQuery(trpc.places.list.queryOptions({ path }, { placeholderData: keepPreviousData, enabled: machineId === null }));
	const there = useQuery(trpc.machines.places.queryOptions({ id: machineId ?? '', path }, { placeholderData: keepPreviousData, enabled: machineId !== null }));
	const places = machineId === null ? here : there;
	const [typed, setTyped] = useState<string | null>(null);
	const entries = places.data?.entries;
	const selected = useMemo(() => {
		const keys = new Set(chosen.map(key));
		return new Set((entries ?? []).filter((entry) => keys.has(keyOf(entry))).map(({ path: each }) => each));
	}, [chosen, entries]);
	const open = (next: string | null): void => {
		setTyped(null);
		onPath(next);
	};
	const go = (): void => {
		const text = typed?.trim() ?? path ?? '';
		if (text === '') open(null);
		else if (looksLikeDisk(text)) onAdd([{ kind: 'disk', path: text }]);
		else open(text);
	};
	const select = (ids: ReadonlySet<string>): void => {
		const [added, removed]: [Source[], Set<string>] = [[], new Set()];
		for (const entry of entries ?? []) {
			const source = sourceOf(entry);
			if (source && ids.has(entry.path) && !selected.has(entry.path)) added.push(source);
			if (source && !ids.has(entry.path) && selected.has(entry.path)) removed.add(key(source));
		}
		if (removed.size > 0) onRemove(removed);
		else onAdd(added);
	};
	const named = (typed ?? path ?? '').trim();
	return (
		<>
			<MachineSelect
				className={classes.machine ?? ''}
				aria-label="Machine that the sources lie on"
				machineId={machineId}
				onMachine={onMachine}
				error={machineError}
			/>
			<div className={classes.pathBar}>
				<ActionIcon variant="default" size={30} disabled={path === null} onClick={() => open(places.data?.parent ?? null)} aria-label="To the folder above">
					<IconArrowUp size={16} />
				</ActionIcon>
				<TextInput
					className={classes.grow ?? ''}
					aria-label={machineId === null ? 'Path on the server' : 'Path on the machine'}
					placeholder="Volumes and disks. Type a path, or choose below."
					value={typed ?? path ?? ''}
					onChange={(event) => setTyped(event.currentTarget.value)}
					onKeyDown={(event) => {
						if (event.key !== 'Enter') return;
						// Not the wizard's Enter, which would leave the step.
						event.preventDefault();
						go();
					}}
					spellCheck={false}
				/>
				<Button variant="default" disabled={typed === null} onClick={go}>
					Go
				</Button>
				<Button variant="light" disabled={named === ''} onClick={() => onAdd([{ kind: looksLikeDisk(named) ? 'disk' : 'folder', path: named }])}>
					Add this path
				</Button>
			</div>
			{places.error ? (
				<div className={classes.pad}>
					<ErrorPanel failure={errorShapeOf(places.error)} onRetry={() => places.refetch()}>
						<Button size="compact-xs" variant="subtle" color="gray" onClick={() => open(null)}>
							Back to the volumes
						</Button>
					</ErrorPanel>
				</div>
			) : (
				<Loaded query={places}>
					{(place) => (
						<VirtualTable
							key={place.path ?? ''}
							label={place.path === null ? 'Volumes and disks' : `Content of ${place.path}`}
							rows={place.entries}
							columns={columns}
							rowId={({ path: each }) => each}
							rowHeight={30}
							onOpen={(entry) => canOpen(entry) && open(entry.path)}
							selectedIds={selected}
							onSelectionChange={select}
							empty={<EmptyState title="This folder is empty" icon={<IconFolderOpen size={32} stroke={1.2} />} />}
						/>
					)}
				</Loaded>
			)}
			<div className={classes.browserFoot}>Tick what to protect. Double click or Enter opens a folder.</div>
		</>
	);
}

const keyOf = (entry: PlaceEntry): string => {
	const source = sourceOf(entry);
	return source ? key(source) : '';
};

type ChosenProps = {
	readonly draft: readonly Source[];
	/** That they lie on; null: the server's. */
	readonly machineId: string | null;
	readonly errors: Readonly<Record<string, string>>;
	readonly warnings: Readonly<Record<string, string>>;
	readonly onRemove: (source: Source) => void;
};

function Chosen({ draft, machineId, errors, warnings, onRemove }: ChosenProps): ReactNode {
	const trpc = useTRPC();
	const sizes = useQueries({
		queries: draft.map((source) => trpc.places.measure.queryOptions({ source, machineId }, { staleTime: Number.POSITIVE_INFINITY })),
	});
	if (draft.length === 0)
		return (
			<div className={classes.hint} data-error={errors.sources ? true : undefined} role={errors.sources ? 'alert' : undefined}>
				{errors.sources ?? 'Nothing yet. Choose folders, volumes or disks on the left.'}
			</div>
		);
	const known = sizes.flatMap(({ data }) => (data ? [data] : []));
	const isComplete = known.length === draft.length && known.every(({ complete }) => complete);
	return (
		<>
			<ul className={classes.chosen}>
				{draft.map((source, i) => {
					const size = sizes[i];
					const problem = errors[`sources.${i}.path`] ?? errors[`sources.${i}`];
					const warning = warnings[`sources.${i}.path`] ?? warnings[`sources.${i}`];
					return (
						<li key={key(source)}>
							<div className={classes.chosenText}>
								<div className={classes.chosenPath}>
									<span>{source.kind}</span> {source.path}
								</div>
								{problem && (
									<div className={classes.problem} role="alert">
										{problem}
									</div>
								)}
								{warning && !problem && <div className={classes.warning}>{warning}</div>}
							</div>
							<span className={classes.chosenSize} title={size?.data ? `${formatNumber(size.data.items)} items` : undefined}>
								{size?.data ? `${size.data.complete ? '' : '> '}${formatBytes(size.data.bytes)}` : size?.isPending ? '…' : '–'}
							</span>
							<ActionIcon variant="subtle" color="gray" size="sm" onClick={() => onRemove(source)} aria-label={`Do not protect ${source.path}`}>
								<IconX size={14} />
							</ActionIcon>
						</li>
					);
				})}
			</ul>
			{known.length > 0 && draft.length > 1 && (
				<div className={classes.sum}>
					Together {isComplete ? '' : 'more than '}
					{formatBytes(known.reduce((sum, { bytes }) => sum + bytes, 0))} in {formatNumber(known.reduce((sum, { items }) => sum + items, 0))} items
				</div>
			)}
		</>
	);
}
