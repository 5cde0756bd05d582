import { Button, Group, Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import type { JobSettings, JobSummary } from '../../../../engine/contract/index.ts';
import { aNewKey } from '../../keys/index.ts';
import { quiesceWords, readingWord } from '../job-words.ts';
import { describeSchedule } from '../schedule-words.ts';
import { type Draft, differingFields } from './draft.ts';
import classes from './wizard.module.css';

const titles: Record<keyof Draft, string> = {
	name: 'Name',
	description: 'Description',
	sources: 'What',
	machineId: 'On the machine',
	exclude: 'Leave out',
	snapshot: 'Read from',
	quiesce: 'Consistency',
	requireConsistent: 'Consistency required',
	writers: 'Applications that hold still',
	guestWriters: 'Scripts in guests',
	mode: 'Who reads',
	proxyId: 'Proxy',
	databases: 'Databases',
	repositoryId: 'Repository',
	blockSize: 'Block size',
	compression: 'Compression',
	connections: 'Connections',
	storeUnused: 'Unused blocks of disks',
	method: 'Method',
	differential: 'Differential',
	retainPoints: 'Restore points to keep',
	retainDays: 'Days to keep',
	gfs: 'Archive fulls',
	activeFull: 'Active full',
	syntheticFull: 'Synthetic full',
	encryptionKeyId: 'Encryption',
	schedule: 'Schedule',
	enabled: 'Enabled',
	retryCount: 'Retries',
	retryWaitMs: 'Pause before a retry',
	recoveryPointObjectiveMs: 'Recovery point objective',
};

function show(settings: JobSettings, field: keyof Draft, repositoryName: (id: string) => string): string {
	switch (field) {
		case 'sources':
			return settings.sources.map(({ kind, path }) => `${kind}:${path}`).join('\n');
		case 'exclude':
			return settings.exclude.join('\n') || 'nothing';
		case 'schedule':
			return describeSchedule(settings.schedule);
		case 'activeFull':
			return settings.activeFull ? describeSchedule(settings.activeFull) : 'when the chain is full';
		case 'syntheticFull':
			return settings.syntheticFull ? describeSchedule(settings.syntheticFull) : 'none';
		case 'retainDays':
			return settings.retainDays === null ? 'any age' : `${settings.retainDays} days`;
		case 'gfs':
			return settings.gfs ? `${settings.gfs.weekly} weekly, ${settings.gfs.monthly} monthly, ${settings.gfs.yearly} yearly` : 'none';
		case 'snapshot':
			return readingWord(settings);
		case 'quiesce':
			return quiesceWords[settings.quiesce].title;
		case 'writers':
			return settings.writers.join('\n') || 'none';
		case 'guestWriters':
			return settings.guestWriters.join('\n') || 'none';
		case 'databases':
			return (
				Object.entries(settings.databases)
					.map(([kind, choice]) => `${kind} ${choice}d`)
					.join(', ') || 'as usual'
			);
		case 'requireConsistent':
			return settings.requireConsistent ? 'yes' : 'no';
		case 'differential':
			return settings.differential ? 'yes' : 'no';
		case 'storeUnused':
			return settings.storeUnused ? 'stored' : 'left out';
		case 'repositoryId':
			return repositoryName(settings.repositoryId);
		case 'encryptionKeyId':
			return settings.encryptionKeyId === null
				? 'like the repository'
				: settings.encryptionKeyId === aNewKey
					? 'a new password of its own'
					: `with the key ${settings.encryptionKeyId}`;
		case 'enabled':
			return settings.enabled ? 'yes' : 'no';
		case 'retryWaitMs':
			return `${settings.retryWaitMs / 60_000} min`;
		case 'recoveryPointObjectiveMs':
			return settings.recoveryPointObjectiveMs === null ? 'from the schedule' : `${settings.recoveryPointObjectiveMs / 3_600_000} h`;
		default:
			return String(settings[field]);
	}
}

/** Somebody saved first. Both versions stand side by side; nothing is overwritten unless somebody says so. */
export function StaleDialog({
	mine,
	current,
	repositoryName,
	isBusy,
	onKeepMine,
	onTakeTheirs,
	onClose,
}: {
	readonly mine: JobSettings;
	readonly current: JobSummary;
	readonly repositoryName: (id: string) => string;
	readonly isBusy: boolean;
	readonly onKeepMine: () => void;
	readonly onTakeTheirs: () => void;
	readonly onClose: () => void;
}): ReactNode {
	const fields = differingFields(mine, current.settings);
	return (
		<Modal opened onClose={onClose} title="Somebody saved this job while you were editing it" size="xl" centered>
			{fields.length === 0 ? (
				<p>Both versions are the same now.</p>
			) : (
				<table className={classes.versions}>
					<thead>
						<tr>
							<th />
							<th>Yours</th>
							<th>Saved meanwhile</th>
						</tr>
					</thead>
					<tbody>
						{fields.map((field) => (
							<tr key={field}>
								<th scope="row">{titles[field]}</th>
								<td>{show(mine, field, repositoryName)}</td>
								<td>{show(current.settings, field, repositoryName)}</td>
							</tr>
						))}
					</tbody>
				</table>
			)}
			<Group justify="flex-end" gap="xs" mt="lg">
				<Button variant="subtle" color="gray" onClick={onClose}>
					Go on editing
				</Button>
				<Button variant="default" onClick={onTakeTheirs}>
					Take the saved version
				</Button>
				<Button onClick={onKeepMine} loading={isBusy} data-autofocus>
					Save mine over it
				</Button>
			</Group>
		</Modal>
	);
}
