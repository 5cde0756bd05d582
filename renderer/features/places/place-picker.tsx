import { ActionIcon, Button, Group, Modal, TextInput } from '@mantine/core';
import { IconArrowUp, IconDatabase, IconDeviceSdCard, IconFile, IconFolder, IconServer } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { PlaceEntry } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { EmptyState, ErrorPanel, formatBytes, formatDateTime, TallList, type TallListHandle } from '../../ui/index.ts';
import classes from './place-picker.module.css';

const icons = { folder: IconFolder, file: IconFile, 'disk-image': IconDatabase, 'block-device': IconDeviceSdCard, volume: IconServer } as const;
const isContainer = (entry: PlaceEntry): boolean => entry.type === 'folder' || entry.type === 'volume';

export type PlacePickerProps = {
	readonly opened: boolean;
	readonly title: string;
	/** `folder`: only folders can be taken · `file`: a file or device too. */
	readonly mode: 'folder' | 'file';
	readonly initialPath: string | null;
	/** Managed machine to look at; absent or null: the one of the server. */
	readonly machineId?: string | null;
	readonly onChoose: (path: string, entry: PlaceEntry | null) => void;
	readonly onClose: () => void;
};

/** Folders and disks of the server or of a managed machine, one level at a time; a path may be typed as well. */
export function PlacePicker(props: PlacePickerProps): ReactNode {
	return (
		<Modal opened={props.opened} onClose={props.onClose} title={props.title} size={680} centered>
			<Body {...props} />
		</Modal>
	);
}

function Body({ mode, initialPath, machineId = null, onChoose, onClose }: PlacePickerProps): ReactNode {
	const trpc = useTRPC();
	const [path, setPath] = useState<string | null>(initialPath || null);
	const [typed, setTyped] = useState(initialPath ?? '');
	const [active, setActive] = useState(-1);
	const list = useRef<TallListHandle>(null);
	const looking = { placeholderData: keepPreviousData, staleTime: 5000 } as const;
	const here = useQuery(trpc.places.list.queryOptions({ path }, { ...looking, enabled: machineId === null }));
	const there = useQuery(trpc.machines.places.queryOptions({ id: machineId ?? '', path }, { ...looking, enabled: machineId !== null }));
	const level = machineId === null ? here : there;
	const entries = (level.data?.entries ?? []).filter((entry) => mode === 'file' || isContainer(entry));
	const chosen = entries[active];

	const go = (to: string | null): void => {
		setPath(to);
		setTyped(to ?? '');
		setActive(-1);
		list.current?.scrollToRow(0);
	};
	// A place that is not there (any more) is no dead end: begin with the volumes.
	useEffect(() => {
		if (initialPath && path === initialPath && level.error && errorShapeOf(level.error).code === 'not-found.path') setPath(null);
	}, [initialPath, path, level.error]);

	const result = chosen && !isContainer(chosen) ? chosen.path : (chosen?.path ?? path);
	const parent = level.data?.parent ?? null;
	return (
		<div className={classes.picker}>
			<form
				className={classes.bar}
				onSubmit={(event) => {
					event.preventDefault();
					go(typed.trim() || null);
				}}
			>
				<ActionIcon variant="default" aria-label="One level up" title="One level up" disabled={path === null} onClick={() => go(parent)}>
					<IconArrowUp size={15} />
				</ActionIcon>
				<TextInput
					className={classes.path ?? ''}
					aria-label="Path"
					placeholder="Volumes and disks"
					value={typed}
					onChange={(event) => setTyped(event.currentTarget.value)}
					data-autofocus
				/>
				<Button type="submit" variant="default">
					Go
				</Button>
			</form>
			{level.error ? <ErrorPanel failure={errorShapeOf(level.error)} onRetry={() => void level.refetch()} /> : null}
			<div className={classes.list}>
				<TallList
					handle={list}
					label={machineId === null ? 'Places on the server' : 'Places on the machine'}
					rowCount={entries.length}
					rowHeightPx={28}
					active={active}
					onActive={setActive}
					onOpen={(index) => {
						const entry = entries[index];
						if (entry && isContainer(entry)) go(entry.path);
						else if (entry) onChoose(entry.path, entry);
					}}
					onKey={(event) => {
						if (event.key !== 'Backspace' || path === null) return false;
						go(parent);
						return true;
					}}
					idPrefix="place"
					empty={
						level.data ? <EmptyState title={mode === 'folder' ? 'No folders in here' : 'Nothing in here'}>This place itself can be taken.</EmptyState> : null
					}
					row={(index) => {
						const entry = entries[index];
						return entry ? <Row entry={entry} isActive={index === active} /> : null;
					}}
				/>
			</div>
			<Group justify="space-between" wrap="nowrap">
				<span className={classes.result} title={result ?? ''}>
					{result ?? 'Open a volume, or type a path.'}
				</span>
				<Group gap="xs" wrap="nowrap">
					<Button variant="default" onClick={onClose}>
						Close
					</Button>
					<Button disabled={result === null} onClick={() => result !== null && onChoose(result, chosen ?? null)}>
						{mode === 'folder' ? 'Take this folder' : 'Take this place'}
					</Button>
				</Group>
			</Group>
		</div>
	);
}

function Row({ entry, isActive }: { readonly entry: PlaceEntry; readonly isActive: boolean }): ReactNode {
	const Icon = icons[entry.type];
	const size =
		entry.type === 'folder'
			? ''
			: entry.freeBytes !== null
				? `${formatBytes(entry.freeBytes)} free`
				: entry.sizeBytes !== null
					? formatBytes(entry.sizeBytes)
					: '';
	return (
		<div
			className={classes.row}
			data-active={isActive || undefined}
			data-unreadable={!entry.readable || undefined}
			title={entry.readable ? entry.path : `${entry.path}\nThis may not be read there.`}
		>
			<Icon size={16} stroke={1.6} aria-label={entry.type} role="img" />
			<span className={classes.name}>
				{entry.name.toWellFormed()}
				{entry.type === 'folder' || entry.path.endsWith(entry.name) ? null : <small> {entry.path.toWellFormed()}</small>}
			</span>
			<span className={classes.size}>{size}</span>
			<span className={classes.date}>{entry.modifiedAt === null ? '' : formatDateTime(entry.modifiedAt)}</span>
		</div>
	);
}
