/**
 * A moment as an administrator types it, in local time: `2026-11-21`, `2026-11-21 08:00`, `21.11.2026 8:00`, `08:00` (today),
 * `yesterday 18:00`, `3 days ago`. A day without a time is its end: who asks for "yesterday" wants yesterday's last state.
 * Null: not understood.
 */
export function parseWhen(text: string, now: number): number | null {
	const clean = text.trim().toLowerCase();
	if (clean === '') return null;
	const ago = /^(\d+)\s*(minute|min|hour|h|day|d|week|w|month)s?(?:\s+ago)?$/.exec(clean);
	if (ago) return before(now, Number(ago[1]), ago[2] as string);

	const timeMatch = /(?:^|[\st])(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(clean);
	const dayText = timeMatch ? clean.slice(0, timeMatch.index).trim() : clean;
	const day = parseDay(dayText, now);
	if (!day) return null;
	if (timeMatch) {
		const [hours, minutes, seconds] = [Number(timeMatch[1]), Number(timeMatch[2]), Number(timeMatch[3] ?? 59)];
		if (hours > 23 || minutes > 59 || seconds > 59) return null;
		day.setHours(hours, minutes, seconds, 999);
	} else day.setHours(23, 59, 59, 999);
	return day.getTime();
}

function before(now: number, count: number, unit: string): number {
	const at = new Date(now);
	if (unit.startsWith('mi')) at.setMinutes(at.getMinutes() - count);
	else if (unit.startsWith('h')) at.setHours(at.getHours() - count);
	else if (unit.startsWith('d')) at.setDate(at.getDate() - count);
	else if (unit.startsWith('w')) at.setDate(at.getDate() - 7 * count);
	else at.setMonth(at.getMonth() - count);
	return at.getTime();
}

function parseDay(text: string, now: number): Date | null {
	const today = new Date(now);
	if (text === '' || text === 'today') return today;
	if (text === 'yesterday') return new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
	const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
	if (iso) return calendarDay(Number(iso[1]), Number(iso[2]), Number(iso[3]));
	const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(text);
	if (dotted) return calendarDay(dotted[3] ? Number(dotted[3]) : today.getFullYear(), Number(dotted[2]), Number(dotted[1]));
	return null;
}

function calendarDay(year: number, month: number, day: number): Date | null {
	const date = new Date(year, month - 1, day);
	return date.getMonth() === month - 1 && date.getDate() === day ? date : null;
}
