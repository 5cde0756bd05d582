import { Button, Checkbox, Group, Modal, Radio, Select, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type ErrorShape, type MachinePlan, type Point, parseMachinePath, type RestoreVmInput } from '../../../engine/contract/index.ts';
import { Link, navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, formatBytes, formatDateTime } from '../../ui/index.ts';
import { inventoryPlace } from '../inventory/index.ts';
import { PlacePicker } from '../places/index.ts';
import classes from './machine-restore.module.css';
import { displayPath } from './path-text.ts';
import { PlanHeadline, PlanPanel } from './plan-panel.tsx';
import { objectPath } from './restore-places.ts';

type Becomes = 'original' | 'copy';

/** Which host, what it becomes there, where its images go; and what that comes to, before anything is written. */
export function MachineRestoreDialog({ point, onClose }: { readonly point: Point; readonly onClose: () => void }): ReactNode {
	const { name } = parseMachinePath(objectPath(point.object));
	return (
		<Modal opened onClose={onClose} title={`Restore “${displayPath(name)}” as of ${formatDateTime(point.createdAt)}`} size={680} centered>
			<Body point={point} onClose={onClose} />
		</Modal>
	);
}

function Body({ point, onClose }: { readonly point: Point; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const was = parseMachinePath(objectPath(point.object));
	const hosts = useQuery(trpc.hosts.list.queryOptions());
	const [chosenHost, setHost] = useState<string | null>(null);
	const names = hosts.data?.map(({ settings }) => settings.name) ?? [];
	const hostName = chosenHost ?? (names.includes(was.host) ? was.host : names.length === 1 ? (names[0] ?? null) : null);
	const host = hosts.data?.find(({ settings }) => settings.name === hostName);
	const machines = useQuery(trpc.hosts.machines.queryOptions({ id: host?.id ?? '' }, { enabled: host?.state === 'online', staleTime: 0 }));
	const isThere = machines.data?.some(({ name }) => name === was.name) ?? false;

	const [chosen, setBecomes] = useState<Becomes | null>(null);
	const becomes: Becomes = isThere ? 'copy' : (chosen ?? 'original');
	const [name, setName] = useState(`${was.name}-restored`);
	const [isOneFolder, setOneFolder] = useState(false);
	const [folder, setFolder] = useState('');
	const [isPicking, setPicking] = useState(false);
	const [overwrite, setOverwrite] = useState(false);
	const [powerOn, setPowerOn] = useState(false);
	const [typedName, setTypedName] = useState('');

	const asked: RestoreVmInput = {
		point: point.id,
		host: hostName,
		name: becomes === 'copy' ? name.trim() : null,
		to: isOneFolder ? folder.trim() : null,
		overwrite,
		powerOn,
	};
	const [settled] = useDebouncedValue(JSON.stringify(asked), 300);
	const input = JSON.parse(settled) as RestoreVmInput;
	const isComplete = (of: RestoreVmInput): boolean => of.host !== null && of.name !== '' && of.to !== '';
	const isLooking = host?.state === 'online' && machines.isPending;
	const canPlan = isComplete(input) && !isLooking;
	const plan = useQuery(trpc.restore.planVm.queryOptions(input, { enabled: canPlan, staleTime: 0, gcTime: 0, retry: false }));
	const start = useMutation(trpc.restore.vm.mutationOptions({ onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`) }));

	const isStale = settled !== JSON.stringify(asked);
	const shown = canPlan && !isStale ? plan.data : undefined;
	const failure = canPlan && !isStale && plan.error ? withoutOptions(errorShapeOf(plan.error)) : null;
	const failsAt = typeof failure?.data?.field === 'string' ? failure.data.field : null;
	const errorAt = (field: string, isShown: boolean): string | null =>
		failure && isShown && failsAt === field ? [failure.message, failure.hint].join(' ').trim() : null;
	const errors = { host: errorAt('host', true), name: errorAt('name', becomes === 'copy'), to: errorAt('to', isOneFolder) };
	const isAtField = Object.values(errors).some((text) => text !== null);
	const replaced = shown ? [...shown.disks, ...(shown.nvram ? [shown.nvram] : [])].filter(({ isReplaced }) => isReplaced) : [];
	const isReady = shown !== undefined && (replaced.length === 0 || typedName.trim() === shown.name);

	if (hosts.error) return <ErrorPanel failure={errorShapeOf(hosts.error)} onRetry={() => void hosts.refetch()} />;
	if (hosts.data?.length === 0)
		return (
			<>
				<p className={classes.text}>
					No hypervisor host is known here, and a machine is restored to one. Its disks can be restored to files without a host: select one of them in the list.
				</p>
				<Group justify="flex-end" gap="xs" mt="lg">
					<Button variant="default" onClick={onClose}>
						Close
					</Button>
					<Button component={Link} to={`${inventoryPlace('hosts')}?add=host`}>
						Add a host
					</Button>
				</Group>
			</>
		);
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (isReady) start.mutate(asked);
			}}
		>
			<Select
				label="Host"
				data={names}
				value={hostName}
				onChange={setHost}
				allowDeselect={false}
				placeholder={`It was on ${displayPath(was.host)}, which is not known here`}
				error={errors.host}
			/>
			<Radio.Group label="What it becomes" value={becomes} onChange={(value) => setBecomes(value as Becomes)} mt="md">
				<Stack gap={7} mt={6}>
					<Radio
						value="original"
						label="The machine that it was"
						disabled={isThere}
						description={
							isThere
								? `“${displayPath(was.name)}” is on ${displayPath(hostName ?? '')}, and a machine that is there is never overwritten. Remove it there first to take its place.`
								: `“${displayPath(was.name)}”, with the same id and the same network addresses.`
						}
					/>
					<Radio value="copy" label="A copy under another name" description="With an id and network addresses of its own." />
					{becomes === 'copy' ? (
						<TextInput ml={26} aria-label="Name of the copy" value={name} onChange={(event) => setName(event.currentTarget.value)} error={errors.name} />
					) : null}
				</Stack>
			</Radio.Group>
			<Radio.Group label="Where its disk images go" value={isOneFolder ? 'folder' : 'original'} onChange={(value) => setOneFolder(value === 'folder')} mt="md">
				<Stack gap={7} mt={6}>
					<Radio value="original" label="Into the folders where they were" />
					<Radio value="folder" label="All into one folder on the host" />
					{isOneFolder ? (
						<Group gap={6} ml={26} align="flex-start" wrap="nowrap">
							<TextInput
								className={classes.grow ?? ''}
								aria-label="Folder"
								placeholder="/var/lib/libvirt/images"
								value={folder}
								onChange={(event) => setFolder(event.currentTarget.value)}
								error={errors.to}
							/>
							<Button variant="default" onClick={() => setPicking(true)}>
								Browse…
							</Button>
						</Group>
					) : null}
				</Stack>
			</Radio.Group>
			<Stack gap={7} mt="md">
				<Checkbox
					label="Replace image files that are there"
					description="Never those of a machine that is there. What they hold is lost, also if the restore fails."
					checked={overwrite}
					onChange={(event) => setOverwrite(event.currentTarget.checked)}
				/>
				<Checkbox
					label="Start it when it is there"
					{...(becomes === 'copy' && {
						description: 'Inside it is the same machine: host name, fixed addresses and services are those of the original, and may meet it on the network.',
					})}
					checked={powerOn}
					onChange={(event) => setPowerOn(event.currentTarget.checked)}
				/>
			</Stack>
			<PlanPanel
				label="What happens"
				isBusy={plan.isFetching}
				failure={isAtField ? null : failure}
				onRetry={() => void plan.refetch()}
				waiting={
					isAtField
						? 'Nothing is written until this is mended.'
						: !isComplete(asked)
							? hostName === null
								? 'Choose the host that it goes to.'
								: becomes === 'copy' && name.trim() === ''
									? 'Give the copy a name.'
									: 'Choose a folder to see what would happen.'
							: 'Looking what is there…'
				}
			>
				{shown ? <PlanView plan={shown} powerOn={powerOn} /> : null}
			</PlanPanel>
			{replaced.length > 0 && shown ? (
				<TextInput
					mt="sm"
					label={`${replaced.length === 1 ? 'One file' : `${replaced.length} files`} that ${replaced.length === 1 ? 'is' : 'are'} there now will be lost. Type “${displayPath(shown.name)}” to go on`}
					value={typedName}
					onChange={(event) => setTypedName(event.currentTarget.value)}
					autoComplete="off"
				/>
			) : null}
			{start.error ? (
				<div className={classes.failure}>
					<ErrorPanel failure={withoutOptions(errorShapeOf(start.error))} />
				</div>
			) : null}
			<Group justify="flex-end" gap="xs" mt="lg">
				<Button variant="default" onClick={onClose}>
					Close
				</Button>
				<Button type="submit" disabled={!isReady} loading={start.isPending} {...(replaced.length > 0 && { color: 'red' })}>
					{replaced.length > 0 ? 'Restore and replace files' : powerOn ? 'Restore and start' : 'Restore'}
				</Button>
			</Group>
			<PlacePicker
				machineId={host?.settings.machineId ?? null}
				opened={isPicking}
				title="Restore the images into which folder?"
				mode="folder"
				initialPath={folder.trim() || null}
				onChoose={(path) => {
					setFolder(path);
					setPicking(false);
				}}
				onClose={() => setPicking(false)}
			/>
		</form>
	);
}

/** Hints name the option of the command line in brackets, which has no meaning here. */
const withoutOptions = (failure: ErrorShape): ErrorShape => ({ ...failure, hint: failure.hint?.replaceAll(/ \(--[a-z-]+\)/g, '') });

function PlanView({ plan, powerOn }: { readonly plan: MachinePlan; readonly powerOn: boolean }): ReactNode {
	const { name, formerName, host, isCopy, disks, nvram, savedState, missingDisks, folders } = plan;
	const files = [
		...disks.map((disk) => ({ ...disk, what: disk.name, note: formatBytes(disk.sizeBytes) })),
		...(nvram ? [{ ...nvram, what: 'firmware', note: 'its variables' }] : []),
	];
	return (
		<>
			<PlanHeadline>
				{isCopy
					? `“${displayPath(name)}” is registered on ${displayPath(host)} as a copy${name === formerName ? ': its id is still in use there' : ` of “${displayPath(formerName)}”`}`
					: `“${displayPath(name)}” is registered on ${displayPath(host)} again`}
				{savedState === 'resumed'
					? powerOn
						? ', and goes on from its saved state.'
						: '. It stays off, and goes on from its saved state when it is started.'
					: powerOn
						? ', and started.'
						: '. It stays off.'}
			</PlanHeadline>
			<table className={classes.files}>
				<tbody>
					{files.map(({ what, to, note, isReplaced }) => (
						<tr key={to}>
							<th scope="row">{what}</th>
							<td>
								<code>{displayPath(to)}</code>
								{isReplaced ? <strong> replaces the file that is there</strong> : null}
							</td>
							<td>{note}</td>
						</tr>
					))}
				</tbody>
			</table>
			<p className={classes.note}>
				Images are written as qcow2, and only what the disks hold takes room.
				{folders.map(({ path, freeBytes }) => (freeBytes === null ? '' : ` ${formatBytes(freeBytes)} are free in ${displayPath(path)}.`)).join('')}
			</p>
			{savedState === 'lost' ? (
				<p className={classes.note}>
					The saved state in this point is not used: only the same machine with all of its disks can go on from it. This one starts from its disks, as after a
					power cut.
				</p>
			) : null}
			{missingDisks.length === 0 ? null : (
				<p className={classes.warning}>
					Not in this point: {missingDisks.join(', ')}.{' '}
					{isCopy ? 'The copy goes without what two machines must not use at once.' : 'It is attached as it was defined, with whatever is in it now.'}
				</p>
			)}
		</>
	);
}
