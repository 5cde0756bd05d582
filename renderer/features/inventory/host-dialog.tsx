import { Button, Group, Modal, TextInput } from '@mantine/core';
import { IconPlugConnected } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { type Host, type HostSettings, hostSettings } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, notifyDone, StatusBadge } from '../../ui/index.ts';
import { MachineSelect } from '../places/index.ts';
import classes from './inventory.module.css';
import { factsText } from './inventory-words.ts';

const usual = { name: '', uri: 'qemu:///system', scratchFolder: '/var/tmp' };
type Typed = typeof usual;

/** Only a host that answers is added; whether it does can be tried before. */
export function AddHostDialog({ onClose, onAdded }: { readonly onClose: () => void; readonly onAdded: (host: Host) => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [typed, setTyped] = useState<Typed>(usual);
	const [machineId, setMachineId] = useState<string | null>(null);
	const [wrong, setWrong] = useState<Readonly<Record<string, string>>>({});
	const test = useMutation(trpc.hosts.test.mutationOptions());
	const add = useMutation(
		trpc.hosts.add.mutationOptions({
			onSuccess: (host) => {
				void queryClient.invalidateQueries(trpc.hosts.pathFilter());
				notifyDone(`“${host.settings.name}” is added`);
				onAdded(host);
			},
		}),
	);
	const reset = (): void => {
		test.reset();
		add.reset();
	};
	/** Null: something is wrong, and said beside its field. */
	const read = (name: string): HostSettings | null => {
		const parsed = hostSettings.safeParse({ ...typed, machineId, name, type: 'libvirt' });
		setWrong(Object.fromEntries(parsed.error?.issues.map(({ path, message }) => [path.join('.'), message]) ?? []));
		return parsed.data ?? null;
	};
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		const settings = read(typed.name);
		reset();
		if (settings) add.mutate(settings);
	};
	const tryOut = (): void => {
		// It can be tried before it has a name.
		const settings = read(typed.name.trim() || 'test');
		reset();
		if (settings) test.mutate(settings);
	};
	const failure = add.error ? errorShapeOf(add.error) : test.error ? errorShapeOf(test.error) : null;
	const field = typeof failure?.data?.field === 'string' ? failure.data.field : '';
	const isAtField = field in usual || field === 'machineId';
	const errorAt = (name: keyof Typed): string | undefined =>
		wrong[name] ?? (failure && field === name ? [failure.message, failure.hint].join(' ').trim() : undefined);
	const change = (name: keyof Typed) => (event: { readonly currentTarget: { readonly value: string } }) => {
		const { value } = event.currentTarget;
		setTyped((old) => ({ ...old, [name]: value }));
		setWrong(({ [name]: _, ...others }) => others);
		reset();
	};
	return (
		<Modal opened onClose={onClose} title="Add hypervisor host" size={540} centered closeOnClickOutside={false}>
			<form onSubmit={submit} className={classes.form} noValidate>
				<TextInput label="Name" required data-autofocus placeholder="Lab" value={typed.name} error={errorAt('name')} onChange={change('name')} />
				<MachineSelect
					label="Reached through"
					description="The managed machine that the host is on: its data mover reads the virtual machines and gives them back."
					machineId={machineId}
					{...(field === 'machineId' && failure && { error: failure.message })}
					onMachine={(id) => {
						setMachineId(id);
						reset();
					}}
				/>
				<TextInput
					label="Address"
					description="As libvirt reaches it from there: qemu:///system. An address that leads to another machine shows what that host has, and no more."
					required
					placeholder="qemu:///system"
					value={typed.uri}
					error={errorAt('uri')}
					onChange={change('uri')}
				/>
				<TextInput
					label="Scratch files"
					description="A folder on the host, which QEMU can get to: what machines overwrite during a backup is kept there."
					required
					value={typed.scratchFolder}
					error={errorAt('scratchFolder')}
					onChange={change('scratchFolder')}
				/>
				{failure && !isAtField ? <ErrorPanel title={add.error ? 'It was not added' : 'It does not answer'} failure={failure} /> : null}
				{test.data ? (
					<div className={classes.answer} role="status">
						<StatusBadge status="ready">It answers</StatusBadge> {factsText(test.data)}
					</div>
				) : null}
				<Group justify="space-between" gap="xs">
					<Button variant="default" leftSection={<IconPlugConnected size={15} />} loading={test.isPending} onClick={tryOut}>
						Test
					</Button>
					<Group gap="xs">
						<Button variant="default" onClick={onClose}>
							Cancel
						</Button>
						<Button type="submit" loading={add.isPending} disabled={typed.name.trim() === ''}>
							Add
						</Button>
					</Group>
				</Group>
			</form>
		</Modal>
	);
}
