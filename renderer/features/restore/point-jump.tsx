import { Button, Popover, ScrollArea, TextInput } from '@mantine/core';
import { DatePicker } from '@mantine/dates';
import { IconCalendar } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { Point } from '../../../engine/contract/index.ts';
import { formatDateTime, formatFull, formatTime } from '../../ui/format.ts';
import { StatusIcon } from '../../ui/status.tsx';
import { parseWhen } from './parse-when.ts';
import classes from './point-jump.module.css';
import { kindWord } from './timeline.tsx';

const dayKey = (at: number | Date): string => {
	const date = new Date(at);
	return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
};

/** The time of the chosen point as a button; behind it a calendar of the days that have points, and a field to type a time. */
export function PointJump({
	points,
	selected,
	onSelect,
}: {
	readonly points: readonly Point[];
	readonly selected: Point | null;
	readonly onSelect: (point: Point) => void;
}): ReactNode {
	const [isOpen, setOpen] = useState(false);
	const [day, setDay] = useState<string | null>(null);
	const [typed, setTyped] = useState('');
	const byDay = useMemo(() => Map.groupBy(points, (point) => dayKey(point.createdAt)), [points]);
	const shownDay = day ?? (selected ? dayKey(selected.createdAt) : null);
	const ofDay = shownDay === null ? [] : (byDay.get(shownDay) ?? []).toReversed();
	const when = parseWhen(typed, Date.now());
	const notAfter = when === null ? undefined : points.findLast((point) => point.createdAt <= when);
	const choose = (point: Point): void => {
		onSelect(point);
		setOpen(false);
		setTyped('');
		setDay(null);
	};
	return (
		<Popover opened={isOpen} onChange={setOpen} position="bottom-start" shadow="md" trapFocus returnFocus withinPortal>
			<Popover.Target>
				<Button
					variant="default"
					size="compact-sm"
					className={classes.button}
					leftSection={<IconCalendar size={15} />}
					title={selected ? formatFull(selected.createdAt) : undefined}
					onClick={() => setOpen((was) => !was)}
				>
					{selected ? formatDateTime(selected.createdAt) : 'Choose a point'}
				</Button>
			</Popover.Target>
			<Popover.Dropdown className={classes.dropdown}>
				<form
					onSubmit={(event) => {
						event.preventDefault();
						if (notAfter) choose(notAfter);
					}}
				>
					<TextInput
						size="xs"
						label="As it was at"
						placeholder="2026-11-21 08:00, yesterday, 3 days ago"
						value={typed}
						onChange={(event) => setTyped(event.currentTarget.value)}
						error={typed !== '' && when === null ? 'Type a date, with or without a time.' : null}
						description={
							when === null ? undefined : notAfter ? `Enter takes the point of ${formatDateTime(notAfter.createdAt)}.` : 'No point is as old as that.'
						}
						inputWrapperOrder={['label', 'input', 'description', 'error']}
						data-autofocus
					/>
				</form>
				<div className={classes.columns}>
					<DatePicker
						size="xs"
						weekendDays={[]}
						value={shownDay}
						{...(shownDay !== null && { defaultDate: shownDay })}
						onChange={(value) => setDay(value)}
						excludeDate={(date) => !byDay.has(date)}
						{...(points.length > 0 && { minDate: dayKey((points[0] as Point).createdAt), maxDate: dayKey((points.at(-1) as Point).createdAt) })}
					/>
					<ScrollArea.Autosize mah={236} className={classes.times} type="auto">
						{ofDay.map((point) => (
							<button
								type="button"
								key={point.id}
								className={classes.time}
								data-selected={point.id === selected?.id || undefined}
								onClick={() => choose(point)}
							>
								<span>{formatTime(point.createdAt)}</span>
								<small>{kindWord[point.kind]}</small>
								{point.problem !== null || !point.restorable ? <StatusIcon status="damaged" size={13} /> : null}
							</button>
						))}
						{ofDay.length === 0 ? <p className={classes.none}>Choose a day to see its points.</p> : null}
					</ScrollArea.Autosize>
				</div>
			</Popover.Dropdown>
		</Popover>
	);
}
