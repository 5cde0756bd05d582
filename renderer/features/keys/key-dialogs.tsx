import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { EncryptionKey } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ConfirmDialog, ErrorPanel, notifyDone, plural } from '../../ui/index.ts';
import { passwordErrors, shortId, usersText } from './encryption-choice.ts';
import classes from './keys.module.css';
import { PasswordFields } from './password-fields.tsx';
import { PendingChains } from './pending-chains.tsx';
import { RecoveryKeyDialog } from './recovery-key-dialog.tsx';

type DialogProps = { readonly encryptionKey: EncryptionKey; readonly onClose: () => void };

const ownerText = (key: EncryptionKey): string => usersText(key) || `the key ${shortId(key.id)}`;

function useStaleKeys(): () => void {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	return () => {
		void queryClient.invalidateQueries(trpc.keys.pathFilter());
		void queryClient.invalidateQueries(trpc.system.overview.pathFilter());
	};
}

/** What could not be reached stays on the screen with the password, so that it can be asked for again. */
export function ChangePasswordDialog({ encryptionKey: key, onClose }: DialogProps): ReactNode {
	const trpc = useTRPC();
	const stale = useStaleKeys();
	const [typed, setTyped] = useState({ password: '', repeated: '' });
	const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
	const change = useMutation(
		trpc.keys.changePassword.mutationOptions({
			gcTime: 0,
			onSuccess: ({ chainCount, pending }) => {
				stale();
				if (pending.length > 0) return;
				notifyDone(chainCount === 0 ? 'The password was changed' : `The password was changed in ${plural(chainCount, 'chain')}`);
				onClose();
			},
		}),
	);
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		const found = passwordErrors(typed.password, typed.repeated);
		setErrors(found);
		if (Object.keys(found).length === 0) change.mutate({ keyId: key.id, password: typed.password });
	};
	const pending = change.data?.pending ?? [];
	return (
		<Modal opened onClose={onClose} title={`Change the password of ${ownerText(key)}`} size={480} centered closeOnClickOutside={false}>
			<form onSubmit={submit} className={classes.form}>
				<p className={classes.text}>
					Every file of {plural(key.chainCount, 'chain')} gets the new password at once; no data is written anew, and the recovery key stays. The password
					before then opens none of these files. A copy of them that somebody made earlier still opens with it.
				</p>
				<PasswordFields
					label="New password"
					{...typed}
					errors={errors}
					onChange={(part) => {
						setTyped((old) => ({ ...old, ...part }));
						setErrors({});
						change.reset();
					}}
				/>
				{pending.length > 0 && change.data ? (
					<PendingChains pending={pending}>
						{plural(change.data.chainCount - pending.length, 'chain')} changed. Not yet changed, and still open with the password before:
					</PendingChains>
				) : null}
				{change.error ? <ErrorPanel failure={errorShapeOf(change.error)} /> : null}
				<Group justify="flex-end" gap="xs">
					<Button variant="default" onClick={onClose}>
						{pending.length > 0 ? 'Close' : 'Cancel'}
					</Button>
					<Button type="submit" loading={change.isPending}>
						{pending.length > 0 ? 'Try again' : 'Change the password'}
					</Button>
				</Group>
			</form>
		</Modal>
	);
}

export function NewRecoveryKeyDialog({ encryptionKey: key, onClose }: DialogProps): ReactNode {
	const trpc = useTRPC();
	const stale = useStaleKeys();
	const make = useMutation(trpc.keys.newRecoveryKey.mutationOptions({ gcTime: 0, onSuccess: stale }));
	if (make.data) {
		const { recoveryKey, pending } = make.data;
		return <RecoveryKeyDialog made={{ keyId: key.id, recoveryKey }} of={ownerText(key)} pending={pending} onDone={onClose} />;
	}
	return (
		<ConfirmDialog
			opened
			title={`Make a new recovery key for ${ownerText(key)}?`}
			confirmLabel="Make a new one"
			isHarmless
			isBusy={make.isPending}
			failure={make.error ? errorShapeOf(make.error) : null}
			losses={[`The recovery key before then opens none of the ${plural(key.chainCount, 'chain')} that can be reached.`, 'The password stays.']}
			onConfirm={() => make.mutate({ keyId: key.id })}
			onClose={onClose}
		>
			For when the one before is lost, or in wrong hands. The new one is shown once.
		</ConfirmDialog>
	);
}

/** Asks for a recovery key that was shown some time ago: here only the whole of it tells. */
export function ConfirmRecoveryDialog({ encryptionKey: key, onClose }: DialogProps): ReactNode {
	const trpc = useTRPC();
	const stale = useStaleKeys();
	const [typed, setTyped] = useState('');
	const [isLost, setLost] = useState(false);
	const confirm = useMutation(
		trpc.keys.confirmRecoveryKey.mutationOptions({
			gcTime: 0,
			onSuccess: () => {
				stale();
				notifyDone('The recovery key is the right one');
				onClose();
			},
		}),
	);
	if (isLost) return <NewRecoveryKeyDialog encryptionKey={key} onClose={onClose} />;
	const failure = confirm.error ? errorShapeOf(confirm.error) : null;
	return (
		<Modal opened onClose={onClose} title={`Confirm the recovery key of ${ownerText(key)}`} size={520} centered>
			<form
				className={classes.form}
				onSubmit={(event) => {
					event.preventDefault();
					confirm.mutate({ keyId: key.id, recoveryKey: typed.trim() });
				}}
			>
				<p className={classes.text}>Type it from where it is stored, or paste it. Without it and without the password nobody can ever open these backups.</p>
				<TextInput
					label="Recovery key"
					placeholder="XXXXXX-XXXXXX-XXXXXX-XXXXXX-XXXXXX-XXXXXX"
					value={typed}
					onChange={(event) => {
						setTyped(event.currentTarget.value);
						confirm.reset();
					}}
					error={failure ? [failure.message, failure.hint].filter(Boolean).join(' ') : null}
					autoComplete="off"
					spellCheck={false}
					data-autofocus
				/>
				<Group justify="flex-end" gap="xs">
					<Button variant="subtle" color="gray" onClick={() => setLost(true)}>
						I do not have it…
					</Button>
					<Button variant="default" onClick={onClose}>
						Later
					</Button>
					<Button type="submit" loading={confirm.isPending} disabled={typed.trim() === ''}>
						Confirm
					</Button>
				</Group>
			</form>
		</Modal>
	);
}

export function ForgetDialog({ encryptionKey: key, onClose }: DialogProps): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const remove = useMutation(
		trpc.keys.remove.mutationOptions({
			onSuccess: () => {
				for (const { pathFilter } of [trpc.keys, trpc.repositories, trpc.chains, trpc.points, trpc.system.overview])
					void queryClient.invalidateQueries(pathFilter());
				onClose();
			},
		}),
	);
	return (
		<ConfirmDialog
			opened
			title={`Forget the key ${shortId(key.id)}?`}
			confirmLabel="Forget it"
			{...(key.chainCount > 0 && { confirmName: shortId(key.id) })}
			isBusy={remove.isPending}
			failure={remove.error ? errorShapeOf(remove.error) : null}
			losses={
				key.chainCount === 0
					? ['No chain is encrypted with it.']
					: [
							`${plural(key.chainCount, 'chain')} cannot be read here any more until they are unlocked with the password or the recovery key.`,
							...(key.recoveryKeyConfirmedAt === null ? ['Nobody has shown that the recovery key is stored.'] : []),
							'Their files stay.',
						]
			}
			onConfirm={() => remove.mutate({ keyId: key.id })}
			onClose={onClose}
		>
			This installation forgets the key.
		</ConfirmDialog>
	);
}
