import { Button, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './stale-revision.module.css';

/** What is saved now, and what was to be saved. */
export type Conflict<Entity extends { readonly settings: unknown }> = { readonly current: Entity; readonly mine: Entity['settings'] };

/** One setting in words. */
export type SettingRow<Settings> = { readonly label: string; readonly text: (settings: Settings) => string };

/** Somebody saved first. Both versions are shown, and nothing is overwritten without being asked for. */
export function StaleRevision<Settings extends { readonly name: string }>({
	conflict: { current, mine },
	rows,
	isSaving,
	onTakeTheirs,
	onSaveMine,
	onBack,
}: {
	readonly conflict: Conflict<{ readonly settings: Settings }>;
	readonly rows: readonly SettingRow<Settings>[];
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
