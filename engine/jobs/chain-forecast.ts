/** What chains become with the runs that are still to come. Pure; the same rules as the runs themselves. */
import type { JobSettings, RepositorySettings, SourceSpec } from '../contract/index.ts';
import { findCurrentChain, type PlannedMode, planMode, renewAfterPoints } from './full-or-increment.ts';
import { timeZoneOf } from './gfs.ts';
import { knownObjects } from './machine-objects.ts';
import type { PointRecord } from './ports.ts';
import { applyRetention, planRetention, type RetentionChain, type RetentionPlan, type RetentionRule } from './retention.ts';
import { sourceKey } from './source-key.ts';

export type ForecastRules = {
	readonly settings: Pick<
		JobSettings,
		'method' | 'differential' | 'activeFull' | 'syntheticFull' | 'schedule' | 'retainPoints' | 'retainDays' | 'gfs' | 'sources' | 'machineId'
	>;
	readonly singleFile: RepositorySettings['singleFile'];
	/** The key that the job's chains get; null: not encrypted. */
	readonly keyId: string | null;
	/** Bytes of what a run writes for one object; null: those of earlier runs. */
	readonly fullBytes: number | null;
	readonly incrementBytes: number | null;
};

export type ForecastStep = {
	readonly at: number;
	readonly mode: PlannedMode;
	/** After the run and the retention that follows it. */
	readonly chains: readonly RetentionChain[];
	readonly plan: RetentionPlan;
	/** Paths that were there after the run and are not after the retention. */
	readonly removed: readonly string[];
};

type ChainFile = RetentionChain['files'][number];

export const retentionRule = (settings: ForecastRules['settings']): RetentionRule => ({
	retainPoints: settings.retainPoints,
	retainDays: settings.retainDays,
	gfs: settings.gfs,
	/** Asked for only where there are periods: the system's zone takes a while to find. */
	get timeZone() {
		return timeZoneOf(settings);
	},
});

/** A step per time, oldest first. */
export function forecastRuns(chains: readonly RetentionChain[], rules: ForecastRules, times: readonly number[]): ForecastStep[] {
	let present = [...chains];
	const known = chains.flatMap(({ objects }) => objects.map(sourceKey));
	const sources = rules.settings.sources.flatMap((source) => knownObjects(source, known));
	return times.map((at) => {
		const { after, mode } = simulateRun(present, { ...rules, settings: { ...rules.settings, sources } }, at);
		const plan = planRetention(after, retentionRule(rules.settings), at);
		present = applyRetention(after, plan.actions);
		const left = new Set(present.flatMap(({ files }) => files.map(({ path }) => path)));
		const removed = after.flatMap(({ files }) => files.map(({ path }) => path)).filter((path) => !left.has(path));
		return { at, mode, chains: present, plan, removed };
	});
}

function simulateRun(chains: readonly RetentionChain[], rules: ForecastRules, at: number): { after: RetentionChain[]; mode: PlannedMode } {
	const { settings, singleFile, keyId } = rules;
	const runs = singleFile ? [settings.sources] : settings.sources.map((source) => [source]);
	let after = [...chains];
	let first: PlannedMode | undefined;
	for (const [i, objects] of runs.entries()) {
		const current = findCurrentChain(after, objects, rules);
		const planned = planMode({ settings, keyId, current, objects, singleFile, askedFull: null, nowMs: at });
		const renewAt = renewAfterPoints(settings, current, at);
		const mode: PlannedMode =
			current === undefined
				? { requested: 'full', reason: 'This is the first run.' }
				: planned.requested === 'increment' && renewAt !== null && mostPoints(current, objects) >= renewAt
					? { requested: 'full', reason: 'The chain alone satisfies the retention; a new one begins.' }
					: planned;
		first ??= mode;
		const made = { at, objects, sizeBytes: estimate(after, mode, objects, rules), name: `${at}-${i}` };
		if (mode.requested !== 'increment' || current === undefined) after.push(newChain(made, settings, keyId));
		else after = after.map((chain) => (chain === current ? grow(chain, made, settings) : chain));
	}
	return { after, mode: first ?? { requested: 'increment', reason: '' } };
}

type Made = { readonly at: number; readonly objects: readonly SourceSpec[]; readonly sizeBytes: number; readonly name: string };

const mostPoints = (chain: RetentionChain, objects: readonly SourceSpec[]): number =>
	Math.max(0, ...objects.map((object) => chain.points.filter((point) => sourceKey(point.object) === sourceKey(object)).length));

function newChain(made: Made, { method, machineId }: ForecastRules['settings'], keyId: string | null): RetentionChain {
	const id = `next-${made.name}`;
	const file = newFile(made, 'full', null);
	const machine = machineId === null ? undefined : { id: machineId, name: '' };
	return { id, createdAt: made.at, method, keyId, objects: made.objects, machine, files: [file], points: newPoints(made, id, 'full', file.path) };
}

function grow(chain: RetentionChain, made: Made, { method, differential }: Pick<JobSettings, 'method' | 'differential'>): RetentionChain {
	const [full, ...rest] = chain.files;
	if (full === undefined) return chain;
	if (method !== 'reverse') {
		const newest = chain.files.reduce((a, b) => (b.createdAt >= a.createdAt ? b : a));
		const file = newFile(made, 'increment', differential ? full.path : newest.path);
		return { ...chain, files: [...chain.files, file], points: [...chain.points, ...newPoints(made, chain.id, 'increment', file.path)] };
	}
	const keys = new Set(made.objects.map(sourceKey));
	const replaced = new Set(chain.points.filter(({ id, object }) => full.pointIds.includes(id) && keys.has(sourceKey(object))).map(({ id }) => id));
	const reverse: ChainFile = { ...newFile(made, 'reverse', full.path), createdAt: full.createdAt, pointIds: [...replaced] };
	const points = newPoints(made, chain.id, 'full', full.path);
	const pointIds = [...full.pointIds.filter((id) => !replaced.has(id)), ...points.map(({ id }) => id)];
	const older = rest.map((file) => (file.dependsOn === full.path ? { ...file, dependsOn: reverse.path } : file));
	return {
		...chain,
		files: [{ ...full, createdAt: made.at, pointIds }, reverse, ...older],
		points: [...chain.points.map((point): PointRecord => (replaced.has(point.id) ? { ...point, kind: 'reverse' } : point)), ...points],
	};
}

const pointId = (name: string, object: number): string => `next-${name}-${object}`;

const newFile = ({ at, objects, sizeBytes, name }: Made, kind: ChainFile['kind'], dependsOn: string | null): ChainFile => ({
	path: `next-${name}.${{ full: 'hbk', increment: 'hib', reverse: 'hrb' }[kind]}`,
	dependsOn,
	kind,
	sizeBytes,
	createdAt: at,
	pointIds: objects.map((_, i) => pointId(name, i)),
	problem: null,
});

const newPoints = ({ at, objects, name }: Made, chainId: string, kind: PointRecord['kind'], file: string): PointRecord[] =>
	objects.map((object, i) => ({
		id: pointId(name, i),
		chainId,
		object,
		createdAt: at,
		kind,
		consistency: 'crash',
		mode: { requested: 'increment', actual: kind === 'full' ? 'full' : 'increment', reason: '' },
		sessionId: '',
		file,
		storedBytes: 0,
		sourceBytes: 0,
		itemCount: 0,
		warningCount: 0,
		problem: null,
	}));

/** As big as the newest file of the same kind that holds the same objects. */
function estimate(chains: readonly RetentionChain[], mode: PlannedMode, objects: readonly SourceSpec[], rules: ForecastRules): number {
	const isFull = mode.requested !== 'increment';
	const given = isFull ? rules.fullBytes : rules.incrementBytes;
	if (given !== null) return Math.round(given * objects.length);
	const keys = new Set(objects.map(sourceKey));
	const like = chains
		.filter((chain) => chain.objects.some((object) => keys.has(sourceKey(object))))
		.flatMap(({ files }) => files)
		.filter(({ kind }) => (kind === 'full') === isFull);
	return like.reduce<ChainFile | null>((a, b) => (a === null || b.createdAt >= a.createdAt ? b : a), null)?.sizeBytes ?? 0;
}
