/** Numbers, sizes and times as people read them. The engine speaks bytes and milliseconds; wording is the console's. */
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;
const digits = [0, 1, 2].map((count) => new Intl.NumberFormat(undefined, { minimumFractionDigits: count, maximumFractionDigits: count }));
const whole = new Intl.NumberFormat();

export const formatNumber = (value: number): string => whole.format(value);

/** Binary units, three significant figures: `1.23 GiB`, `12.3 GiB`, `123 GiB`. */
export function formatBytes(bytes: number): string {
	let value = bytes;
	let unit = 0;
	while (Math.abs(value) >= 1000 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	const fraction = unit === 0 ? 0 : Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0;
	return `${digits[fraction]?.format(value)} ${units[unit]}`;
}

export const formatRate = (bytesPerSec: number): string => `${formatBytes(bytesPerSec)}/s`;

const megabyte = 1e6;
const figure = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });

/** Lines are sold in millions: limits are the one place of the console where a megabyte has 10⁶ bytes, as on the command line. */
export const formatLimit = (bytesPerSec: number): string => `${figure.format(bytesPerSec / megabyte)} MB/s`;
export const bytesPerSecOf = (megabytesPerSec: number): number => Math.round(megabytesPerSec * megabyte);
export const megabytesPerSecOf = (bytesPerSec: number): number => bytesPerSec / megabyte;

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
	if (ms < 950) return `${digits[1]?.format(ms / 1000)} s`;
	const seconds = Math.round(ms / 1000);
	if (seconds < 60) return `${seconds} s`;
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60) return minutes < 10 && seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${Math.round(seconds / 60)} min`;
	const hours = Math.floor(minutes / 60);
	if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
	const days = Math.floor(hours / 24);
	return hours % 24 && days < 10 ? `${days} d ${hours % 24} h` : `${days} d`;
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
export function formatTimeAgo(at: number, now: number): string {
	const seconds = Math.round((at - now) / 1000);
	const size = Math.abs(seconds);
	if (size < 45) return seconds <= 15 ? 'just now' : 'in a moment';
	if (size < 3600) return relative.format(Math.round(seconds / 60), 'minute');
	if (size < 86_400) return relative.format(Math.round(seconds / 3600), 'hour');
	if (size < 86_400 * 45) return relative.format(Math.round(seconds / 86_400), 'day');
	if (size < 86_400 * 550) return relative.format(Math.round(seconds / (86_400 * 30.44)), 'month');
	return relative.format(Math.round(seconds / (86_400 * 365.25)), 'year');
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const dateTime = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const dayMonth = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const hour = new Intl.DateTimeFormat(undefined, { hour: 'numeric' });
const weekdayTime = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
export const formatFull = (at: number): string => full.format(at);
export const formatDateTime = (at: number): string => dateTime.format(at);
export const formatDate = (at: number): string => date.format(at);
export const formatDayMonth = (at: number): string => dayMonth.format(at);
export const formatHour = (at: number): string => hour.format(at);
export const formatTime = (at: number): string => time.format(at);
export const formatWeekdayTime = (at: number): string => weekdayTime.format(at);

export const plural = (count: number, one: string, many = `${one}s`): string => `${formatNumber(count)} ${count === 1 ? one : many}`;
