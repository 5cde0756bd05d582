import type { Clock, Log } from '../base/index.ts';
import type { Snapshots } from './snapshots.ts';

/** SNAP-06. */
const rescanMs = 4 * 3_600_000;

export type VolumeWatch = {
	readonly snapshots: Snapshots;
	readonly clock: Clock;
	readonly log: Log;
	/** Also what the journal does not know: costs a few programs, too much for an engine that lives for one command. */
	readonly withForgotten: boolean;
};

/** Cleans up what an engine before this one left, at once; then looks at all volumes every four hours, and cleans up what could not be by then. */
export function watchVolumes({ snapshots, clock, log, withForgotten }: VolumeWatch): AsyncDisposable {
	const stop = new AbortController();
	const work = (async () => {
		while (!stop.signal.aborted) {
			try {
				for (const entry of (await snapshots.cleanUp({ withForgotten })).undone) log.info({ entry }, 'Cleaned up what a snapshot had left.');
				await clock.sleep(rescanMs, { signal: stop.signal });
				await snapshots.rescan();
			} catch (error) {
				if (!stop.signal.aborted) log.error({ err: error }, 'The volumes could not be looked at.');
			}
		}
	})();
	return {
		async [Symbol.asyncDispose]() {
			stop.abort();
			await work;
		},
	};
}
