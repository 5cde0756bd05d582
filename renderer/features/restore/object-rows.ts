import type { Point, ProtectedObject } from '../../../engine/contract/index.ts';
import { objectKey } from './restore-places.ts';

export type ObjectRow = {
	readonly key: string;
	readonly object: string;
	readonly objectKind: Point['objectKind'];
	readonly job: string;
	readonly jobId: string | null;
	readonly origin: Point['origin'];
	readonly originJobId: string;
	readonly count: number;
	readonly damaged: number;
	readonly newestAt: number | null;
	readonly oldestAt: number | null;
	readonly verifiedAt: number | null;
	readonly sourceBytes: number;
};

/** One row per protected object; those that have no point yet come too, since "nothing to restore" is an answer. */
export function objectRows(points: readonly Point[], objects: readonly ProtectedObject[]): ObjectRow[] {
	const rows = new Map<string, ObjectRow>();
	for (const [key, own] of Map.groupBy(points, objectKey)) {
		const newest = own.reduce((a, b) => (b.createdAt > a.createdAt ? b : a));
		rows.set(key, {
			key,
			object: newest.object,
			objectKind: newest.objectKind,
			job: newest.job,
			jobId: newest.jobId,
			origin: newest.origin,
			originJobId: newest.originJobId,
			count: own.length,
			damaged: own.filter((point) => !point.restorable || point.problem !== null).length,
			newestAt: newest.createdAt,
			oldestAt: own.reduce((least, point) => Math.min(least, point.createdAt), newest.createdAt),
			verifiedAt: own.reduce<number | null>(
				(latest, point) => (point.verifiedAt !== null && point.verifiedAt > (latest ?? 0) ? point.verifiedAt : latest),
				null,
			),
			sourceBytes: newest.sourceBytes,
		});
	}
	for (const { jobId, job, object, sourceBytes } of objects) {
		const key = objectKey({ originJobId: jobId, object });
		if (rows.has(key)) continue;
		rows.set(key, {
			key,
			object,
			objectKind: object.startsWith('disk:') ? 'disk' : object.startsWith('vm:') ? 'vm' : 'folder',
			job,
			jobId,
			origin: 'job',
			originJobId: jobId,
			count: 0,
			damaged: 0,
			newestAt: null,
			oldestAt: null,
			verifiedAt: null,
			sourceBytes,
		});
	}
	return [...rows.values()];
}
