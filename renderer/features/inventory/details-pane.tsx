import { ActionIcon } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './inventory.module.css';

/** What is known of one row, and what can be done with it. */
export function DetailsPane({
	title,
	state,
	actions,
	onClose,
	children,
}: {
	readonly title: string;
	readonly state: ReactNode;
	readonly actions: ReactNode;
	readonly onClose: () => void;
	readonly children: ReactNode;
}): ReactNode {
	return (
		<div className={classes.pane}>
			<div className={classes.head}>
				<div className={classes.headText}>
					<h2>{title}</h2>
					{state}
				</div>
				<ActionIcon variant="subtle" color="gray" onClick={onClose} aria-label="Close the details">
					<IconX size={16} />
				</ActionIcon>
			</div>
			<div className={classes.actions}>{actions}</div>
			<div className={classes.body}>{children}</div>
		</div>
	);
}
