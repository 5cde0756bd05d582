/** Numbers, times and tables for people. English and binary units; the machine-readable side is `json.ts`. */
import { displayText } from '../base/index.ts';
import { type Bottleneck, describeWhatIf, type Origin } from '../contract/index.ts';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatSize(bytes: number): string {
	let value = bytes;
	let unit = 0;
	for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024; // 1000, so that a number never has four digits
	return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${units[unit]}`;
}

export const formatRate = (bytesPerSec: number): string => `${formatSize(Math.round(bytesPerSec))}/s`;

export const formatCount = (count: number, noun: string, plural = `${noun}s`): string => `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;

export function formatDuration(ms: number): string {
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
	const minutes = Math.round(ms / 60_000);
	if (ms < 3_570_000) return `${Math.floor(Math.round(ms / 1000) / 60)} min ${String(Math.round(ms / 1000) % 60).padStart(2, '0')} s`;
	if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
	return `${Math.round(minutes / 1440)} days`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** ISO 8601 in this machine's zone, offset included. */
export function isoTime(epochMs: number): string {
	const time = new Date(epochMs);
	const offset = -time.getTimezoneOffset();
	const local = new Date(epochMs + offset * 60_000).toISOString().slice(0, -1);
	return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}
export const isoTimeOrNull = (epochMs: number | null): string | null => (epochMs === null ? null : isoTime(epochMs));

/** Not made before it is needed: it loads the names of all languages. */
let relative: Intl.RelativeTimeFormat | undefined;
const inWords = (value: number, unit: Intl.RelativeTimeFormatUnit): string => {
	relative ??= new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
	return relative.format(value, unit);
};
const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
	['day', 86_400_000],
	['hour', 3_600_000],
	['minute', 60_000],
];

/** `2026-11-21 08:00 (3 hours ago)` */
export function formatTime(epochMs: number | null, nowMs: number): string {
	if (epochMs === null) return 'never';
	const absolute = isoTime(epochMs).slice(0, 16).replace('T', ' ');
	const distance = epochMs - nowMs;
	const [unit, size] = steps.find(([, step]) => Math.abs(distance) >= step) ?? ['second', 1000];
	const words = unit === 'second' ? (distance > 0 ? 'in a moment' : 'just now') : inWords(Math.trunc(distance / size), unit);
	return `${absolute} (${words})`;
}

/** Behind the name of a job. */
export const originMarks: Readonly<Record<Origin, string>> = { job: '', 'removed-job': ' (removed)', elsewhere: ' (imported)' };

/** Names come from foreign disks: no control character of theirs reaches the terminal. */
export const printable = (text: string): string => displayText(text).replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');

/** Cuts out the middle, where paths have least to say. */
export function shorten(text: string, width: number): string {
	const letters = [...text];
	if (letters.length <= width) return text;
	if (width < 4) return letters.slice(0, Math.max(0, width)).join('');
	const head = Math.ceil((width - 1) / 3);
	return `${letters.slice(0, head).join('')}…${letters.slice(letters.length - (width - 1 - head)).join('')}`;
}

export type Column<Row> = { readonly title: string; readonly value: (row: Row) => string; readonly alignRight?: boolean };

/** Lines of an aligned table; without rows the sentence for "none". */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): string[] {
	if (rows.length === 0) return [none];
	const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ value }) => printable(value(row))))];
	const widths = columns.map((_column, index) => Math.max(...cells.map((line) => [...(line[index] ?? '')].length)));
	return cells.map((line) =>
		line
			.map((cell, index) => {
				const gap = ' '.repeat((widths[index] ?? 0) - [...cell].length);
				return columns[index]?.alignRight ? gap + cell : cell + gap;
			})
			.join('  ')
			.trimEnd(),
	);
}

/** Lines of `name: value`, aligned. A value without a name goes on with the one above. */
export function formatFields(fields: readonly (readonly [string, string])[]): string[] {
	const width = Math.max(...fields.map(([name]) => name.length)) + 2;
	return fields.map(([name, value]) => `${(name === '' ? '' : `${name}:`).padEnd(width)}${printable(value)}`);
}

const stageNames: Readonly<Record<Bottleneck['stage'], string>> = {
	source: 'Source',
	proxy: 'Proxy',
	network: 'Network',
	target: 'Target',
	throttling: 'Throttling',
	none: 'None',
};

export function formatBottleneck(bottleneck: Bottleneck): string {
	const { stage, reason, busyPercent, throttledPercent = 0 } = bottleneck;
	const shares = (['source', 'proxy', 'network', 'target'] as const).map((each) => `${stageNames[each]} ${Math.round(busyPercent[each])} %`).join(', ');
	const held = throttledPercent > 0 ? `; held back: ${throttledPercent} %` : '';
	return [`${stageNames[stage]} (busy: ${shares}${held}).`, reason.trim(), describeWhatIf(bottleneck)].filter(Boolean).join(' ');
}
