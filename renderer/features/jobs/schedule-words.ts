import type { Schedule } from '../../../engine/contract/index.ts';

/** The schedules that the builder knows; everything else is shown and edited as the cron expression that it is. */
export type Plan =
	| { readonly kind: 'daily'; readonly hour: number; readonly minute: number }
	/** Days as cron counts them: 0 is Sunday. */
	| { readonly kind: 'weekly'; readonly days: readonly number[]; readonly hour: number; readonly minute: number }
	| { readonly kind: 'hourly'; readonly every: number; readonly minute: number }
	| { readonly kind: 'custom'; readonly cron: string };

export const hourSteps = [1, 2, 3, 4, 6, 8, 12] as const;
export const workingDays: readonly number[] = [1, 2, 3, 4, 5];

const number = (text: string | undefined, max: number): number | null =>
	text !== undefined && /^\d{1,2}$/.test(text) && Number(text) <= max ? Number(text) : null;

const cronNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function parseDays(names: string): number[] | null {
	const text = cronNames.reduce((rest, name, day) => rest.replaceAll(name, String(day)), names.toLowerCase());
	const days = new Set<number>();
	for (const part of text.split(',')) {
		const range = /^([0-7])(?:-([0-7]))?$/.exec(part);
		if (!range) return null;
		for (let day = Number(range[1]); day <= Number(range[2] ?? range[1]); day++) days.add(day % 7);
	}
	return [...days].sort((a, b) => a - b);
}

export function parsePlan(cron: string): Plan {
	const [minuteText, hourText, dayOfMonth, month, dayOfWeek, ...rest] = cron.trim().split(/\s+/);
	const custom: Plan = { kind: 'custom', cron };
	const minute = number(minuteText, 59);
	if (minute === null || rest.length > 0 || dayOfMonth !== '*' || month !== '*' || dayOfWeek === undefined) return custom;
	const every = hourText === '*' ? 1 : number(/^\*\/(\d+)$/.exec(hourText ?? '')?.[1], 12);
	if (every !== null && dayOfWeek === '*') return hourSteps.some((step) => step === every) ? { kind: 'hourly', every, minute } : custom;
	const hour = number(hourText, 23);
	if (hour === null) return custom;
	if (dayOfWeek === '*') return { kind: 'daily', hour, minute };
	const days = parseDays(dayOfWeek);
	return days ? { kind: 'weekly', days, hour, minute } : custom;
}

export function cronOf(plan: Plan): string {
	if (plan.kind === 'custom') return plan.cron;
	if (plan.kind === 'hourly') return `${plan.minute} ${plan.every === 1 ? '*' : `*/${plan.every}`} * * *`;
	if (plan.kind === 'daily' || plan.days.length === 7) return `${plan.minute} ${plan.hour} * * *`;
	const days = plan.days.toSorted((a, b) => a - b);
	const isRun = days.length > 2 && days.every((day, i) => i === 0 || day === (days[i - 1] ?? 0) + 1);
	return `${plan.minute} ${plan.hour} * * ${isRun ? `${days[0]}-${days.at(-1)}` : days.join(',')}`;
}

const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short', timeZone: 'UTC' });
/** 4 January 1970 was a Sunday. */
export const dayName = (day: number): string => weekday.format((3 + day) * 86_400_000);
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
const at = (hour: number, minute: number): string => clock.format((hour * 60 + minute) * 60_000);

/** "Every day at 22:00", "Mon–Fri at 01:00", "Every 4 hours"; the zone only where it is not the reader's own. */
export function describeSchedule(schedule: Schedule | null, localZone = Intl.DateTimeFormat().resolvedOptions().timeZone): string {
	if (schedule === null) return 'By hand only';
	const zone = schedule.timeZone === localZone ? '' : ` (${schedule.timeZone})`;
	return describePlan(parsePlan(schedule.cron)) + zone;
}

function describePlan(plan: Plan): string {
	switch (plan.kind) {
		case 'custom':
			return `By expression ${plan.cron}`;
		case 'hourly':
			return `${plan.every === 1 ? 'Every hour' : `Every ${plan.every} hours`}${plan.minute === 0 ? '' : `, ${plan.minute} min past`}`;
		case 'daily':
			return `Every day at ${at(plan.hour, plan.minute)}`;
		case 'weekly':
			return `${describeDays(plan.days)} at ${at(plan.hour, plan.minute)}`;
	}
}

function describeDays(days: readonly number[]): string {
	const first = days[0] ?? 0;
	const isRun = days.length > 2 && days.every((day, i) => i === 0 || day === (days[i - 1] ?? 0) + 1);
	return isRun ? `${dayName(first)}–${dayName(days.at(-1) ?? first)}` : days.map(dayName).join(', ');
}
