import { Button, CopyButton, Group, Modal, TextInput } from '@mantine/core';
import { IconCheck, IconCopy, IconDownload, IconPrinter } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { createPortal } from 'react-dom';
import type { Relocking } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { notifyDone } from '../../ui/index.ts';
import classes from './keys.module.css';
import { PendingChains } from './pending-chains.tsx';
import { groupsOf, provesRecoveryKey, recoverySheet } from './recovery-key.ts';
import type { MadeKey } from './use-encrypted-save.ts';

/**
 * Shows a recovery key, which is never shown again. It is left by two buttons and by nothing else: with the proof that the key is stored, or with
 * "later", after which Home asks for it.
 */
export function RecoveryKeyDialog({
	made,
	of,
	pending = [],
	onDone,
}: {
	readonly made: MadeKey;
	/** Whose backups it opens, in words. */
	readonly of: string;
	/** Chains that a new recovery key has not reached. */
	readonly pending?: Relocking['pending'];
	readonly onDone: () => void;
}): ReactNode {
	const [isProving, setProving] = useState(false);
	const [madeAt] = useState(() => new Date());
	const sheet = recoverySheet(made.recoveryKey, { keyId: made.keyId, of, at: madeAt });
	return (
		<Modal
			opened
			onClose={() => undefined}
			closeOnClickOutside={false}
			closeOnEscape={false}
			withCloseButton={false}
			title={isProving ? 'Show that you have it' : 'Store the recovery key now'}
			size={560}
			centered
		>
			{isProving ? (
				<Proof made={made} onBack={() => setProving(false)} onDone={onDone} />
			) : (
				<>
					<p className={classes.text}>
						It opens the backups of {of} when the password is forgotten, also when this machine is gone. <strong>It is not shown again.</strong> Without it and
						without the password nobody can open them.
					</p>
					<section className={classes.recoveryKey} aria-label="Recovery key">
						{groupsOf(made.recoveryKey).map((group, i) => (
							// biome-ignore lint/suspicious/noArrayIndexKey: groups may be alike, and do not move
							<code key={i}>{group}</code>
						))}
					</section>
					<Group gap="xs">
						<CopyButton value={made.recoveryKey}>
							{({ copied, copy }) => (
								<Button variant="default" onClick={copy} leftSection={copied ? <IconCheck size={15} /> : <IconCopy size={15} />}>
									{copied ? 'Copied' : 'Copy'}
								</Button>
							)}
						</CopyButton>
						<Button variant="default" leftSection={<IconDownload size={15} />} onClick={() => saveText(`holdfast-recovery-key-${made.keyId}.txt`, sheet)}>
							Save as file
						</Button>
						<Button variant="default" leftSection={<IconPrinter size={15} />} onClick={() => window.print()}>
							Print
						</Button>
					</Group>
					<p className={classes.note}>Not on the machine that it is to save, and not beside the backups: on paper, a stick, or in a password safe.</p>
					{pending.length > 0 && (
						<PendingChains pending={pending}>Still open with the recovery key before. Make a new one again when they can be reached:</PendingChains>
					)}
					<Group justify="flex-end" gap="xs" mt="lg">
						<Button variant="subtle" color="gray" onClick={onDone} title="Home goes on asking for it">
							Confirm later
						</Button>
						<Button onClick={() => setProving(true)} data-autofocus>
							I have stored it
						</Button>
					</Group>
				</>
			)}
			{createPortal(<pre className={classes.sheet}>{sheet}</pre>, document.body)}
		</Modal>
	);
}

/** The key is out of sight here: what is typed comes from where it was stored. */
function Proof({ made, onBack, onDone }: { readonly made: MadeKey; readonly onBack: () => void; readonly onDone: () => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [typed, setTyped] = useState('');
	const [problem, setProblem] = useState<string | null>(null);
	const confirm = useMutation(
		trpc.keys.confirmRecoveryKey.mutationOptions({
			gcTime: 0,
			onSuccess: () => {
				void queryClient.invalidateQueries(trpc.keys.pathFilter());
				void queryClient.invalidateQueries(trpc.system.overview.pathFilter());
				notifyDone('The recovery key is the right one');
				onDone();
			},
			onError: (error) => {
				const { message, hint } = errorShapeOf(error);
				setProblem([message, hint].filter(Boolean).join(' '));
			},
		}),
	);
	const groups = groupsOf(made.recoveryKey);
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (provesRecoveryKey(typed, made.recoveryKey)) confirm.mutate(made);
				else setProblem('This is not what the recovery key ends with.');
			}}
		>
			<div className={classes.recoveryKey} aria-hidden>
				{groups.map((group, i) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: groups may be alike, and do not move
					<code key={i} data-asked={i === groups.length - 1 || undefined}>
						{'•'.repeat(group.length)}
					</code>
				))}
			</div>
			<TextInput
				label="Type its last group, or paste all of it"
				description="From where you stored it."
				value={typed}
				onChange={(event) => {
					setTyped(event.currentTarget.value);
					setProblem(null);
				}}
				error={problem}
				autoComplete="off"
				spellCheck={false}
				data-autofocus
				autoFocus
			/>
			<Group justify="flex-end" gap="xs" mt="lg">
				<Button variant="subtle" color="gray" onClick={onDone} title="Home goes on asking for it">
					Confirm later
				</Button>
				<Button variant="default" onClick={onBack}>
					Show it again
				</Button>
				<Button type="submit" loading={confirm.isPending} disabled={typed.trim() === ''}>
					Confirm
				</Button>
			</Group>
		</form>
	);
}

function saveText(fileName: string, text: string): void {
	const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
	const anchor = document.createElement('a');
	anchor.href = url;
	anchor.download = fileName;
	anchor.click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
