import { Group, NumberInput, Switch, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { RepositorySettings } from '../../../engine/contract/index.ts';

export const usualChecks = { cron: '0 6 * * *', timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone } as const;

type Checks = Pick<RepositorySettings, 'checkSchedule' | 'checkDays'>;

/** When the chains of a repository are read back by themselves, and how soon all of them have been. */
export function CheckSettings({
	checks: { checkSchedule, checkDays },
	onChange,
	errors,
}: {
	readonly checks: Checks;
	readonly onChange: (part: Partial<Checks>) => void;
	readonly errors: { readonly schedule: ReactNode; readonly days: ReactNode };
}): ReactNode {
	// What was written comes back when the switch is turned on again.
	const [kept, setKept] = useState(checkSchedule ?? usualChecks);
	return (
		<>
			<Switch
				label="Check what is stored by schedule"
				description="Reads a share of every chain back each time and compares it with what was written. Damage is named and can be repaired."
				checked={checkSchedule !== null}
				onChange={(event) => onChange({ checkSchedule: event.currentTarget.checked ? kept : null })}
			/>
			{checkSchedule === null ? null : (
				<Group grow align="flex-start">
					<TextInput
						label="When, as a cron expression"
						description={checkSchedule.timeZone}
						value={checkSchedule.cron}
						onChange={(event) => {
							const next = { ...checkSchedule, cron: event.currentTarget.value };
							setKept(next);
							onChange({ checkSchedule: next });
						}}
						error={errors.schedule}
					/>
					<NumberInput
						label="Every byte within"
						description="so many days"
						min={1}
						max={3650}
						suffix={checkDays === 1 ? ' day' : ' days'}
						value={checkDays}
						onChange={(value) => onChange({ checkDays: Number(value) || 1 })}
						error={errors.days}
					/>
				</Group>
			)}
		</>
	);
}
