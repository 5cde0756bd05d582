import { type ReactNode, useMemo } from 'react';
import { formatTime, formatWeekdayTime, plural } from '../../../ui/index.ts';
import classes from './week-calendar.module.css';

const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' });
const hours = Array.from({ length: 24 }, (_, hour) => hour);
type Cell = { own: number[]; others: { at: number; name: string }[] };

/** Seven days by twenty-four hours in the reader's own zone: where this job runs, and how busy the hour is already. */
export function WeekCalendar({
	from,
	own,
	others,
}: {
	readonly from: number;
	readonly own: readonly number[];
	readonly others: readonly { at: number; name: string }[];
}): ReactNode {
	const days = useMemo(() => {
		const midnight = new Date(from).setHours(0, 0, 0, 0);
		return Array.from({ length: 7 }, (_, i) => {
			// By calendar days, so that a change of the clocks moves nothing.
			const date = new Date(midnight);
			date.setDate(date.getDate() + i);
			return date;
		});
	}, [from]);
	const cells = useMemo(() => {
		const found = new Map<string, Cell>();
		const cell = (at: number): Cell => {
			const date = new Date(at);
			const name = `${date.toDateString()} ${date.getHours()}`;
			const existing = found.get(name) ?? { own: [], others: [] };
			found.set(name, existing);
			return existing;
		};
		for (const at of own) cell(at).own.push(at);
		for (const other of others) cell(other.at).others.push(other);
		return found;
	}, [own, others]);
	return (
		<div
			className={classes.week}
			role="img"
			aria-label={`Runs in the coming week; the first at ${own[0] === undefined ? 'no time' : formatWeekdayTime(own[0])}`}
		>
			<span />
			{hours.map((hour) => (
				<span key={hour} className={classes.hour}>
					{hour % 3 === 0 ? hour : ''}
				</span>
			))}
			{days.map((date) => (
				<Row key={date.getTime()} date={date} cells={cells} />
			))}
		</div>
	);
}

function Row({ date, cells }: { readonly date: Date; readonly cells: ReadonlyMap<string, Cell> }): ReactNode {
	return (
		<>
			<span className={classes.day}>{day.format(date)}</span>
			{hours.map((hour) => {
				const { own = [], others = [] } = cells.get(`${date.toDateString()} ${hour}`) ?? {};
				const names = others.slice(0, 8).map(({ at, name }) => `${formatTime(at)} ${name}`);
				const title = [...own.map((at) => `${formatTime(at)} this job`), ...names, others.length > 8 ? `and ${plural(others.length - 8, 'more', 'more')}` : '']
					.filter(Boolean)
					.join('\n');
				return (
					<span
						key={hour}
						className={classes.cell}
						title={title || undefined}
						data-load={Math.min(4, others.length) || undefined}
						data-own={own.length > 0 || undefined}
					>
						{own.length > 0 && others.length > 0 ? `+${others.length}` : ''}
					</span>
				);
			})}
		</>
	);
}
