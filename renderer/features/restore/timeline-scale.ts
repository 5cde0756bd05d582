/** Geometry of the timeline of restore points: a window of time on a strip of pixels. Pure. */
export type TimeWindow = { readonly from: number; readonly to: number };
export type Tick = { readonly at: number; readonly label: string; readonly isMajor: boolean };

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const shortestSpanMs = 2 * minute;

export const xOf = ({ from, to }: TimeWindow, widthPx: number, at: number): number => ((at - from) / (to - from)) * widthPx;
export const timeAt = ({ from, to }: TimeWindow, widthPx: number, x: number): number => from + (x / widthPx) * (to - from);

/** All points with some air at both ends; a single point gets a day around it. */
export function fitAll(times: readonly number[], now: number): TimeWindow {
	if (times.length === 0) return { from: now - 7 * day, to: now };
	const first = times.reduce((a, b) => Math.min(a, b));
	const last = times.reduce((a, b) => Math.max(a, b));
	const air = first === last ? 12 * hour : Math.max((last - first) * 0.04, minute);
	return { from: first - air, to: last + air };
}

/** Zooms by `factor` (< 1: closer) so that the time under the pointer stays there; never further out than `bounds`. */
export function zoom(window: TimeWindow, factor: number, at: number, bounds: TimeWindow): TimeWindow {
	const widest = bounds.to - bounds.from;
	const span = Math.min(widest, Math.max(Math.min(shortestSpanMs, widest), (window.to - window.from) * factor));
	const share = (at - window.from) / (window.to - window.from);
	return inside({ from: at - share * span, to: at + (1 - share) * span }, bounds);
}

/** Moves a window, without changing its span, so that it lies in the bounds. */
export function inside({ from, to }: TimeWindow, bounds: TimeWindow): TimeWindow {
	const span = Math.min(to - from, bounds.to - bounds.from);
	const start = Math.min(Math.max(from, bounds.from), bounds.to - span);
	return { from: start, to: start + span };
}

/** Brings `at` into view, if it is not, by moving as little as leaves a tenth of air. */
export function reveal(window: TimeWindow, at: number, bounds: TimeWindow): TimeWindow {
	const span = window.to - window.from;
	const air = span / 10;
	if (at >= window.from && at <= window.to) return window;
	const from = at < window.from ? at - air : at + air - span;
	return inside({ from, to: from + span }, bounds);
}

/** Index of the time that is nearest to `at`; times ascend. -1 when there is none. */
export function nearest(times: readonly number[], at: number): number {
	let low = 0;
	let high = times.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((times[middle] as number) < at) low = middle + 1;
		else high = middle;
	}
	if (low === times.length) return times.length - 1;
	if (low === 0) return 0;
	return at - (times[low - 1] as number) <= (times[low] as number) - at ? low - 1 : low;
}

/** Groups what would overlap: each cluster holds indexes of neighbours closer than `gapPx`. Times ascend. */
export function cluster(times: readonly number[], window: TimeWindow, widthPx: number, gapPx: number): { readonly x: number; readonly indexes: number[] }[] {
	const groups: { x: number; indexes: number[] }[] = [];
	times.forEach((at, index) => {
		const x = xOf(window, widthPx, at);
		if (x < -gapPx || x > widthPx + gapPx) return;
		const last = groups.at(-1);
		if (last && x - last.x < gapPx) last.indexes.push(index);
		else groups.push({ x, indexes: [index] });
	});
	return groups;
}

const steps: readonly { readonly ms: number; readonly format: Intl.DateTimeFormatOptions }[] = [
	{ ms: 10 * second, format: { hour: '2-digit', minute: '2-digit', second: '2-digit' } },
	{ ms: 30 * second, format: { hour: '2-digit', minute: '2-digit', second: '2-digit' } },
	{ ms: minute, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: 5 * minute, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: 15 * minute, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: hour, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: 3 * hour, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: 6 * hour, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: 12 * hour, format: { hour: '2-digit', minute: '2-digit' } },
	{ ms: day, format: { day: 'numeric', month: 'short' } },
	{ ms: 2 * day, format: { day: 'numeric', month: 'short' } },
	{ ms: 7 * day, format: { day: 'numeric', month: 'short' } },
	{ ms: 14 * day, format: { day: 'numeric', month: 'short' } },
	{ ms: 30 * day, format: { month: 'short', year: 'numeric' } },
	{ ms: 91 * day, format: { month: 'short', year: 'numeric' } },
	{ ms: 365 * day, format: { year: 'numeric' } },
];

/** Local ticks, at least `spacingPx` apart; midnights (and first days of a month, of a year) are major. */
export function ticks(window: TimeWindow, widthPx: number, spacingPx = 84, locale?: string): Tick[] {
	if (widthPx <= 0) return [];
	const least = ((window.to - window.from) / widthPx) * spacingPx;
	const step = steps.find(({ ms }) => ms >= least) ?? (steps.at(-1) as (typeof steps)[number]);
	const format = new Intl.DateTimeFormat(locale, step.format);
	const dayFormat = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
	const result: Tick[] = [];
	const start = new Date(window.from);
	if (step.ms < hour) start.setMinutes(0, 0, 0);
	else start.setHours(0, 0, 0, 0);
	if (step.ms >= 30 * day) start.setDate(1);
	if (step.ms >= 365 * day) start.setMonth(0);
	for (let at = start; at.getTime() <= window.to; at = following(at, step.ms)) {
		if (at.getTime() < window.from) continue;
		const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
		const isMajor = step.ms < day ? isMidnight : step.ms < 30 * day ? at.getDate() === 1 : at.getMonth() === 0;
		result.push({ at: at.getTime(), label: step.ms < day && isMidnight ? dayFormat.format(at) : format.format(at), isMajor });
	}
	return result;
}

/** By the calendar from a day on, so that a day with a change of the clock does not shift all later ticks. */
function following(at: Date, stepMs: number): Date {
	const next = new Date(at);
	if (stepMs >= 365 * day) next.setFullYear(next.getFullYear() + 1);
	else if (stepMs >= 30 * day) next.setMonth(next.getMonth() + Math.round(stepMs / (30 * day)));
	else if (stepMs >= day) next.setDate(next.getDate() + stepMs / day);
	else next.setTime(next.getTime() + stepMs);
	return next;
}
