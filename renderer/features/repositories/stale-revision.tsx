import { Button, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Repository, RepositorySettings } from '../../../engine/contract/index.ts';
import { formatRate } from '../../ui/index.ts';
import { aNewKey } from '../keys/index.ts';
import classes from './stale-revision.module.css';

export type Conflict = { readonly current: Repository; readonly mine: RepositorySettings };

const rate = (value: number | null): string => (value === null ? 'none' : formatRate(value));
const rows: readonly { readonly label: string; readonly text: (settings: RepositorySettings) => string }[] = [
	{ label: 'Name', text: ({ name }) => name },
	{ label: 'Folder', text: ({ path }) => path },
	{ label: 'Chains', text: ({ singleFile }) => (singleFile ? 'one per job' : 'one per object') },
	{ label: 'Tasks at once', text: ({ maxTasks }) => String(maxTasks) },
	{ label: 'Read limit', text: ({ readLimit }) => rate(readLimit) },
	{ label: 'Write limit', text: ({ writeLimit }) => rate(writeLimit) },
	{
		label: 'Checks',
		text: ({ checkSchedule, checkDays }) => (checkSchedule === null ? 'by hand only' : `${checkSchedule.cron}, all within ${checkDays} days`),
	},
	{
		label: 'Encryption',
		text: ({ encryptionKeyId }) => (encryptionKeyId === null ? 'none' : encryptionKeyId === aNewKey ? 'a new password' : `with the key ${encryptionKeyId}`),
	},
];

/** Somebody saved first. Both versions are shown, and nothing is overwritten without being asked for. */
export function StaleRevision({
	conflict: { current, mine },
	isSaving,
	onTakeTheirs,
	onSaveMine,
	onBack,
}: {
	readonly conflict: Conflict;
	readonly isSaving: boolean;
	readonly onTakeTheirs: () => void;
	readonly onSaveMine: () => void;
	readonly onBack: () => void;
}): ReactNode {
	return (
		<div>
			<p className={classes.intro}>
				Somebody saved “{current.settings.name}” while you were editing it. Nothing of yours has been saved yet. Choose which version shall stand.
			</p>
			<table className={classes.table}>
				<thead>
					<tr>
						<th />
						<th>Saved now</th>
						<th>Yours</th>
					</tr>
				</thead>
				<tbody>
					{rows.map(({ label, text }) => (
						<tr key={label} data-differs={text(current.settings) !== text(mine) || undefined}>
							<th>{label}</th>
							<td>{text(current.settings)}</td>
							<td>{text(mine)}</td>
						</tr>
					))}
				</tbody>
			</table>
			<Group justify="flex-end" gap="xs" mt="md">
				<Button variant="default" onClick={onBack}>
					Back to editing
				</Button>
				<Button variant="default" onClick={onTakeTheirs}>
					Keep what is saved
				</Button>
				<Button loading={isSaving} onClick={onSaveMine}>
					Save mine over it
				</Button>
			</Group>
		</div>
	);
}
