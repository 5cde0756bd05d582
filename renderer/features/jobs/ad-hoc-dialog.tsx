import { Button, Group, Modal, Radio, Stack } from '@mantine/core';
import { DatePickerInput } from '@mantine/dates';
import { type ReactNode, useState } from 'react';
import type { JobSummary } from '../../../engine/contract/index.ts';
import { plural } from '../../ui/index.ts';
import { useJobActions } from './use-job-actions.ts';

const inOneYear = (): string => new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10);

/** A full beside the chain, kept until its own date. */
export function AdHocDialog({ job, onClose }: { readonly job: JobSummary; readonly onClose: () => void }): ReactNode {
	const actions = useJobActions();
	const [keeps, setKeeps] = useState<'date' | 'ever'>('date');
	const [date, setDate] = useState<string | null>(inOneYear);
	const { name, sources } = job.settings;
	const isReady = keeps === 'ever' || date !== null;
	return (
		<Modal opened onClose={onClose} title={`Ad-hoc full of “${name}”`} size="md" centered>
			<form
				onSubmit={(event) => {
					event.preventDefault();
					// A day means its end, in the zone of who chose it.
					const keepUntil = keeps === 'ever' || date === null ? null : new Date(`${date}T23:59:59`).getTime();
					actions.run([{ id: job.id, name }], null, { adHoc: { keepUntil } });
					onClose();
				}}
			>
				<p style={{ margin: 0 }}>
					Reads {sources.length === 1 ? 'the object' : `all ${plural(sources.length, 'object')}`} in full into a file of{' '}
					{sources.length === 1 ? 'its' : 'their'} own. No increment builds on it, and the job’s retention neither counts nor removes it.
				</p>
				<Radio.Group mt="md" label="Keep it" value={keeps} onChange={(value) => setKeeps(value === 'ever' ? 'ever' : 'date')}>
					<Stack gap={8} mt={6}>
						<Radio value="date" label="until a date, then retention may take it" />
						{keeps === 'date' ? (
							<DatePickerInput
								aria-label="Kept until"
								ml={28}
								w={200}
								value={date}
								onChange={setDate}
								minDate={new Date().toISOString().slice(0, 10)}
								valueFormat="D MMMM YYYY"
								popoverProps={{ withinPortal: true }}
							/>
						) : null}
						<Radio value="ever" label="until somebody removes it by hand" />
					</Stack>
				</Radio.Group>
				<Group justify="flex-end" mt="lg" gap="xs">
					<Button variant="default" onClick={onClose}>
						Close
					</Button>
					<Button type="submit" disabled={!isReady} loading={actions.isBusy}>
						Run now
					</Button>
				</Group>
			</form>
		</Modal>
	);
}
