import { Switch } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Schedule } from '../../../../engine/contract/index.ts';
import { renewalText } from '../job-words.ts';
import type { StepProps } from './job-wizard.tsx';
import { SchedulePicker } from './schedule-picker.tsx';
import classes from './wizard.module.css';

/** When a new chain begins, and what its increments hold; what there is to choose depends on the method. */
export function NewFulls({ draft, change, errors }: Pick<StepProps, 'draft' | 'change' | 'errors'>): ReactNode {
	const isForward = draft.method === 'forward';
	return (
		<div className={classes.switches}>
			{isForward && (
				<Switch
					label="Differential: each increment holds all that changed since the full"
					description="A restore needs two files at most; increments grow until the next full."
					checked={draft.differential}
					onChange={(event) => change({ differential: event.currentTarget.checked })}
					error={errors.differential}
				/>
			)}
			{isForward && (
				<FullSwitch
					label="Synthetic full at set times"
					description="Begins a new chain with a full put together from the present one: the repository reads and writes it once, the source gives only changes."
					value={draft.syntheticFull}
					onChange={(syntheticFull) => change({ syntheticFull })}
					error={errors.syntheticFull}
					zone={draft.schedule?.timeZone}
				/>
			)}
			<FullSwitch
				label="Active full at set times"
				description="Begins a new chain with a full that reads the whole source again."
				value={draft.activeFull}
				onChange={(activeFull) => change({ activeFull })}
				error={errors.activeFull}
				zone={draft.schedule?.timeZone}
			/>
			<div className={classes.hint}>{renewalText(draft)}.</div>
		</div>
	);
}

function FullSwitch({
	label,
	description,
	value,
	onChange,
	error,
	zone = Intl.DateTimeFormat().resolvedOptions().timeZone,
}: {
	readonly label: string;
	readonly description: string;
	readonly value: Schedule | null;
	readonly onChange: (value: Schedule | null) => void;
	readonly error: string | undefined;
	readonly zone: string | undefined;
}): ReactNode {
	return (
		<div>
			<Switch
				label={label}
				description={description}
				checked={value !== null}
				onChange={(event) => onChange(event.currentTarget.checked ? { cron: '0 20 * * 6', timeZone: zone } : null)}
			/>
			{value && (
				<div className={classes.indent}>
					<SchedulePicker value={value} onChange={onChange} kinds={['weekly', 'daily', 'custom']} error={error} />
				</div>
			)}
		</div>
	);
}
