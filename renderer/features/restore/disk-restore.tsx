import { Button, Checkbox, Group, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { PlaceEntry, Point } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, formatBytes, formatDateTime, Section } from '../../ui/index.ts';
import { PlacePicker } from '../places/index.ts';
import classes from './disk-restore.module.css';
import { baseName, displayPath, parentPath } from './path-text.ts';
import { objectPath } from './restore-places.ts';

/** A disk goes back to a new file, over a file, or onto a device. What is there is looked up first, so that the loss can be named. */
export function DiskRestore({ point }: { readonly point: Point }): ReactNode {
	const trpc = useTRPC();
	const source = objectPath(point.object);
	const [target, setTarget] = useState('');
	const [isPicking, setPicking] = useState(false);
	const [isSure, setSure] = useState(false);
	const [typedName, setTypedName] = useState('');
	const [settled] = useDebouncedValue(target.trim(), 300);

	const isAbsolute = /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(settled);
	const folder = useQuery(trpc.places.list.queryOptions({ path: parentPath(settled) }, { enabled: isAbsolute, staleTime: 5000 }));
	const devices = useQuery(trpc.places.list.queryOptions({ path: null }, { staleTime: 30_000 }));
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
						: isDevice && existing.sizeBytes !== null && existing.sizeBytes < point.sourceBytes
							? `The device holds ${formatBytes(existing.sizeBytes)}; the disk needs ${formatBytes(point.sourceBytes)}.`
							: null;
	const isConfirmed = existing === undefined || (isSure && typedName.trim() === name);
	const start = useMutation(trpc.restore.disk.mutationOptions({ onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`) }));
	const failure = start.error ? errorShapeOf(start.error) : null;
	const isReady = point.restorable && settled !== '' && problem === null && !isChecking && isConfirmed;

	return (
		<form
			className={classes.form}
			onSubmit={(event) => {
				event.preventDefault();
				if (isReady) start.mutate({ point: point.id, disk: null, to: settled, overwrite: existing !== undefined });
			}}
		>
			<Section title="Restore the disk">
				<p className={classes.what}>
					<strong>{displayPath(source)}</strong> as of {formatDateTime(point.createdAt)}: {formatBytes(point.sourceBytes)}, written sparse as a raw image where
					the target is a file.
				</p>
				<Group gap={6} align="flex-end" wrap="nowrap">
					<TextInput
						className={classes.grow ?? ''}
						label="Target file or device on the server"
						placeholder="/var/lib/images/restored.raw"
						value={target}
						onChange={(event) => {
							setTarget(event.currentTarget.value);
							setSure(false);
							setTypedName('');
							start.reset();
						}}
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
			</Section>
			<PlacePicker
				opened={isPicking}
				title="Restore the disk to which place?"
				mode="file"
				initialPath={settled ? parentPath(settled) : null}
				onChoose={(path, entry) => {
					const isPlaceForFile = entry === null || entry.type === 'folder' || entry.type === 'volume';
					setTarget(isPlaceForFile ? `${path === '/' ? '' : path}/${baseName(source).replace(/\.(qcow2|img|raw|vmdk|vhdx?)$/i, '')}-restored.raw` : path);
					setSure(false);
					setTypedName('');
					setPicking(false);
				}}
				onClose={() => setPicking(false)}
			/>
		</form>
	);
}
