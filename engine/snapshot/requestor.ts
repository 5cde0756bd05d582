/** Owns the flow of a snapshot (VSS-01): who is called when, for how long at most, and what happens when somebody does not answer. */
import { EngineError, isEngineError, toErrorShape } from '../base/index.ts';
import { within } from './deadline.ts';
import type { JournalEntry } from './journal.ts';
import { OpenSet } from './open-set.ts';
import type { SnapshotProvider } from './provider.ts';
import { type Deadlines, type RequestorParts, type SetOptions, type SetWish, type SnapshotSet, usualDeadlines } from './snapshot-set.ts';
import type { SnapshotWriter } from './writer.ts';

/** Who can undo what an entry of the journal stands for; undefined: nobody any more. */
export type Parties = {
	readonly provider: (name: string) => SnapshotProvider | undefined;
	readonly writer: (spec: string) => SnapshotWriter | undefined;
	/** Asked what there is of this engine that nobody remembers: the journal was lost, or put back from an earlier day. */
	readonly listing?: readonly SnapshotProvider[];
};

export type CleanUpReport = {
	readonly undone: readonly JournalEntry[];
	readonly left: readonly { readonly entry: JournalEntry; readonly reason: string }[];
};

export class Requestor {
	readonly #parts: RequestorParts;
	readonly #deadlines: Deadlines;
	/** What is in use in this process: not to be cleaned up. */
	readonly #alive = new Set<string>();

	constructor(parts: RequestorParts) {
		this.#parts = parts;
		this.#deadlines = { ...usualDeadlines, ...parts.deadlines };
	}

	/**
	 * Makes a snapshot of all volumes at one instant while all writers hold still. When it returns, applications work again.
	 * When it fails, everything is thawed, ended and released first.
	 * @throws `snapshot.*`, the signal's reason
	 */
	async createSet(wish: SetWish, options: SetOptions): Promise<SnapshotSet> {
		const set = new OpenSet({ ...this.#parts, deadlines: this.#deadlines, alive: this.#alive }, wish, options);
		try {
			await set.open();
			return set;
		} catch (error) {
			await set[Symbol.asyncDispose]();
			throw error;
		}
	}

	/**
	 * Undoes what an engine that died, or a release that failed, left: applications first, the one that was frozen last before the others, then snapshots. What cannot be undone now stays in the journal for the
	 * next time. Never fails.
	 */
	async cleanUp(parties: Parties): Promise<CleanUpReport> {
		const { journal, log } = this.#parts;
		const undone: JournalEntry[] = [];
		const left: { entry: JournalEntry; reason: string }[] = [];
		const entries = (await journal.list()).filter(({ id }) => !this.#alive.has(id));
		for (const entry of [...entries.filter(({ kind }) => kind === 'freeze').toReversed(), ...entries.filter(({ kind }) => kind === 'snapshot')]) {
			try {
				if (entry.kind === 'freeze') await this.#thawLeft(entry, parties);
				else await this.#releaseLeft(entry, parties);
				await journal.remove(entry.id);
				undone.push(entry);
			} catch (error) {
				log.warn({ err: error, entry: entry.id }, 'What a snapshot left could not be cleaned up.');
				left.push({ entry, reason: toErrorShape(error).message });
			}
		}
		for (const provider of parties.listing ?? []) undone.push(...(await this.#releaseForgotten(provider)));
		return { undone, left };
	}

	async #releaseForgotten(provider: SnapshotProvider): Promise<readonly JournalEntry[]> {
		const { clock, journal, log } = this.#parts;
		const ms = this.#deadlines.releaseMs;
		const undone: JournalEntry[] = [];
		try {
			const there = await within(
				{ clock, ms, what: `Listing the snapshots of ${provider.name}` },
				async (signal) => (await provider.leases?.({ signal })) ?? [],
			);
			const known = new Set([...(await journal.list()).map(({ id }) => id), ...this.#alive]); // afterwards: what is listed was written down before it was made
			for (const lease of there.filter(({ id }) => !known.has(id))) {
				await within({ clock, ms, what: `Releasing a snapshot of ${lease.volume.id}` }, (signal) => provider.release(lease, { signal, outcome: 'aborted' }));
				undone.push({ kind: 'snapshot', id: lease.id, lease });
			}
		} catch (error) {
			if (!isEngineError(error, 'snapshot.unsupported')) log.warn({ err: error }, `It could not be told which snapshots of ${provider.name} nobody remembers.`);
		}
		return undone;
	}

	async #thawLeft({ writer: spec }: Extract<JournalEntry, { kind: 'freeze' }>, parties: Parties): Promise<void> {
		const { clock } = this.#parts;
		const { thawMs, endMs } = this.#deadlines;
		const writer = parties.writer(spec);
		if (writer === undefined) throw new EngineError('snapshot.writer', `There is no writer for ${spec} any more.`);
		await within({ clock, ms: thawMs, what: `Thawing ${spec}` }, (signal) => writer.thaw({ signal }));
		await within({ clock, ms: endMs, what: `Ending ${spec}` }, (signal) => writer.end('aborted', { signal }));
	}

	async #releaseLeft({ lease }: Extract<JournalEntry, { kind: 'snapshot' }>, parties: Parties): Promise<void> {
		const { clock } = this.#parts;
		const provider = parties.provider(lease.provider);
		if (provider === undefined) throw new EngineError('snapshot.unsupported', `There is no snapshot provider ${lease.provider} any more.`);
		const ms = this.#deadlines.releaseMs;
		await within({ clock, ms, what: `Releasing a snapshot of ${lease.volume.id}` }, (signal) => provider.release(lease, { signal, outcome: 'aborted' }));
	}
}
