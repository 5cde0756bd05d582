import { Button, Group, Modal, PasswordInput, SegmentedControl, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { Repository } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, notifyDone, plural } from '../../ui/index.ts';
import classes from './keys.module.css';

export type UnlockDialogProps = { readonly repository: Repository; readonly onClose: () => void; readonly onUnlocked: () => void };

export const UnlockDialog = (props: UnlockDialogProps): ReactNode => (
	<Modal opened onClose={props.onClose} title={`Unlock backups in “${props.repository.settings.name}”`} size={460} centered>
		<Body {...props} />
	</Modal>
);

/** A wrong secret stays where it was typed: often one character is missing. */
function Body({ repository, onClose, onUnlocked }: UnlockDialogProps): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [kind, setKind] = useState<'password' | 'recoveryKey'>('password');
	const [typed, setTyped] = useState({ password: '', recoveryKey: '' });
	// The events of the unlocking arrive before its answer, and count the chains anew.
	const [before] = useState(repository.chainCount);
	const unlock = useMutation(
		trpc.keys.unlock.mutationOptions({
			gcTime: 0,
			onSuccess: ({ keyIds, repository: after }) => {
				for (const { pathFilter } of [trpc.repositories, trpc.chains, trpc.points, trpc.keys, trpc.system.overview])
					void queryClient.invalidateQueries(pathFilter());
				const more = after.chainCount - before;
				notifyDone(
					more > 0
						? `${plural(more, 'chain')} in “${after.settings.name}” can be read now`
						: `${plural(keyIds.length, 'key')} known here; “${after.settings.name}” has ${plural(after.chainCount, 'chain')} that can be read`,
				);
				onUnlocked();
			},
		}),
	);
	const failure = unlock.error ? errorShapeOf(unlock.error) : null;
	const isAboutSecret = failure?.code === 'auth.wrong-secret' || failure?.code === 'usage.invalid';
	const error = isAboutSecret ? [failure?.message, failure?.hint].filter(Boolean).join(' ') : null;
	const change = (value: string): void => {
		setTyped((old) => ({ ...old, [kind]: value }));
		unlock.reset();
	};
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		const secret = kind === 'password' ? { password: typed.password } : { recoveryKey: typed.recoveryKey.trim() };
		unlock.mutate({ repositoryId: repository.id, secret });
	};
	return (
		<form onSubmit={submit} className={classes.form}>
			<SegmentedControl
				aria-label="With"
				value={kind}
				onChange={(value) => {
					setKind(value as typeof kind);
					unlock.reset();
				}}
				data={[
					{ value: 'password', label: 'Password' },
					{ value: 'recoveryKey', label: 'Recovery key' },
				]}
			/>
			{kind === 'password' ? (
				<PasswordInput
					key="password"
					label="Password of the backups"
					value={typed.password}
					onChange={(event) => change(event.currentTarget.value)}
					error={error}
					autoComplete="off"
					data-autofocus
				/>
			) : (
				<TextInput
					key="recovery"
					label="Recovery key of the backups"
					description="36 characters in six groups; hyphens and case do not matter."
					placeholder="XXXXXX-XXXXXX-XXXXXX-XXXXXX-XXXXXX-XXXXXX"
					value={typed.recoveryKey}
					onChange={(event) => change(event.currentTarget.value)}
					error={error}
					autoComplete="off"
					spellCheck={false}
					data-autofocus
				/>
			)}
			<p className={classes.note}>It opens every chain there that was encrypted with it. The key is then kept by this installation.</p>
			{failure && !isAboutSecret ? <ErrorPanel failure={failure} /> : null}
			<Group justify="flex-end" gap="xs">
				<Button variant="default" onClick={onClose}>
					Cancel
				</Button>
				<Button type="submit" loading={unlock.isPending} disabled={typed[kind].trim() === ''}>
					Unlock
				</Button>
			</Group>
		</form>
	);
}
