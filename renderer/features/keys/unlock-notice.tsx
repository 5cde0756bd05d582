import { Button } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import type { Repository } from '../../../engine/contract/index.ts';
import classes from './keys.module.css';
import { UnlockDialog } from './unlock-dialog.tsx';

/** Chains whose key is not here: nothing is wrong with them. */
export function UnlockNotice({ repository, onUnlocked }: { readonly repository: Repository; readonly onUnlocked?: () => void }): ReactNode {
	const [isOpen, setOpen] = useState(false);
	return (
		<section className={classes.notice} aria-label="Encrypted backups">
			<IconLock size={20} aria-hidden />
			<div>
				<strong>Encrypted backups, whose key is not known here</strong>
				<p>Another installation made them, or this one before it lost its data folder. The password or the recovery key opens them; nothing is changed.</p>
			</div>
			<Button onClick={() => setOpen(true)}>Unlock…</Button>
			{isOpen ? (
				<UnlockDialog
					repository={repository}
					onClose={() => setOpen(false)}
					onUnlocked={() => {
						setOpen(false);
						onUnlocked?.();
					}}
				/>
			) : null}
		</section>
	);
}
