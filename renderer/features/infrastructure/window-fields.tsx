import { ActionIcon, Button, Chip, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { formatMinute, type ThrottleWindow, throttleWindow, type Weekday } from '../../../engine/contract/index.ts';
import classes from './infrastructure.module.css';
import { days, minuteOf } from './rule-words.ts';

/** A window as it is being typed. */
export type DraftWindow = { readonly key: number; readonly days: readonly Weekday[]; readonly from: string; readonly to: string };

let lastKey = 0;
export const officeHours = (): DraftWindow => ({ key: ++lastKey, days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' });
export const draftOf = ({ days: chosen, fromMinute, toMinute }: ThrottleWindow): DraftWindow => ({
	key: ++lastKey,
	days: chosen,
	from: formatMinute(fromMinute),
	to: formatMinute(toMinute),
});

function parse({ days: chosen, from, to }: DraftWindow): ThrottleWindow | string {
	const [fromMinute, toMinute] = [minuteOf(from), minuteOf(to)];
	if (fromMinute === null || toMinute === null) return 'Write hours as 08:00; 24:00 is the end of the day.';
	const parsed = throttleWindow.safeParse({ days: chosen, fromMinute, toMinute });
	return parsed.success ? parsed.data : (parsed.error.issues[0]?.message ?? 'This is no time window.');
}

/** Null: one of them is none, or there is none. */
export function windowsOf(drafts: readonly DraftWindow[]): ThrottleWindow[] | null {
	const windows = drafts.map(parse);
	return windows.length > 0 && windows.every((window) => typeof window !== 'string') ? (windows as ThrottleWindow[]) : null;
}

/** Days and hours at which a rule holds. `isStrict`: what is wrong is said. */
export function WindowFields({
	windows,
	onChange,
	isStrict,
}: {
	readonly windows: readonly DraftWindow[];
	readonly onChange: (windows: readonly DraftWindow[]) => void;
	readonly isStrict: boolean;
}): ReactNode {
	const change = (key: number, part: Partial<DraftWindow>): void => onChange(windows.map((window) => (window.key === key ? { ...window, ...part } : window)));
	return (
		<>
			<ul className={classes.windows} style={{ marginTop: 10 }}>
				{windows.map((window, i) => {
					const problem = isStrict ? parse(window) : null;
					return (
						<li key={window.key} className={classes.window} aria-label={`Time window ${i + 1}`}>
							<Chip.Group
								multiple
								value={[...window.days]}
								onChange={(chosen) => change(window.key, { days: days.flatMap(({ value }) => (chosen.includes(value) ? value : [])) })}
							>
								{days.map(({ value, label }) => (
									<Chip key={value} value={value} size="xs" radius="sm">
										{label}
									</Chip>
								))}
							</Chip.Group>
							<TextInput
								className={classes.hours ?? ''}
								size="xs"
								aria-label="From"
								value={window.from}
								onChange={(event) => change(window.key, { from: event.currentTarget.value })}
							/>
							<span className={classes.dim}>to</span>
							<TextInput
								className={classes.hours ?? ''}
								size="xs"
								aria-label="To"
								value={window.to}
								onChange={(event) => change(window.key, { to: event.currentTarget.value })}
							/>
							{windows.length > 1 ? (
								<ActionIcon
									variant="subtle"
									color="gray"
									size={26}
									aria-label={`Remove time window ${i + 1}`}
									onClick={() => onChange(windows.filter(({ key }) => key !== window.key))}
								>
									<IconTrash size={15} />
								</ActionIcon>
							) : null}
							{typeof problem === 'string' ? (
								<p className={classes.fieldError} role="alert">
									{problem}
								</p>
							) : null}
						</li>
					);
				})}
			</ul>
			<Button mt={8} size="compact-xs" variant="subtle" leftSection={<IconPlus size={13} />} onClick={() => onChange([...windows, officeHours()])}>
				Another time
			</Button>
			<p className={classes.note}>On the clock of the server. Hours that end before they begin go on past midnight.</p>
		</>
	);
}
