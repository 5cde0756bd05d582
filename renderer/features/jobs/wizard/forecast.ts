import type { BackupFileKind, ChainPreview, GfsFlag, PreviewRun } from '../../../../engine/contract/index.ts';

/** What the engine foresees of the coming runs, as a drawing needs it: one object stands for all. Pure. */
export type ForecastStep = {
	readonly at: number;
	readonly mode: PreviewRun['mode'];
	readonly reason: string;
	/** Kind and size of what this run adds: of a reverse incremental run the file with what the full held before. */
	readonly made: { readonly kind: BackupFileKind; readonly bytes: number };
	/** Times of the points that are there after it, each with what keeps it as an archive. */
	readonly points: ReadonlyMap<number, readonly GfsFlag[]>;
	/** Of the object that has most. */
	readonly pointCount: number;
	/** The files that exist then, each at the time of the newest point that stands in it; those of several objects together. */
	readonly files: readonly ForecastFile[];
	readonly fileCount: number;
	readonly removedCount: number;
	/** A chain that was there before is not any more. */
	readonly losesChain: boolean;
	readonly totalBytes: number;
};

export type ForecastFile = { readonly at: number; readonly kind: BackupFileKind; readonly bytes: number };

export function readForecast({ runs }: ChainPreview): ForecastStep[] {
	let before: ReadonlySet<string> = new Set();
	return runs.map((run): ForecastStep => {
		const chains = new Set(run.files.map(({ chain }) => chain));
		const losesChain = [...before].some((chain) => !chains.has(chain));
		before = chains;
		return {
			at: run.at,
			mode: run.mode,
			reason: run.reason,
			made: madeBy(run),
			points: new Map(run.files.flatMap(({ points }) => points.map(({ createdAt, gfs }) => [createdAt, gfs] as const))),
			pointCount: Math.max(0, ...[...Map.groupBy(run.files, ({ object }) => object).values()].map(countPoints)),
			files: placeFiles(run),
			fileCount: run.files.length,
			removedCount: run.removed.length,
			losesChain,
			totalBytes: run.storedBytes,
		};
	});
}

const countPoints = (files: PreviewRun['files']): number => new Set(files.flatMap(({ points }) => points.map(({ createdAt }) => createdAt))).size;

function placeFiles({ files }: PreviewRun): ForecastFile[] {
	const placed = new Map<string, ForecastFile>();
	for (const { kind, sizeBytes, createdAt, points } of files) {
		const at = points.length === 0 ? createdAt : Math.max(...points.map((point) => point.createdAt));
		const key = `${at} ${kind}`;
		placed.set(key, { at, kind, bytes: (placed.get(key)?.bytes ?? 0) + sizeBytes });
	}
	return [...placed.values()];
}

function madeBy({ at, mode, files }: PreviewRun): ForecastStep['made'] {
	const made = [...Map.groupBy(files, ({ chain }) => chain).values()].flatMap(([first, second, ...rest]) => {
		if (first === undefined) return [];
		// A reverse incremental run renews the full in place; what it adds is the file beside it.
		if (first.createdAt === at && second?.kind === 'reverse') return [second];
		if (first.createdAt === at && mode !== 'increment') return [first];
		return [second, ...rest].filter((file) => file?.createdAt === at && file.kind === 'increment').filter((file) => file !== undefined);
	});
	const kind = mode !== 'increment' ? 'full' : (made[0]?.kind ?? 'increment');
	return { kind, bytes: made.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

/** The fewest and the most points of an object once the retention has something to do. */
export function pointRange(steps: readonly ForecastStep[], retainPoints: number): { readonly fewest: number; readonly most: number } {
	const counts = steps.map(({ pointCount }) => pointCount);
	const full = counts.findIndex((count) => count >= retainPoints);
	const most = Math.max(0, ...counts);
	return { fewest: full < 0 ? most : Math.min(...counts.slice(full)), most };
}
