/** What the bench found, as data for a file and as tables for a reader. */
import type { ChainsResult } from './chains.ts';

export const operations = ['full', 'unchanged', 'incremental', 'restore'] as const;
export type Operation = (typeof operations)[number];

export type Sample = { readonly seconds: number; readonly processorSeconds: number | null; readonly peakBytes: number | null };

/** One peer on one subject: the samples of each operation, and the repository's size after full and after incremental. */
export type Series = {
	readonly peer: string;
	readonly samples: Partial<Record<Operation, readonly Sample[]>>;
	readonly repositoryBytes: Partial<Record<Operation, readonly number[]>>;
};

export type SubjectResult = { readonly subject: string; readonly description: string; readonly series: readonly Series[] };

export type BenchReport = {
	readonly startedAt: string;
	readonly machine: { readonly processors: number; readonly model: string; readonly memoryBytes: number; readonly system: string; readonly node: string };
	readonly settings: Readonly<Record<string, unknown>>;
	readonly peers: readonly { readonly name: string; readonly version: string; readonly note: string }[];
	readonly missing: readonly string[];
	readonly subjects: readonly SubjectResult[];
	readonly chains: readonly ChainsResult[];
};

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MiB`;
const seconds = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
const ratio = (value: number): string => `${value.toFixed(2)} ×`;

/** The first series is the reference (ours, unless it was left out); every other one is compared with it. */
export function formatReport(report: BenchReport): string {
	const lines = [
		`${report.startedAt}  ${report.machine.processors} × ${report.machine.model}, ${mebibytes(report.machine.memoryBytes)}, ${report.machine.system}, Node ${report.machine.node}`,
		`settings: ${JSON.stringify(report.settings)}`,
		...report.peers.map(({ name, version, note }) => `${name} ${version}: ${note}`),
		...report.missing.map((name) => `${name}: left out, not on this machine`),
	];
	for (const { subject, description, series } of report.subjects) lines.push('', `${subject}: ${description}`, ...formatTable(tableOf(series)));
	for (const { subject, description, steps, room } of report.chains)
		lines.push('', `chains of ${subject}: ${description}`, ...formatTable(stepTable(steps)), ...roomLines(room));
	if (report.subjects.length === 0) return lines.join('\n');
	const reference = report.peers[0]?.name;
	lines.push('', `× for times: ${reference} is so many times as fast as that peer (above 1 is faster); × for sizes: so many times as large.`);
	return lines.join('\n');
}

type TimeOf = (series: Series, operation: Operation) => number | null;

const times: readonly (readonly [what: string, TimeOf])[] = [
	['s', ({ samples }, operation) => medianOf(samples[operation]?.map((sample) => sample.seconds))],
	['processor s', ({ samples }, operation) => medianOf(samples[operation]?.map((sample) => sample.processorSeconds))],
];

function medianOf(values: readonly (number | null)[] | undefined): number | null {
	const known = values?.filter((value) => value !== null) ?? [];
	return known.length === 0 ? null : median(known);
}

function tableOf(series: readonly Series[]): string[][] {
	const [reference, ...others] = series;
	if (reference === undefined) return [];
	const rows = [['', reference.peer, ...others.flatMap(({ peer }) => [peer, '×'])]];
	for (const [what, timeOf] of times) {
		for (const operation of operations) {
			const ours = timeOf(reference, operation);
			if (ours === null) continue;
			const compared = others.flatMap((other) => {
				const theirs = timeOf(other, operation);
				return theirs === null ? ['', ''] : [seconds(theirs), ratio(theirs / ours)];
			});
			rows.push([`${operation}, ${what}`, seconds(ours), ...compared]);
		}
	}
	for (const operation of operations) {
		if (reference.repositoryBytes[operation] === undefined) continue;
		const sizeOf = (one: Series): number => median(one.repositoryBytes[operation] ?? []);
		rows.push([
			`repository after ${operation}`,
			mebibytes(sizeOf(reference)),
			...others.flatMap((other) => [mebibytes(sizeOf(other)), ratio(sizeOf(reference) / sizeOf(other))]),
		]);
	}
	rows.push(['peak memory', memoryOf(reference), ...others.flatMap((other) => [memoryOf(other), ''])]);
	return rows;
}

const perSecond = (bytes: number, time: number): string => `${Math.round(bytes / (1 << 20) / time)} MiB/s`;

function stepTable(steps: ChainsResult['steps']): string[][] {
	const rows = steps.map(({ step, movedBytes, seconds: time, processorSeconds, cpSeconds, cpProcessorSeconds, loopSeconds, loopProcessorSeconds }) => [
		step,
		mebibytes(movedBytes),
		`${seconds(time)} s`,
		perSecond(movedBytes, time),
		perSecond(movedBytes, cpSeconds),
		ratio(cpSeconds / time),
		ratio(cpProcessorSeconds / processorSeconds),
		perSecond(movedBytes, loopSeconds),
		ratio(loopSeconds / time),
		ratio(loopProcessorSeconds / processorSeconds),
	]);
	return [['', 'moved', 'time', 'speed', 'cp, fsync', '×', '× in processor time', 'read, write, fsync', '×', '× in processor time'], ...rows];
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const roomLines = ({
	days,
	retainedPoints,
	fileBytes,
	liveBytes,
	incrementBytes,
	worst,
	last,
	mergedShare,
	rewrittenShare,
}: ChainsResult['room']): string[] => [
	`${days} days, ${retainedPoints} points: files ${mebibytes(fileBytes)}, live ${mebibytes(liveBytes)}, an increment ${mebibytes(incrementBytes)}; over live data and one increment: ${percent(last - 1)}, at worst ${percent(worst - 1)}`,
	`each day ${percent(mergedShare)} of the full were merged and ${percent(rewrittenShare)} rewritten to keep it so`,
];

/** The highest of all runs: a median would hide what a machine must have. */
function memoryOf(series: Series): string {
	const peaks = Object.values(series.samples).flatMap((samples) => samples.map((sample) => sample.peakBytes));
	const known = peaks.filter((bytes) => bytes !== null);
	return known.length === 0 ? 'unknown' : mebibytes(Math.max(...known));
}

function formatTable(rows: readonly string[][]): string[] {
	const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
	return rows.map((row) =>
		row
			.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
			.join('   ')
			.trimEnd(),
	);
}
