/** Whether a run begins a new chain. Pure. */
import { EngineError } from '../base/index.ts';
import type { JobSettings } from '../contract/index.ts';
import type { ChainRecord } from './ports.ts';
import { parseSchedule } from './schedule.ts';

export type PlannedMode = { readonly requested: 'full' | 'increment'; readonly reason: string };

/** Refuses what only later versions can do, naming the field. Called when a job is saved and again when it runs. */
export function refuseUnsupported(settings: Pick<JobSettings, 'method'>, full: 'active' | 'synthetic' | null): void {
	if (settings.method !== 'forward') {
		throw new EngineError('usage.unsupported', `The method “${settings.method}” is not available in this version.`, {
			hint: 'Use forward incremental. Its restore points stay usable when other methods arrive.',
			data: { field: 'method' },
		});
	}
	if (full === 'synthetic') {
		throw new EngineError('usage.unsupported', 'Synthetic fulls are not available in this version.', {
			hint: 'Run an active full instead.',
			data: { field: 'full' },
		});
	}
}

/** `current`: the newest chain of the run's objects, if there is one. */
export function planMode(
	settings: Pick<JobSettings, 'activeFull'>,
	current: Pick<ChainRecord, 'createdAt'> | undefined,
	askedFull: 'active' | 'synthetic' | null,
	nowMs: number,
): PlannedMode {
	if (askedFull === 'active') return { requested: 'full', reason: 'A full was asked for.' };
	if (settings.activeFull === null || current === undefined) return { requested: 'increment', reason: '' };
	const due = parseSchedule(settings.activeFull, nowMs).before(nowMs);
	if (due === null || due <= current.createdAt) return { requested: 'increment', reason: '' };
	return { requested: 'full', reason: `The active full planned for ${new Date(due).toISOString()} was due.` };
}

/** Without a schedule for fulls, a chain is renewed when it alone satisfies the retention. */
export const renewAfterPoints = (settings: Pick<JobSettings, 'activeFull' | 'retainPoints'>): number | null =>
	settings.activeFull === null ? settings.retainPoints : null;
