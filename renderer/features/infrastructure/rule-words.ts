import { formatThrottleWindow, minutesPerDay, type ThrottleRule, type ThrottleWindow, weekdays } from '../../../engine/contract/index.ts';
import type { Status } from '../../ui/index.ts';

const dayNames: Readonly<Record<string, string>> = { mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat', sun: 'Sun' };
export const days = weekdays.map((value) => ({ value, label: dayNames[value] ?? value }));

const windowText = (window: ThrottleWindow): string =>
	formatThrottleWindow(window)
		.replace(/[a-z]{3}/g, (day) => dayNames[day] ?? day)
		.replaceAll('-', '–')
		.replaceAll(',', ', ');

export const windowsText = (windows: readonly ThrottleWindow[]): string => (windows.length === 0 ? 'Always' : windows.map(windowText).join('; '));

/** What a rule does now: as icon and in words. */
export function stateOf({ settings, isActive, transferCount }: Pick<ThrottleRule, 'settings' | 'isActive' | 'transferCount'>): {
	status: Status;
	text: string;
} {
	if (!settings.enabled) return { status: 'paused', text: 'Off' };
	if (!isActive) return { status: 'queued', text: 'Not at this time' };
	if (transferCount === 0) return { status: 'ready', text: 'Holds' };
	return { status: 'busy', text: `Holds ${transferCount === 1 ? '1 transfer' : `${transferCount} transfers`}` };
}

/** `8:5` is no time; `24:00` is the end of a day. Null when it is none. */
export function minuteOf(text: string): number | null {
	const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text.trim()) ?? [];
	const minute = Number(hours) * 60 + Number(minutes);
	return hours === undefined || Number(minutes) > 59 || minute > minutesPerDay ? null : minute;
}
