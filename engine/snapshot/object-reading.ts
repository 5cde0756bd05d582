/** Where one object is read, and what that is worth. No side effects. */
import type { SnapshotUse } from '../contract/index.ts';
import type { Choice } from './choose-provider.ts';
import type { Snapshot } from './provider.ts';
import { isWithin, type View } from './volume.ts';
import type { PlacedSource } from './volume-map.ts';

export type ObjectReading = {
	/** `instantAt`: epoch milliseconds; null: live. */
	readonly views: readonly { readonly path: string; readonly at: string | null; readonly instantAt: number | null; readonly hasOrigins: boolean }[];
	readonly consistency: 'application' | 'file-system' | 'crash';
	readonly snapshot: SnapshotUse;
};

/** What a snapshot set holds, by the ids of volumes. */
export type Held = { readonly snapshots: ReadonlyMap<string, Snapshot>; readonly writers: readonly string[]; readonly writerViews: readonly View[] };

export type ReadingFacts = {
	readonly requested: string;
	/** Of the object: where it lies. */
	readonly parts: readonly PlacedSource[];
	readonly choices: ReadonlyMap<string, Choice>;
	readonly held: Held;
	/** Why snapshots could not be made as they were chosen; empty: they were. */
	readonly reason: string;
};

/** The more, the further to the left. */
const instants = ['set', 'volume', 'file', 'live'] as const;

export function describeReading({ requested, parts, choices, held, reason }: ReadingFacts): ObjectReading {
	const views: ObjectReading['views'][number][] = [];
	const names = new Set<string>();
	const reasons = new Set(reason === '' ? [] : [reason]);
	const instantsMet: SnapshotUse['instant'][] = [];
	let createdAt: number | null = null;
	for (const { path, volume, isLasting } of parts) {
		const snapshot = held.snapshots.get(volume.id);
		const choice = choices.get(volume.id);
		if (snapshot !== undefined && choice?.provider) {
			names.add(choice.provider.name);
			instantsMet.push(choice.provider.capabilities.instant);
			createdAt = Math.min(createdAt ?? snapshot.createdAt, snapshot.createdAt);
			const relevant = snapshot.views.filter((view) => isWithin(path, view.path) || isWithin(view.path, path));
			views.push(...relevant.map((view) => ({ path: view.path, at: view.at, instantAt: snapshot.createdAt, hasOrigins: view.hasOrigins ?? false })));
			const { device } = snapshot;
			if (device !== null && volume.kind === 'block-device')
				views.push({ path, at: device.kind === 'path' ? device.path : device.uri, instantAt: snapshot.createdAt, hasOrigins: false });
			continue;
		}
		// beneath a volume that is read from its snapshot, where this would be an empty folder
		views.push({ path, at: path, instantAt: null, hasOrigins: false });
		if (!isLasting) continue;
		names.add('none');
		instantsMet.push('live');
		if (choice?.provider === null) reasons.add(choice.reason);
	}
	if (names.size === 0) {
		names.add('none');
		if (parts.length === 0) reasons.add('It lies on no volume that is known here.');
		else if (reasons.size === 0) reasons.add('It lies on nothing that lasts.');
	}
	const isHeld = held.writers.length > 0 && createdAt !== null;
	if (isHeld) views.push(...held.writerViews.map(({ path, at }) => ({ path, at, instantAt: createdAt, hasOrigins: false })));
	const instant = instants.findLast((each) => instantsMet.includes(each)) ?? 'live';
	const isFileSystem = parts.every(({ volume }) => volume.kind === 'file-system'); // nobody asks what lies on a block device to write down what it holds
	const isHeldWholly = isHeld && instant !== 'live';
	return {
		views: createdAt === null ? [] : views,
		consistency: isHeldWholly ? 'application' : isFileSystem && (instant === 'set' || instant === 'volume') ? 'file-system' : 'crash',
		snapshot: {
			requested,
			actual: [...names].join(', '),
			instant,
			reason: requested === 'none' ? '' : [...reasons].join(' '),
			writers: isHeldWholly ? [...held.writers] : [],
			createdAt,
		},
	};
}
