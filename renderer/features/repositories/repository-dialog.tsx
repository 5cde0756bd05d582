import { Button, Group, Modal, NumberInput, Select, Switch, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type ErrorShape, type Machine, mayHoldRepositories, type Repository, type RepositorySettings } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { bytesPerSecOf, type Conflict, ErrorPanel, formatBytes, megabytesPerSecOf, plural, StaleRevision } from '../../ui/index.ts';
import { aNewKey, choiceErrors, choiceOf, chosenKeyId, EncryptionPart, type MadeKey, RecoveryKeyDialog, useEncryptedSave } from '../keys/index.ts';
import { PlacePicker } from '../places/index.ts';
import { CheckSettings, usualChecks } from './check-settings.tsx';
import classes from './repository-dialog.module.css';
import { type Field, fieldOf } from './repository-fields.ts';
import { settingRows } from './setting-rows.ts';

/** Adds a repository, or changes one. The server tries the folder out before it trusts it; what it says stands beside the field. */
export function RepositoryDialog({
	repository,
	onClose,
	onSaved,
}: {
	/** Null: a new one. */
	readonly repository: Repository | null;
	readonly onClose: () => void;
	readonly onSaved: (repository: Repository) => void;
}): ReactNode {
	const [made, setMade] = useState<{ readonly key: MadeKey; readonly repository: Repository } | null>(null);
	if (made) return <RecoveryKeyDialog made={made.key} of={`jobs in “${made.repository.settings.name}”`} onDone={() => onSaved(made.repository)} />;
	return (
		<Modal opened onClose={onClose} title={repository ? `Edit “${repository.settings.name}”` : 'Add repository'} size={540} centered>
			<Body repository={repository} onClose={onClose} onSaved={(saved, key) => (key ? setMade({ key, repository: saved }) : onSaved(saved))} />
		</Modal>
	);
}

const fresh: RepositorySettings = {
	name: '',
	path: '',
	machineId: null,
	gateway: 'fixed',
	mountServerId: null,
	singleFile: false,
	maxTasks: 4,
	readLimit: null,
	writeLimit: null,
	checkSchedule: usualChecks,
	checkDays: 30,
	encryptionKeyId: null,
};

function Body({
	repository,
	onClose,
	onSaved,
}: {
	readonly repository: Repository | null;
	readonly onClose: () => void;
	/** With the key that was made for it. */
	readonly onSaved: (repository: Repository, made: MadeKey | null) => void;
}): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	// What is being edited is what was there when the dialog opened. The page goes on listening: a newer revision that arrives
	// meanwhile must not make this save look like one that has seen it.
	const [base] = useState(repository);
	const [settings, setSettings] = useState(base?.settings ?? fresh);
	/** Until somebody says how many, as many as its disk serves well. */
	const [areTasksChosen, setTasksChosen] = useState(base !== null);
	const [isPicking, setPicking] = useState(false);
	const [conflict, setConflict] = useState<Conflict<Repository> | null>(null);
	const machines = useQuery(trpc.machines.list.queryOptions());
	const holders = (machines.data ?? []).filter((machine) => mayHoldRepositories(machine.settings) || machine.id === settings.machineId);
	const mountServers = (machines.data ?? []).filter((machine) => machine.settings.roles.includes('mount') || machine.id === settings.mountServerId);
	const suggestion = useQuery(trpc.repositories.suggest.queryOptions(undefined, { enabled: repository === null }));
	const [encryption, setEncryption] = useState(() => choiceOf(base?.settings.encryptionKeyId ?? null));
	const [keyErrors, setKeyErrors] = useState<Readonly<Record<string, string>>>({});
	const { saveEncrypted, isMakingKey } = useEncryptedSave();
	const add = useMutation(trpc.repositories.add.mutationOptions());
	const update = useMutation(trpc.repositories.update.mutationOptions());
	const isSaving = isMakingKey || add.isPending || update.isPending;
	const [failure, setFailure] = useState<ErrorShape | null>(null);
	const form = useRef<HTMLFormElement>(null);
	// whoever saves is at the end of the form, and what is wrong may be at its beginning
	useEffect(() => {
		if (failure) form.current?.querySelector('[aria-invalid="true"]')?.scrollIntoView({ block: 'center' });
	}, [failure]);
	const at = failure && failure.code !== 'stale.revision' ? fieldOf(failure) : null;
	const errorAt = (field: Field): ReactNode =>
		failure && at === field ? (
			<>
				{failure.message} {failure.hint ? <span className={classes.hint}>{failure.hint}</span> : null}
			</>
		) : null;
	const change = (part: Partial<RepositorySettings>): void => {
		setSettings((old) => ({ ...old, ...part }));
		setFailure(null);
	};
	const save = async (next: RepositorySettings, revision: number | undefined): Promise<void> => {
		const found = choiceErrors(encryption);
		setKeyErrors(found);
		if (Object.keys(found).length > 0) return;
		setFailure(null);
		try {
			const { saved, made } = await saveEncrypted(encryption, (encryptionKeyId) => {
				const trimmed = { ...next, name: next.name.trim(), path: next.path.trim(), encryptionKeyId };
				return base && revision !== undefined
					? update.mutateAsync({ id: base.id, revision, settings: trimmed })
					: add.mutateAsync(areTasksChosen ? trimmed : { ...trimmed, maxTasks: undefined });
			});
			void queryClient.invalidateQueries(trpc.repositories.pathFilter());
			onSaved(saved, made);
		} catch (error) {
			const shape = errorShapeOf(error);
			const current = shape.data?.current as Repository | undefined;
			if (shape.code === 'stale.revision' && current)
				setConflict({ current, mine: { ...next, encryptionKeyId: encryption.mode === 'new' ? aNewKey : chosenKeyId(encryption) } });
			setFailure(shape);
		}
	};

	if (conflict) {
		return (
			<StaleRevision
				conflict={conflict}
				rows={settingRows}
				isSaving={isSaving}
				onTakeTheirs={() => onSaved(conflict.current, null)}
				onSaveMine={() => void save(conflict.mine, conflict.current.revision)}
				onBack={() => setConflict(null)}
			/>
		);
	}
	const suggested = suggestion.data && settings.machineId === null && settings.path === '' ? suggestion.data : null;
	return (
		<form
			ref={form}
			className={classes.form}
			onSubmit={(event) => {
				event.preventDefault();
				void save(settings, base?.revision);
			}}
		>
			<TextInput
				label="Name"
				required
				value={settings.name}
				placeholder="Vault"
				onChange={(event) => change({ name: event.currentTarget.value })}
				error={errorAt('name')}
				data-autofocus
			/>
			{(machines.data ?? []).length > 0 ? (
				<Select
					label="Machine"
					description="Backup files are written by its data mover. Machines with the role Repository host can be chosen, and Gateways: those have the share mounted that the folder lies on."
					data={[{ value: '', label: 'This server' }, ...holders.map(machineOption)]}
					value={settings.machineId ?? ''}
					onChange={(value) => change({ machineId: value || null })}
					allowDeselect={false}
					error={errorAt('machineId')}
				/>
			) : null}
			<div>
				<Group gap={6} align="flex-end" wrap="nowrap">
					<TextInput
						className={classes.grow ?? ''}
						label={settings.machineId === null ? 'Folder on the server' : 'Folder on that machine'}
						required
						value={settings.path}
						placeholder={(settings.machineId === null ? suggestion.data?.path : null) ?? '/path/to/folder'}
						onChange={(event) => change({ path: event.currentTarget.value })}
						error={at === 'path'}
					/>
					<Button variant="default" onClick={() => setPicking(true)}>
						Browse…
					</Button>
				</Group>
				{at === 'path' ? <p className={classes.fieldError}>{errorAt('path')}</p> : null}
				{suggested ? (
					<p className={classes.note}>
						Most room: <code>{suggested.path}</code>, {formatBytes(suggested.freeBytes)} free.{' '}
						<button type="button" className={classes.take} onClick={() => change({ path: suggested.path, name: settings.name || 'Default repository' })}>
							Take it
						</button>
					</p>
				) : (
					<p className={classes.note}>Made if it does not exist. Backups that lie in it already, also of another installation, can be restored at once.</p>
				)}
			</div>
			{(machines.data ?? []).length > 0 || settings.gateway === 'auto' ? (
				<Switch
					label="It lies on a share that several machines have mounted"
					description="Each backup and restore goes through the machine that works on it, if that one sees this repository at the same path. Merging and checks go through the machine above."
					checked={settings.gateway === 'auto'}
					onChange={(event) => change({ gateway: event.currentTarget.checked ? 'auto' : 'fixed' })}
				/>
			) : null}
			{mountServers.length > 0 ? (
				<Select
					label="Mount server"
					description="Reads this repository for restores to other machines, and verifies its points. It must see it at the same path."
					data={[{ value: '', label: 'Automatic: the machine above' }, ...mountServers.map(machineOption)]}
					value={settings.mountServerId ?? ''}
					onChange={(value) => change({ mountServerId: value || null })}
					allowDeselect={false}
					error={errorAt('mountServerId')}
				/>
			) : null}
			<Switch
				label="One chain for all objects of a job"
				description="Fewer and larger files. Otherwise each object has a chain of its own, which damage to another cannot touch."
				checked={settings.singleFile}
				onChange={(event) => change({ singleFile: event.currentTarget.checked })}
			/>
			{base && base.settings.singleFile !== settings.singleFile && base.chainCount > 0 ? (
				<p className={classes.switchNote}>
					The next run of {base.jobCount === 1 ? 'its job' : `each of its ${plural(base.jobCount, 'job')}`} with several objects begins{' '}
					{settings.singleFile ? 'a new chain' : 'new chains'} with a full. What is stored stays until retention removes it.
				</p>
			) : null}
			<Group grow align="flex-start">
				<NumberInput
					label="Tasks at once"
					min={1}
					max={64}
					value={areTasksChosen ? settings.maxTasks : ''}
					placeholder="As its disk can"
					onChange={(value) => {
						setTasksChosen(value !== '' || base !== null);
						change({ maxTasks: Number(value) || 1 });
					}}
					error={errorAt('maxTasks')}
				/>
				<LimitInput label="Read limit" value={settings.readLimit} onChange={(readLimit) => change({ readLimit })} error={errorAt('readLimit')} />
				<LimitInput label="Write limit" value={settings.writeLimit} onChange={(writeLimit) => change({ writeLimit })} error={errorAt('writeLimit')} />
			</Group>
			<CheckSettings checks={settings} onChange={change} errors={{ schedule: errorAt('checkSchedule') ?? errorAt('schedule'), days: errorAt('checkDays') }} />
			<EncryptionPart
				choice={encryption}
				onChange={(choice) => {
					setEncryption(choice);
					setKeyErrors({});
					setFailure(null);
				}}
				errors={{ ...keyErrors, ...(failure && at === 'encryptionKeyId' && { encryptionKeyId: failure.message }) }}
				none={{ title: 'Not encrypted', text: 'Chains of jobs without a key of their own are readable to whoever reads the files.' }}
				note={
					base && base.chainCount > 0 && (encryption.mode === 'new' || chosenKeyId(encryption) !== base.settings.encryptionKeyId)
						? 'The next run of each job without a key of its own begins new chains with a full. What is stored stays as it is until retention removes it.'
						: null
				}
			/>
			{failure && at === null && failure.code !== 'stale.revision' ? <ErrorPanel failure={failure} /> : null}
			<Group justify="flex-end" gap="xs" mt={4}>
				<Button variant="default" onClick={onClose}>
					Close
				</Button>
				<Button type="submit" loading={isSaving} disabled={settings.name.trim() === '' || settings.path.trim() === ''}>
					{repository ? 'Save' : 'Try it out and add'}
				</Button>
			</Group>
			<PlacePicker
				opened={isPicking}
				title="In which folder shall the backups lie?"
				mode="folder"
				initialPath={settings.path.trim() || null}
				machineId={settings.machineId}
				onChoose={(path) => {
					change({ path });
					setPicking(false);
				}}
				onClose={() => setPicking(false)}
			/>
		</form>
	);
}

const machineOption = ({ id, settings: { name }, state }: Machine) => ({ value: id, label: state === 'online' ? name : `${name} (offline)` });

function LimitInput({
	label,
	value,
	onChange,
	error,
}: {
	readonly label: string;
	readonly value: number | null;
	readonly onChange: (value: number | null) => void;
	readonly error: ReactNode;
}): ReactNode {
	return (
		<NumberInput
			label={label}
			placeholder="none"
			min={0.001}
			decimalScale={3}
			suffix=" MB/s"
			thousandSeparator
			hideControls
			value={value === null ? '' : megabytesPerSecOf(value)}
			onChange={(next) => onChange(typeof next === 'number' && next > 0 ? bytesPerSecOf(next) : null)}
			error={error}
		/>
	);
}
