import { ActionIcon, Button, Menu } from '@mantine/core';
import { IconDots, IconKey } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { EncryptionKey } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import { Link, useQueryParam } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { EmptyState, plural, Section, StatusBadge, TimeAgo } from '../../ui/index.ts';
import { usersText } from './encryption-choice.ts';
import { ChangePasswordDialog, ConfirmRecoveryDialog, ForgetDialog, NewRecoveryKeyDialog } from './key-dialogs.tsx';
import classes from './keys.module.css';

/** The keys of this installation: who uses them, and whether somebody could still open the backups without this machine. `?confirm=ID` asks for the recovery key of one. */
export function KeysSection(): ReactNode {
	const trpc = useTRPC();
	const keys = useQuery(trpc.keys.list.queryOptions());
	const [confirming, setConfirming] = useQueryParam('confirm');
	const asked = keys.data?.find(({ id }) => id === confirming);
	return (
		<Section title="Encryption keys">
			<Loaded query={keys}>
				{(data) =>
					data.length === 0 ? (
						<EmptyState icon={<IconKey size={32} stroke={1.4} />} title="Nothing is encrypted">
							A key is made where a job or a repository gets a password: in the step “Chain and retention” of a job, or in the dialog of a repository.
						</EmptyState>
					) : (
						<ul className={classes.list}>
							{data.map((key) => (
								<KeyRow key={key.id} encryptionKey={key} onConfirm={() => setConfirming(key.id)} />
							))}
						</ul>
					)
				}
			</Loaded>
			{asked ? <ConfirmRecoveryDialog encryptionKey={asked} onClose={() => setConfirming(null)} /> : null}
		</Section>
	);
}

function KeyRow({ encryptionKey: key, onConfirm }: { readonly encryptionKey: EncryptionKey; readonly onConfirm: () => void }): ReactNode {
	const [dialog, setDialog] = useState<'password' | 'recovery' | 'forget' | null>(null);
	const isUsed = key.usedBy.length > 0;
	const close = (): void => setDialog(null);
	return (
		<li className={classes.key} aria-label={`Key ${key.id}`}>
			<IconKey size={18} aria-hidden />
			<div className={classes.keyText}>
				<div className={classes.keyUsers}>
					{isUsed
						? key.usedBy.map(({ kind, id, name }) => (
								<Link key={id} to={`/${kind === 'job' ? 'jobs' : 'repositories'}/${encodeURIComponent(id)}`}>
									{kind === 'job' ? 'Job' : 'Repository'} {name}
								</Link>
							))
						: 'Not used'}
				</div>
				<div className={classes.keyFacts}>
					<code>{key.id}</code> · {plural(key.chainCount, 'chain')} · made <TimeAgo at={key.createdAt} />
				</div>
				{key.recoveryKeyConfirmedAt === null ? (
					<StatusBadge status="warning">Recovery key not confirmed</StatusBadge>
				) : (
					<StatusBadge status="success">
						Recovery key confirmed <TimeAgo at={key.recoveryKeyConfirmedAt} />
					</StatusBadge>
				)}
			</div>
			<div className={classes.keyActions}>
				{key.recoveryKeyConfirmedAt === null && (
					<Button size="compact-sm" onClick={onConfirm}>
						Confirm…
					</Button>
				)}
				<Button size="compact-sm" variant="default" onClick={() => setDialog('password')}>
					Change password…
				</Button>
				<Menu position="bottom-end" width={260}>
					<Menu.Target>
						<ActionIcon variant="default" size={26} aria-label={`More actions of the key ${key.id}`}>
							<IconDots size={15} />
						</ActionIcon>
					</Menu.Target>
					<Menu.Dropdown>
						{key.recoveryKeyConfirmedAt !== null && <Menu.Item onClick={onConfirm}>Try the recovery key…</Menu.Item>}
						<Menu.Item onClick={() => setDialog('recovery')}>New recovery key…</Menu.Item>
						<Menu.Divider />
						<Menu.Item color="red" disabled={isUsed} onClick={() => setDialog('forget')}>
							Forget…
							{isUsed && <div className={classes.reason}>In use by {usersText(key)}. Give it another key, or none, first.</div>}
						</Menu.Item>
					</Menu.Dropdown>
				</Menu>
			</div>
			{dialog === 'password' ? <ChangePasswordDialog encryptionKey={key} onClose={close} /> : null}
			{dialog === 'recovery' ? <NewRecoveryKeyDialog encryptionKey={key} onClose={close} /> : null}
			{dialog === 'forget' ? <ForgetDialog encryptionKey={key} onClose={close} /> : null}
		</li>
	);
}
