import { Button, Checkbox, CopyButton, Group, Modal, TextInput } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { type ErrorShape, type Machine, type MachineRole, type MachineSettings, machineRole } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, notifyDone } from '../../ui/index.ts';
import { addressText, parseAddress, roleWords } from './machine-words.ts';
import classes from './machines.module.css';

/** Shows a token and waits for what is typed: the data mover is started with it, then the machine is added. */
export function AddMachineDialog({ onClose, onAdded }: { readonly onClose: () => void; readonly onAdded: (machine: Machine) => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const { mutate: offer, ...offered } = useMutation(trpc.machines.offerPairing.mutationOptions({ gcTime: 0 }));
	const isAsked = useRef(false);
	useEffect(() => {
		if (isAsked.current) return; // once for a dialog, however often it is drawn
		isAsked.current = true;
		offer();
	}, [offer]);
	const add = useMutation(
		trpc.machines.add.mutationOptions({
			onSuccess: (machine) => {
				void queryClient.invalidateQueries(trpc.machines.pathFilter());
				notifyDone(`“${machine.settings.name}” is paired`);
				onAdded(machine);
			},
		}),
	);
	const token = offered.data?.token;
	const command = token === undefined ? '' : `holdfast --data /var/lib/holdfast-mover mover start --listen 0.0.0.0:9471 --pair ${token}`;
	return (
		<Modal opened onClose={onClose} title="Add machine" size={580} centered closeOnClickOutside={false}>
			<p className={classes.text}>
				<strong>1.</strong> Run this on the machine, where Holdfast is installed. The token is good for one machine and one hour.
			</p>
			{offered.error ? <ErrorPanel failure={errorShapeOf(offered.error)} onRetry={() => offer()} /> : null}
			<section className={classes.command} aria-label="Command with the pairing token">
				<code>{command || 'A token is being made…'}</code>
			</section>
			<Group gap="xs">
				{(
					[
						['Copy command', command],
						['Copy token', token ?? ''],
					] as const
				).map(([label, value]) => (
					<CopyButton key={label} value={value}>
						{({ copied, copy }) => (
							<Button
								variant="default"
								size="compact-sm"
								disabled={value === ''}
								onClick={copy}
								leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
							>
								{copied ? 'Copied' : label}
							</Button>
						)}
					</CopyButton>
				))}
			</Group>
			<p className={classes.text}>
				<strong>2.</strong> When it says that it waits to be paired, name it here.
			</p>
			<MachineForm
				initial={{ name: '', address: '', roles: [] }}
				label="Pair and add"
				isBusy={add.isPending}
				failure={add.error ? errorShapeOf(add.error) : null}
				isReady={token !== undefined}
				onChange={() => add.reset()}
				onSubmit={(settings) => token !== undefined && add.mutate({ settings: { ...settings, maxTasks: null }, token })}
				onClose={onClose}
			/>
		</Modal>
	);
}

export function EditMachineDialog({ machine, onClose }: { readonly machine: Machine; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	// What is being edited is what was there when the dialog opened; a newer revision must be seen before it is replaced.
	const [base] = useState(machine);
	const update = useMutation(
		trpc.machines.update.mutationOptions({
			onSuccess: () => {
				void queryClient.invalidateQueries(trpc.machines.pathFilter());
				onClose();
			},
		}),
	);
	const { settings } = base;
	return (
		<Modal opened onClose={onClose} title={`Edit “${settings.name}”`} size={480} centered>
			<MachineForm
				initial={{ name: settings.name, address: addressText(settings.address), roles: settings.roles }}
				label="Save"
				isBusy={update.isPending}
				failure={update.error ? errorShapeOf(update.error) : null}
				isReady
				onChange={() => update.reset()}
				onSubmit={(next) => update.mutate({ id: base.id, revision: base.revision, settings: { ...next, maxTasks: settings.maxTasks } })}
				onClose={onClose}
			/>
		</Modal>
	);
}

type Typed = { readonly name: string; readonly address: string; readonly roles: readonly MachineRole[] };

function MachineForm({
	initial,
	label,
	isBusy,
	isReady,
	failure,
	onChange,
	onSubmit,
	onClose,
}: {
	readonly initial: Typed;
	readonly label: string;
	readonly isBusy: boolean;
	readonly isReady: boolean;
	readonly failure: ErrorShape | null;
	readonly onChange: () => void;
	readonly onSubmit: (settings: Omit<MachineSettings, 'maxTasks'>) => void;
	readonly onClose: () => void;
}): ReactNode {
	const [typed, setTyped] = useState(initial);
	const [addressError, setAddressError] = useState<string | null>(null);
	const change = (part: Partial<Typed>): void => {
		setTyped((old) => ({ ...old, ...part }));
		setAddressError(null);
		onChange();
	};
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		const address = parseAddress(typed.address);
		if (address) onSubmit({ name: typed.name.trim(), address, roles: machineRole.options.filter((role) => typed.roles.includes(role)) });
		else setAddressError('Write HOST:PORT, for example 10.0.0.5:9471.');
	};
	const field = typeof failure?.data?.field === 'string' ? failure.data.field : null;
	const errorAt = (name: string): string | null => (failure && field === name ? [failure.message, failure.hint].filter(Boolean).join(' ') : null);
	return (
		<form onSubmit={submit} className={classes.form}>
			<TextInput
				label="Name"
				required
				placeholder="Vault"
				value={typed.name}
				error={errorAt('name')}
				onChange={(event) => change({ name: event.currentTarget.value })}
			/>
			<TextInput
				label="Address of its data mover"
				required
				placeholder="10.0.0.5:9471"
				value={typed.address}
				error={addressError ?? errorAt('address')}
				onChange={(event) => change({ address: event.currentTarget.value })}
			/>
			<Checkbox.Group
				label="Roles"
				description="What it may be used for."
				value={[...typed.roles]}
				onChange={(roles) => change({ roles: roles as MachineRole[] })}
			>
				<Group gap="md" mt={6}>
					{machineRole.options.map((role) => (
						<Checkbox key={role} value={role} label={roleWords[role]} />
					))}
				</Group>
			</Checkbox.Group>
			{failure && field !== 'name' && field !== 'address' ? <ErrorPanel failure={failure} /> : null}
			<Group justify="flex-end" gap="xs">
				<Button variant="default" onClick={onClose}>
					Cancel
				</Button>
				<Button type="submit" loading={isBusy} disabled={!isReady || typed.name.trim() === '' || typed.address.trim() === ''}>
					{label}
				</Button>
			</Group>
		</form>
	);
}
