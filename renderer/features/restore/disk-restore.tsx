import { Button, Checkbox, Group, Modal, SegmentedControl, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { DiskFormat, PlaceEntry, Point } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, formatBytes, formatDateTime, Section } from '../../ui/index.ts';
import { MachineSelect, PlacePicker } from '../places/index.ts';
import classes from './disk-restore.module.css';
import { baseName, displayPath, parentPath } from './path-text.ts';
import { objectPath } from './restore-places.ts';

/** The disk that a point is of. */
export function DiskRestore({ point }: { readonly point: Point }): ReactNode {
	const path = objectPath(point.object);
	return (
		<div className={classes.form}>
			<Section title="Restore the disk">
				<Fields point={point} disk={{ name: null, title: path, sizeBytes: point.sourceBytes, suggestion: baseName(path) }} />
			</Section>
		</div>
	);
}

/** One of the disks of a virtual machine. */
export function MachineDiskDialog({
	point,
	disk,
	onClose,
}: {
	readonly point: Point;
	readonly disk: { readonly name: string; readonly sizeBytes: number };
	readonly onClose: () => void;
}): ReactNode {
	const machine = objectPath(point.object);
	return (
		<Modal opened onClose={onClose} title={`Restore one disk of ${displayPath(machine)}`} size={620} centered>
			<Fields point={point} disk={{ ...disk, title: `${disk.name} of ${machine}`, suggestion: `${baseName(machine)}-${disk.name}` }} />
		</Modal>
	);
}

type RestoredDisk = {
	/** Null: the point holds only one. */
	readonly name: string | null;
	readonly title: string;
	readonly sizeBytes: number;
	/** For the name of the file. */
	readonly suggestion: string;
};

/** A disk goes back to a new file, over a file, or onto a device. What is there is looked up first, so that the loss can be named. */
function Fields({ point, disk }: { readonly point: Point; readonly disk: RestoredDisk }): ReactNode {
	const trpc = useTRPC();
	const [machineId, setMachineId] = useState<string | null>(point.machine?.id ?? null);
	const [target, setTarget] = useState('');
	/** Null: as the name says. */
	const [chosenFormat, setFormat] = useState<DiskFormat | null>(null);
	const [isPicking, setPicking] = useState(false);
	const [isSure, setSure] = useState(false);
	const [typedName, setTypedName] = useState('');
	const [settled] = useDebouncedValue(target.trim(), 300);

	const isAbsolute = /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(settled);
	const folder = usePlaces(machineId, parentPath(settled), { enabled: isAbsolute, staleTime: 5000 });
	const devices = usePlaces(machineId, null, { enabled: true, staleTime: 30_000 });
	const existing: PlaceEntry | undefined = isAbsolute
		? [...(devices.data?.entries ?? []), ...(folder.data?.entries ?? [])].find((entry) => entry.path === settled)
		: undefined;
	const isDevice = existing?.type === 'block-device';
	const isFolder = existing?.type === 'folder' || existing?.type === 'volume';
	const isChecking = target.trim() !== settled || (isAbsolute && folder.isPending);
	const name = baseName(settled);

	const problem =
		settled === ''
			? null
			: !isAbsolute
				? 'A full path is needed, from the root on.'
				: isFolder
					? 'This is a folder. Add a file name.'
					: folder.error && !existing
						? errorShapeOf(folder.error).message
						: isDevice && existing.sizeBytes !== null && existing.sizeBytes < disk.sizeBytes
							? `The device holds ${formatBytes(existing.sizeBytes)}; the disk needs ${formatBytes(disk.sizeBytes)}.`
							: null;
	const isConfirmed = existing === undefined || (isSure && typedName.trim() === name);
	const start = useMutation(trpc.restore.disk.mutationOptions({ onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`) }));
	const change = (next: string): void => {
		setTarget(next);
		setSure(false);
		setTypedName('');
		start.reset();
	};
	const failure = start.error ? errorShapeOf(start.error) : null;
	const isReady = point.restorable && settled !== '' && problem === null && !isChecking && isConfirmed;

	const format = isDevice ? 'raw' : (chosenFormat ?? (/\.qcow2$/i.test(settled) ? 'qcow2' : 'raw'));
	return (
		<>
			<form
				onSubmit={(event) => {
					event.preventDefault();
					if (isReady)
						start.mutate({ point: point.id, disk: disk.name, machineId: machineId ?? undefined, to: settled, format, overwrite: existing !== undefined });
				}}
			>
				<p className={classes.what}>
					<strong>{displayPath(disk.title)}</strong> as of {formatDateTime(point.createdAt)}: {formatBytes(disk.sizeBytes)}. Empty parts take no room where the
					target is a file.
				</p>
				<Group gap={6} align="flex-end" wrap="nowrap">
					<MachineSelect
						className={classes.machine ?? ''}
						aria-label="Machine to restore on"
						machineId={machineId}
						onMachine={(next) => {
							setMachineId(next);
							change(''); // it was a place of the other machine
						}}
					/>
					<TextInput
						className={classes.grow ?? ''}
						label="Target file or device"
						placeholder="/var/lib/images/restored.raw"
						value={target}
						onChange={(event) => change(event.currentTarget.value)}
						error={problem !== null}
					/>
					<Button variant="default" onClick={() => setPicking(true)}>
						Browse…
					</Button>
				</Group>
				<p className={classes.state} data-tone={problem ? 'bad' : undefined} aria-live="polite">
					{problem ??
						(settled === ''
							? 'A name that does not exist yet makes a new file.'
							: isChecking
								? 'Looking what is there…'
								: existing
									? ''
									: `A new file in ${displayPath(parentPath(settled))}.`)}
				</p>
				{isDevice ? null : (
					<div className={classes.format}>
						<span id="disk-format">Image format</span>
						<SegmentedControl
							size="xs"
							aria-labelledby="disk-format"
							data={['raw', 'qcow2']}
							value={format}
							onChange={(value) => setFormat(value as DiskFormat)}
						/>
					</div>
				)}
				{existing && !problem && !isChecking ? (
					<div className={classes.loss}>
						<strong>
							{isDevice ? `Everything on this device is lost` : `This file is lost`}
							{existing.sizeBytes === null ? '.' : `: ${formatBytes(existing.sizeBytes)}.`}
						</strong>
						{existing.modifiedAt === null ? null : <span> Last changed {formatDateTime(existing.modifiedAt)}.</span>}
						<Checkbox
							mt={8}
							label={isDevice ? 'Write over the device' : 'Write over the file'}
							checked={isSure}
							onChange={(event) => setSure(event.currentTarget.checked)}
						/>
						{isSure ? (
							<TextInput
								mt={8}
								label={`Type “${name}” to go on`}
								value={typedName}
								onChange={(event) => setTypedName(event.currentTarget.value)}
								autoComplete="off"
							/>
						) : null}
					</div>
				) : null}
				{failure ? (
					<div className={classes.failure}>
						<ErrorPanel failure={failure} />
					</div>
				) : null}
				<Button type="submit" mt="md" disabled={!isReady} loading={start.isPending} {...(existing && { color: 'red' })}>
					{existing ? (isDevice ? 'Restore onto the device' : 'Restore over the file') : 'Restore the disk'}
				</Button>
			</form>
			<PlacePicker
				opened={isPicking}
				title="Restore the disk to which place?"
				mode="file"
				machineId={machineId}
				initialPath={settled ? parentPath(settled) : null}
				onChoose={(path, entry) => {
					const isPlaceForFile = entry === null || entry.type === 'folder' || entry.type === 'volume';
					change(
						isPlaceForFile
							? `${path === '/' ? '' : path}/${disk.suggestion.replace(/\.(qcow2|img|raw|vmdk|vhdx?)$/i, '')}-restored.${chosenFormat ?? 'raw'}`
							: path,
					);
					setPicking(false);
				}}
				onClose={() => setPicking(false)}
			/>
		</>
	);
}

/** What lies in a folder of the server, or of a managed machine; null: its volumes and devices. */
function usePlaces(machineId: string | null, path: string | null, { enabled, staleTime }: { readonly enabled: boolean; readonly staleTime: number }) {
	const trpc = useTRPC();
	const here = useQuery(trpc.places.list.queryOptions({ path }, { enabled: enabled && machineId === null, staleTime }));
	const there = useQuery(trpc.machines.places.queryOptions({ id: machineId ?? '', path }, { enabled: enabled && machineId !== null, staleTime }));
	return machineId === null ? here : there;
}
