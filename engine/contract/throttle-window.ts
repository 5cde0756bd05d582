import { z } from 'zod';

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

export const minutesPerDay = 1440;

/** Hours on some days of the week, on the server's clock. One that ends before it begins goes on past midnight; its days are those on which it begins. */
export const throttleWindow = z
	.object({
		days: z.array(z.enum(weekdays)).min(1, 'Choose at least one day.').max(7),
		/** Minutes since midnight; 1440 is the end of the day. */
		fromMinute: z
			.number()
			.int()
			.min(0)
			.max(minutesPerDay - 1),
		toMinute: z.number().int().min(0).max(minutesPerDay),
	})
	.refine(({ fromMinute, toMinute }) => fromMinute !== toMinute, { message: 'A window must not begin and end at the same time.', path: ['toMinute'] });
export type ThrottleWindow = z.infer<typeof throttleWindow>;

/** What a clock on the wall shows. */
export type WallTime = { readonly weekday: Weekday; readonly minute: number };

export const wallTimeOf = (ms: number): WallTime => {
	const at = new Date(ms);
	return { weekday: weekdays[(at.getDay() + 6) % 7] as Weekday, minute: at.getHours() * 60 + at.getMinutes() };
};

const dayBefore = (day: Weekday): Weekday => weekdays[(weekdays.indexOf(day) + 6) % 7] as Weekday;

export function isInWindow({ days, fromMinute, toMinute }: ThrottleWindow, { weekday, minute }: WallTime): boolean {
	if (fromMinute < toMinute) return days.includes(weekday) && minute >= fromMinute && minute < toMinute;
	return (days.includes(weekday) && minute >= fromMinute) || (days.includes(dayBefore(weekday)) && minute < toMinute);
}

const windowHint = 'Write for example "mon-fri 08:00-18:00", "sat,sun" or "22:00-06:00".';

function parseDays(text: string): Weekday[] | null {
	const days = new Set<Weekday>();
	for (const part of text.toLowerCase().split(',')) {
		const [first = '', last = first, ...more] = part.split('-');
		const from = weekdays.indexOf(first as Weekday);
		const to = weekdays.indexOf(last as Weekday);
		if (from < 0 || to < 0 || more.length > 0) return null;
		for (let at = from; ; at = (at + 1) % 7) {
			days.add(weekdays[at] as Weekday);
			if (at === to) break;
		}
	}
	return weekdays.filter((day) => days.has(day));
}

function parseMinute(text: string): number | null {
	const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
	const minute = Number(hours) * 60 + Number(minutes);
	return hours === undefined || Number(minutes) > 59 || minute > minutesPerDay ? null : minute;
}

/** Days, hours or both: `mon-fri 08:00-18:00`; what is wrong with it, in words, when it is none. */
export function parseThrottleWindow(text: string): ThrottleWindow | string {
	const parts = text.trim().split(/\s+/);
	const hours = parts.findLast((part) => part.includes(':'));
	const daysText = parts.find((part) => part !== hours);
	if (text.length > 100 || parts.length > 2 || (parts.length === 2 && (hours === undefined || parts[1] !== hours)))
		return `“${text}” is not a time window. ${windowHint}`;
	const days = daysText === undefined || daysText === '' ? [...weekdays] : parseDays(daysText);
	if (days === null) return `“${daysText}” are no days of the week. ${windowHint}`;
	if (hours === undefined) return daysText ? { days, fromMinute: 0, toMinute: minutesPerDay } : `A time window is needed. ${windowHint}`;
	const [from, to, ...more] = hours.split('-').map(parseMinute);
	if (from === undefined || from === null || from === minutesPerDay || to === undefined || to === null || more.length > 0)
		return `“${hours}” are no hours. ${windowHint}`;
	if (from === to) return `“${hours}” begins and ends at the same time.`;
	return { days, fromMinute: from, toMinute: to };
}

export const formatMinute = (minute: number): string => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

/** The shortest text that `parseThrottleWindow` takes for the same window. */
export function formatThrottleWindow({ days, fromMinute, toMinute }: ThrottleWindow): string {
	const isWholeDay = fromMinute === 0 && toMinute === minutesPerDay;
	const hours = isWholeDay ? '' : `${formatMinute(fromMinute)}-${formatMinute(toMinute)}`;
	const dayText = days.length === weekdays.length ? (isWholeDay ? 'mon-sun' : '') : formatDays(days);
	return [dayText, hours].filter(Boolean).join(' ');
}

/** Runs of three and more days by their ends. */
function formatDays(days: readonly Weekday[]): string {
	const runs: Weekday[][] = [];
	for (const day of weekdays.filter((each) => days.includes(each))) {
		const run = runs.at(-1);
		if (run?.at(-1) === dayBefore(day)) run.push(day);
		else runs.push([day]);
	}
	return runs.map((run) => (run.length > 2 ? `${run[0]}-${run.at(-1)}` : run.join(','))).join(',');
}
