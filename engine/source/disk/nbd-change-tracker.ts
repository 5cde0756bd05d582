import { isEngineError } from '../../base/index.ts';
import { type NbdSource, openNbdSource, parseNbdUri } from '../../block/index.ts';
import type { ChangedSince, ChangeTracker } from './change-tracker.ts';

/** Changes of an export that says by itself which instant it shows, and has a dirty bitmap for each earlier one: snapshots of devices that Holdfast serves. */
export class NbdChangeTracker implements ChangeTracker {
	readonly #uri: string;
	readonly #source: NbdSource;

	/** @param source what is read from `uri` */
	constructor(uri: string, source: NbdSource) {
		this.#uri = uri;
		this.#source = source;
	}

	token(): string | null {
		return this.#source.instant;
	}

	changedSince(token: string): ChangedSince {
		try {
			using source = openNbdSource(parseNbdUri(this.#uri), { dirtyBitmap: token });
			return { isKnown: true, extents: source.dirtyExtents() };
		} catch (error) {
			if (!isEngineError(error, 'source.unsupported')) throw error;
			return { isKnown: false, reason: 'What has changed since the point before is not known: the device was not served all the time, or in an orderly way.' };
		}
	}
}
