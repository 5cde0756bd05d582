/** Values of options and arguments. Every refusal names the option and shows how it is written. */
import { isAbsolute, resolve, win32 } from 'node:path';
import { EngineError } from '../base/index.ts';
import { type GfsCounts, gfsFlag, guestWriterSpec, type SourceSpec, snapshotMode, writerSpec } from '../contract/index.ts';

const invalid = (option: string, message: string, hint?: string): EngineError =>
	new EngineError('usage.invalid', `${option}: ${message}`, { hint, data: { field: option } });

const isUri = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//.test(text);

/** `folder:/path`, `disk:/path` or `disk:nbd://…`; a relative path is taken from `cwd`. @param cwd null: it lies on another machine, and has none */
export function parseSource(text: string, cwd: string | null, option = '--source'): SourceSpec {
	const [, kind, path] = /^([a-z][a-z-]*):(.*)$/s.exec(text) ?? [];
	const hint = `Write folder:/path, disk:/path or vm:HOST/NAME, for example ${option} folder:/etc`;
	if (kind === 'vm') {
		if (!/^[^/].*\/[^/]+$/.test(path ?? '')) throw invalid(option, `"${text}" names no virtual machine.`, 'Write vm:HOST/NAME, vm:HOST/* or vm:HOST/#TAG.');
		return { kind, path: path as string };
	}
	if (kind !== 'folder' && kind !== 'disk') throw invalid(option, `"${text}" does not say what it is.`, hint);
	if (!path) throw invalid(option, `"${text}" has no path.`, hint);
	if (kind === 'disk' && isUri(path)) return { kind, path };
	if (cwd !== null) return { kind, path: resolve(cwd, path) };
	if (!isAbsolute(path) && !win32.isAbsolute(path))
		throw invalid(option, `"${path}" is not an absolute path.`, 'Write the path from the root of that machine.');
	return { kind, path };
}

export function parseSnapshotMode(text: string, option = '--snapshot'): string {
	const mode = snapshotMode.safeParse(text);
	if (!mode.success) throw invalid(option, `"${text}" is not a way to read.`, 'Write auto, none or the name of a provider: "holdfast volume list" shows them.');
	return mode.data;
}

/** `KIND:SPEC`; only the engine knows the kinds. */
export function parseWriter(text: string): string {
	const spec = writerSpec.safeParse(text);
	if (!spec.success) throw invalid('--writer', `"${text}" does not say what it is.`, 'Write KIND:SPEC, for example script:/etc/holdfast/app.sh');
	return spec.data;
}

export function parseGuestWriter(text: string): string {
	const spec = guestWriterSpec.safeParse(text);
	if (!spec.success) throw invalid('--guest-writer', `"${text}" names nothing in a guest.`, 'Write agent:/path/in/the/guest, or ssh:USER@/path/in/the/guest.');
	return spec.data;
}

export function parseCount(option: string, text: string, { min, max }: { min: number; max: number }): number {
	const value = Number(text);
	if (!/^\d+$/.test(text) || value < min || value > max) throw invalid(option, `"${text}" is not a whole number from ${min} to ${max}.`);
	return value;
}

/** `weekly:4,monthly:12,yearly:3`, in any order, each at most once; what is not named is not kept. */
export function parseGfs(text: string): GfsCounts {
	const counts: Partial<GfsCounts> = {};
	for (const part of text.split(',')) {
		const [name = '', count, ...rest] = part.trim().split(':');
		const flag = gfsFlag.options.find((option) => option === name);
		if (flag === undefined || count === undefined || rest.length > 0 || counts[flag] !== undefined)
			throw invalid('--gfs', `"${text}" cannot be read at "${part.trim()}".`, 'Write for example weekly:4,monthly:12,yearly:3');
		counts[flag] = parseCount('--gfs', count, { min: 0, max: 9999 });
	}
	return { weekly: 0, monthly: 0, yearly: 0, ...counts };
}

/** A number of hours or minutes, fractions allowed, as milliseconds. */
export function parseDuration(option: string, text: string, unitMs: number): number {
	const value = Number(text);
	if (text.trim() === '' || !Number.isFinite(value) || value < 0)
		throw invalid(option, `"${text}" is not a number of ${unitMs === 60_000 ? 'minutes' : 'hours'}.`);
	return Math.round(value * unitMs);
}

/** A day, which means its end, or a day and a time; in this machine's zone unless it names one. */
export function parseMoment(option: string, text: string): number {
	const isKnown = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$/.test(text);
	const time = isKnown ? Date.parse(text.includes('T') ? text : `${text}T23:59:59.999`) : Number.NaN;
	if (Number.isNaN(time)) throw invalid(option, `"${text}" is not a date.`, 'Write 2027-01-31 or 2027-01-31T08:00.');
	return time;
}

/** Megabytes (10⁶ bytes) per second as bytes per second; 0 means no limit. */
export function parseRate(option: string, text: string): number | null {
	const value = Number(text);
	if (text.trim() === '' || !Number.isFinite(value) || value < 0)
		throw invalid(option, `"${text}" is not a number of megabytes per second.`, 'For example 50 or 0.5; 0 removes the limit.');
	return value === 0 ? null : Math.max(1, Math.round(value * 1e6));
}

/** The zone that this machine's clock shows. */
export const localTimeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

export function parseTimeZone(text: string): string {
	try {
		return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
	} catch {
		throw invalid('--time-zone', `"${text}" is not a time zone.`, 'Use a name such as Europe/Berlin or UTC.');
	}
}

/** `http://HOST:PORT`, as the server prints it; what follows the address (the token) is not taken over. */
export function parseServerUrl(text: string): URL {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
		throw invalid('--server', `"${text}" is not an address.`, 'Write it as the server printed it, for example http://127.0.0.1:9470');
	return url;
}
