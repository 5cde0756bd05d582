import { Button, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { OverwriteRule, Point, RestorePlan } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { download, errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, type Failure, formatBytes, formatDateTime, formatNumber, plural } from '../../ui/index.ts';
import { MachineSelect, PlacePicker } from '../places/index.ts';
import type { Picked } from './basket.ts';
import { displayPath } from './path-text.ts';
import { PlanHeadline, PlanPanel } from './plan-panel.tsx';
import classes from './restore-dialog.module.css';
import { objectPath } from './restore-places.ts';

type Destination = 'original' | 'folder' | 'download';
/** From here on overwriting asks for the name of what is overwritten. */
const manyOverwritten = 100;
/** A download's paths travel in its address, and servers take no address of any length. */
const mostDownloadChars = 12_000;

/** Where to, what about files that are there already, and a dry run of it all before anything is written. */
export function RestoreDialog({
	point,
	items,
	onClose,
}: {
	readonly point: Point;
	readonly items: readonly Picked[];
	readonly onClose: () => void;
}): ReactNode {
	return (
		<Modal opened onClose={onClose} title={`Restore ${plural(items.length, 'item')} as of ${formatDateTime(point.createdAt)}`} size={620} centered>
			<Body point={point} items={items} onClose={onClose} />
		</Modal>
	);
}

function Body({ point, items, onClose }: { readonly point: Point; readonly items: readonly Picked[]; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const [destination, setDestination] = useState<Destination>('original');
	const [chosenMachine, setChosenMachine] = useState<string | null>(point.machine?.id ?? null);
	const [folder, setFolder] = useState('');
	const [overwrite, setOverwrite] = useState<OverwriteRule>('never');
	const [isPicking, setPicking] = useState(false);
	const [typedName, setTypedName] = useState('');
	const [settledFolder] = useDebouncedValue(folder.trim(), 350);

	const paths = items.map((item) => item.path);
	const to = destination === 'folder' ? settledFolder : null;
	const canPlan = destination === 'original' || (destination === 'folder' && settledFolder !== '');
	const machineId = destination === 'original' ? point.machine?.id : (chosenMachine ?? undefined);
	const asked = { point: point.id, paths, machineId, to, overwrite };
	const plan = useQuery(trpc.restore.plan.queryOptions(asked, { enabled: canPlan, staleTime: 0, gcTime: 0 }));
	const start = useMutation(trpc.restore.files.mutationOptions({ onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`) }));
	const save = useMutation({ mutationFn: () => download({ point: point.id, paths }), onSuccess: onClose });

	const isStale = folder.trim() !== settledFolder;
	const shown = canPlan && !isStale ? plan.data : undefined;
	const overwritten = shown?.overwritten ?? 0;
	const target = destination === 'original' ? objectPath(point.object) : settledFolder;
	const name = displayPath(target).split('/').filter(Boolean).at(-1) ?? displayPath(target);
	const needsName = overwritten >= manyOverwritten;
	const planFailure: Failure | null = canPlan && plan.error ? errorShapeOf(plan.error) : null;
	const failsAtFolder = destination === 'folder' && planFailure !== null && (planFailure.code.startsWith('restore.') || planFailure.data?.field === 'to');
	const isTooLong = destination === 'download' && paths.reduce((sum, path) => sum + encodeURIComponent(path.toWellFormed()).length + 6, 0) > mostDownloadChars;
	const isReady = !isTooLong && (destination === 'download' || (shown?.fits && planFailure === null && (!needsName || typedName.trim() === name)));

	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (!isReady) return;
				if (destination === 'download') save.mutate();
				else start.mutate(asked);
			}}
		>
			<Radio.Group label="Where to" value={destination} onChange={(value) => setDestination(value as Destination)}>
				<Stack gap={7} mt={6}>
					<Radio
						value="original"
						label="Where it was"
						description={`${displayPath(objectPath(point.object))}${point.machine ? ` on ${point.machine.name}` : ''}`}
					/>
					<Radio value="folder" label="Another folder" />
					{destination === 'folder' ? (
						<Group gap={6} ml={26} align="flex-start" wrap="nowrap">
							<MachineSelect
								className={classes.machine ?? ''}
								aria-label="Machine to restore on"
								machineId={chosenMachine}
								onMachine={(next) => {
									setChosenMachine(next);
									setFolder(''); // it was a folder of the other machine
								}}
							/>
							<TextInput
								className={classes.grow ?? ''}
								aria-label="Folder"
								placeholder="/path/to/folder"
								value={folder}
								onChange={(event) => setFolder(event.currentTarget.value)}
								error={failsAtFolder ? planFailure.message : null}
								data-autofocus
							/>
							<Button variant="default" onClick={() => setPicking(true)}>
								Browse…
							</Button>
						</Group>
					) : null}
					<Radio
						value="download"
						label="Download to the computer in front of you"
						description={
							items.length === 1 && items[0]?.type === 'file' ? 'The file as it is.' : 'As one zip archive; owners and access lists do not survive that.'
						}
					/>
				</Stack>
			</Radio.Group>
			{destination === 'download' ? null : (
				<Radio.Group label="When a file is there already" value={overwrite} onChange={(value) => setOverwrite(value as OverwriteRule)} mt="md">
					<Group gap={22} mt={6}>
						<Radio value="never" label="Keep it" />
						<Radio value="newer" label="Overwrite if the backup is newer" />
						<Radio value="always" label="Overwrite" />
					</Group>
				</Radio.Group>
			)}
			{destination === 'download' ? null : (
				<PlanPanel
					label="Dry run"
					isBusy={plan.isFetching}
					failure={failsAtFolder ? null : planFailure}
					onRetry={() => void plan.refetch()}
					waiting={canPlan || isStale ? (failsAtFolder ? planFailure?.hint : 'Counting what would happen…') : 'Choose a folder to see what would happen.'}
				>
					{shown ? <PlanView plan={shown} target={target} /> : null}
				</PlanPanel>
			)}
			{isTooLong ? (
				<p className={classes.warning}>These are too many single items for one download. Select the folders that they lie in, or restore to a folder.</p>
			) : null}
			{needsName ? (
				<TextInput
					mt="sm"
					label={`${formatNumber(overwritten)} files will be overwritten. Type “${name}” to go on`}
					value={typedName}
					onChange={(event) => setTypedName(event.currentTarget.value)}
					autoComplete="off"
				/>
			) : null}
			{start.error || save.error ? (
				<div className={classes.failure}>
					<ErrorPanel failure={errorShapeOf(start.error ?? save.error)} />
				</div>
			) : null}
			<Group justify="flex-end" gap="xs" mt="lg">
				<Button variant="default" onClick={onClose}>
					Close
				</Button>
				<Button type="submit" disabled={!isReady} loading={start.isPending || save.isPending} {...(overwritten > 0 && { color: 'red' })}>
					{destination === 'download' ? 'Download' : overwritten > 0 ? `Restore and overwrite ${formatNumber(overwritten)}` : 'Restore'}
				</Button>
			</Group>
			<PlacePicker
				opened={isPicking}
				title="Restore into which folder?"
				mode="folder"
				machineId={chosenMachine}
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

function PlanView({ plan, target }: { readonly plan: RestorePlan; readonly target: string }): ReactNode {
	const [isOpen, setOpen] = useState(false);
	const others = plan.links + plan.others;
	const written = plan.files + plan.links + plan.others + plan.directories - plan.kept;
	return (
		<>
			<PlanHeadline>
				{plan.kept > 0 && written <= plan.directories
					? 'Nothing would be written: everything is there already.'
					: `${formatBytes(plan.bytes)} would be written to ${displayPath(target)}.`}
			</PlanHeadline>
			<dl className={classes.counts}>
				<div>
					<dt>Files</dt>
					<dd>{formatNumber(plan.files)}</dd>
				</div>
				<div>
					<dt>Folders</dt>
					<dd>{formatNumber(plan.directories)}</dd>
				</div>
				{others > 0 ? (
					<div>
						<dt>Links and special files</dt>
						<dd>{formatNumber(others)}</dd>
					</div>
				) : null}
				<div data-tone={plan.overwritten > 0 ? 'bad' : undefined}>
					<dt>Overwritten</dt>
					<dd>{formatNumber(plan.overwritten)}</dd>
				</div>
				<div>
					<dt>Kept as they are</dt>
					<dd>{formatNumber(plan.kept)}</dd>
				</div>
				<div data-tone={plan.fits ? undefined : 'bad'}>
					<dt>Free there</dt>
					<dd>{plan.freeBytes === null ? '–' : formatBytes(plan.freeBytes)}</dd>
				</div>
			</dl>
			{plan.fits ? null : <p className={classes.warning}>There is not enough room. Free some, choose another place, or restore less.</p>}
			{plan.overwritten > 0 ? (
				<div className={classes.overwritten}>
					<p className={classes.warning}>
						{plan.overwritten === 1 ? 'One file that is there now is lost.' : `${formatNumber(plan.overwritten)} files that are there now are lost.`}{' '}
						<button type="button" className={classes.reveal} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
							{isOpen ? 'Hide them' : 'Which?'}
						</button>
					</p>
					{isOpen ? (
						<ul>
							{plan.overwrittenPaths.map((path) => (
								<li key={path}>{displayPath(path)}</li>
							))}
							{plan.overwritten > plan.overwrittenPaths.length ? <li>and {formatNumber(plan.overwritten - plan.overwrittenPaths.length)} more</li> : null}
						</ul>
					) : null}
				</div>
			) : null}
		</>
	);
}
