import type { Point } from '../../../engine/contract/index.ts';
import { escapePath, unescapePath } from './path-text.ts';

/** Addresses of the restore pages. Other pages link here with `pointPlace`. */
export type RestorePlace =
	| { readonly page: 'objects' }
	/** The newest point of an object that can be restored; of a job that is here or not. */
	| { readonly page: 'newest'; readonly object: string; readonly jobId: string | null }
	| { readonly page: 'point'; readonly point: string; readonly path: string };

export function parsePlace(path: string, query: URLSearchParams): RestorePlace {
	const [, , page, id] = path.split('/');
	const object = query.get('object');
	if (page === 'point' && id) return { page: 'point', point: decodeURIComponent(id), path: unescapePath(query.get('path') ?? '/') };
	if (object) return { page: 'newest', object: unescapePath(object), jobId: query.get('job') };
	return { page: 'objects' };
}

export function pointPlace(pointId: string, path = '/'): string {
	const base = `/restore/point/${encodeURIComponent(pointId)}`;
	return path === '/' ? base : `${base}?${new URLSearchParams({ path: escapePath(path) })}`;
}

export const newestPlace = (object: string, jobId: string | null): string =>
	`/restore?${new URLSearchParams({ object: escapePath(object), ...(jobId === null ? {} : { job: jobId }) })}`;

/** A protected object is one source of one job; the job may be gone, or never have been here: its id in the points stays. */
export const objectKey = (point: Pick<Point, 'originJobId' | 'object'>): string => JSON.stringify([point.originJobId, point.object]);

/** Behind the name of a job. */
export const originWord = { job: null, 'removed-job': 'removed', elsewhere: 'imported' } as const;

/** `folder:/srv` → `/srv`. */
export const objectPath = (object: string): string => object.slice(object.indexOf(':') + 1);
