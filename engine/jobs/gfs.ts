/** Archive fulls (grandfather, father, son): the first full of a week, month or year. Pure. */
import { type GfsFlag, gfsFlag, type JobSettings } from '../contract/index.ts';
import type { ChainRecord, PointRecord } from './ports.ts';
import { sourceKey } from './source-key.ts';

type Chain = Pick<ChainRecord, 'method' | 'points'>;

/**
 * The flags of each point that has any, by its id. Of each object, the first restorable full of a period is flagged, for as many of the newest
 * periods that have a full as the rule asks for. A period that has run out never comes back, so what is flagged can be told from the points
 * alone, at any time.
 */
export function planGfs(
	chains: readonly Chain[],
	rule: { readonly gfs: JobSettings['gfs']; readonly timeZone: string },
): ReadonlyMap<string, readonly GfsFlag[]> {
	const flags = new Map<string, GfsFlag[]>();
	const { gfs } = rule;
	if (gfs === null) return flags;
	const { timeZone } = rule;
	const fulls = chains
		.filter(({ method }) => method === 'forward')
		.flatMap(({ points }) => points.filter(({ kind, problem }) => kind === 'full' && problem === null))
		.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
	for (const ofObject of Map.groupBy(fulls, ({ object }) => sourceKey(object)).values()) {
		for (const flag of gfsFlag.options) {
			const firsts = new Map<string, PointRecord>();
			for (const full of ofObject) {
				const period = periodOf(full.createdAt, timeZone, flag);
				if (!firsts.has(period)) firsts.set(period, full);
			}
			const kept = gfs[flag] === 0 ? [] : [...firsts.values()].slice(-gfs[flag]);
			for (const { id } of kept) flags.set(id, [...(flags.get(id) ?? []), flag]);
		}
	}
	return flags;
}

/** The zone that people mean by a week of this job: that of its schedules, else the engine's own. */
export const timeZoneOf = ({ schedule, activeFull, syntheticFull }: Pick<JobSettings, 'schedule' | 'activeFull' | 'syntheticFull'>): string =>
	(schedule ?? syntheticFull ?? activeFull)?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

const dayFormats = new Map<string, Intl.DateTimeFormat>();

/** Weeks begin on Monday (ISO 8601). */
function periodOf(atMs: number, timeZone: string, flag: GfsFlag): string {
	let format = dayFormats.get(timeZone);
	if (format === undefined) {
		format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
		dayFormats.set(timeZone, format);
	}
	const day = format.format(atMs);
	if (flag === 'yearly') return day.slice(0, 4);
	if (flag === 'monthly') return day.slice(0, 7);
	const monday = new Date(`${day}T00:00:00Z`);
	monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7));
	return monday.toISOString().slice(0, 10);
}
