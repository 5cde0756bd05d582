import { Chip, SegmentedControl, Select, TextInput } from '@mantine/core';
import { TimeInput } from '@mantine/dates';
import { type ReactNode, useMemo, useState } from 'react';
import type { Schedule } from '../../../../engine/contract/index.ts';
import { cronOf, dayName, hourSteps, type Plan, parsePlan, workingDays } from '../schedule-words.ts';
import classes from './wizard.module.css';

type Kind = Plan['kind'];
const titles: Record<Kind, string> = { daily: 'Daily', weekly: 'Some weekdays', hourly: 'Every few hours', custom: 'Expression' };
const pad = (value: number): string => String(value).padStart(2, '0');

/** What the builder shows for another kind, keeping as much as it can of the plan before. */
function turnInto(kind: Kind, plan: Plan): Plan {
	const hour = plan.kind === 'daily' || plan.kind === 'weekly' ? plan.hour : 22;
	const minute = plan.kind === 'custom' ? 0 : plan.minute;
	switch (kind) {
		case 'daily':
			return { kind, hour, minute };
		case 'weekly':
			return { kind, days: workingDays, hour, minute };
		case 'hourly':
			return { kind, every: 4, minute: plan.kind === 'hourly' ? minute : 0 };
		case 'custom':
			return { kind, cron: cronOf(plan) };
	}
}

export function SchedulePicker({
	value,
	onChange,
	kinds = ['daily', 'weekly', 'hourly', 'custom'],
	error,
}: {
	readonly value: Schedule;
	readonly onChange: (schedule: Schedule) => void;
	readonly kinds?: readonly Kind[];
	readonly error?: string | undefined;
}): ReactNode {
	const parsed = useMemo(() => parsePlan(value.cron), [value.cron]);
	// An expression that the builder could say is still shown as an expression while somebody types it.
	const [isCustom, setCustom] = useState(parsed.kind === 'custom');
	const plan: Plan = isCustom ? { kind: 'custom', cron: value.cron } : parsed;
	const set = (next: Plan): void => {
		setCustom(next.kind === 'custom');
		onChange({ ...value, cron: cronOf(next) });
	};
	return (
		<div className={classes.picker}>
			<SegmentedControl
				aria-label="Kind of schedule"
				value={plan.kind}
				onChange={(kind) => set(turnInto(kind as Kind, plan))}
				data={kinds.map((kind) => ({ value: kind, label: titles[kind] }))}
			/>
			<div className={classes.pickerRow}>
				{plan.kind === 'weekly' && (
					<Chip.Group multiple value={plan.days.map(String)} onChange={(days) => days.length > 0 && set({ ...plan, days: days.map(Number) })}>
						<fieldset className={classes.chips} aria-label="Weekdays">
							{[1, 2, 3, 4, 5, 6, 0].map((day) => (
								<Chip key={day} value={String(day)} size="xs" variant="light">
									{dayName(day)}
								</Chip>
							))}
						</fieldset>
					</Chip.Group>
				)}
				{plan.kind === 'hourly' && (
					<>
						<Select
							label="Every"
							w={130}
							data={hourSteps.map((step) => ({ value: String(step), label: step === 1 ? 'hour' : `${step} hours` }))}
							value={String(plan.every)}
							onChange={(every) => every && set({ ...plan, every: Number(every) })}
							allowDeselect={false}
						/>
						<Select
							label="At minute"
							w={100}
							data={Array.from({ length: 12 }, (_, i) => String(i * 5)).concat(plan.minute % 5 ? [String(plan.minute)] : [])}
							value={String(plan.minute)}
							onChange={(minute) => minute && set({ ...plan, minute: Number(minute) })}
							allowDeselect={false}
						/>
					</>
				)}
				{(plan.kind === 'daily' || plan.kind === 'weekly') && (
					<TimeInput
						label="At"
						w={110}
						value={`${pad(plan.hour)}:${pad(plan.minute)}`}
						onChange={(event) => {
							const [hour, minute] = event.currentTarget.value.split(':').map(Number);
							if (hour !== undefined && minute !== undefined && !Number.isNaN(minute)) set({ ...plan, hour, minute });
						}}
					/>
				)}
				{plan.kind === 'custom' && (
					<TextInput
						label="Cron expression"
						description="minute hour day month weekday"
						w={240}
						value={plan.cron}
						onChange={(event) => set({ kind: 'custom', cron: event.currentTarget.value })}
						spellCheck={false}
						styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
					/>
				)}
				<TimeZone value={value.timeZone} onChange={(timeZone) => onChange({ ...value, timeZone })} />
			</div>
			{error && (
				<div className={classes.problem} role="alert">
					{error}
				</div>
			)}
		</div>
	);
}

const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
function TimeZone({ value, onChange }: { readonly value: string; readonly onChange: (zone: string) => void }): ReactNode {
	return (
		<Select
			label="Time zone"
			w={210}
			searchable
			data={zones.includes(value) ? zones : [value, ...zones]}
			limit={200}
			value={value}
			onChange={(zone) => zone && onChange(zone)}
			allowDeselect={false}
		/>
	);
}
