/** The last 30 days of each job, a cell per day. Pure. */
import type { Overview, Session } from '../contract/index.ts';

export type HeatMapRow = Overview['heatMap'][number];
type Cell = HeatMapRow['days'][number];

export const HEAT_MAP_DAYS = 30;

/** Days as `YYYY-MM-DD` in a time zone, oldest first, the last one holding `nowMs`. */
export function lastDays(nowMs: number, timeZone: string, count: number): string[] {
	const today = dayOf(timeZone)(nowMs);
	// Stepped in UTC from the local date: days of 23 and 25 hours neither vanish nor double.
	const [year = 0, month = 1, day = 1] = today.split('-').map(Number);
	return Array.from({ length: count }, (_, i) => new Date(Date.UTC(year, month - 1, day - (count - 1 - i))).toISOString().slice(0, 10));
}

function dayOf(timeZone: string): (ms: number) => string {
	const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
	return (ms) => format.format(ms);
}

const severity = (cell: Cell): number => (cell === 'failed' ? 3 : cell === 'warning' ? 2 : cell === 'success' ? 1 : 0);

/** A session that was cancelled says nothing about the job. */
const cellOf = (state: Session['state']): Cell =>
	state === 'success' || state === 'warning' ? state : state === 'failed' || state === 'interrupted' ? 'failed' : null;

/** The worst of a day stands for it. `sessions`: backups, in any order. */
export function planHeatMap(
	jobs: readonly { readonly id: string; readonly name: string }[],
	sessions: readonly Pick<Session, 'jobId' | 'state' | 'startedAt' | 'queuedAt'>[],
	nowMs: number,
	timeZone: string,
): HeatMapRow[] {
	const days = lastDays(nowMs, timeZone, HEAT_MAP_DAYS);
	const day = dayOf(timeZone);
	const worst = new Map<string, Cell>();
	for (const { jobId, state, startedAt, queuedAt } of sessions) {
		const at = `${jobId} ${day(startedAt ?? queuedAt)}`;
		const cell = cellOf(state);
		if (severity(cell) > severity(worst.get(at) ?? null)) worst.set(at, cell);
	}
	return jobs.map(({ id, name }) => ({ jobId: id, job: name, days: days.map((date) => worst.get(`${id} ${date}`) ?? null) }));
}
