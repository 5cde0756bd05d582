import { EngineError, isEngineError, newId, toErrorShape } from '../base/index.ts';
import { within } from './deadline.ts';
import type { JournalEntry } from './journal.ts';
import { refuseManyInstants } from './one-instant.ts';
import type { Lease, Snapshot } from './provider.ts';
import type { Deadlines, RequestorParts, SetOptions, SetWish, SnapshotPhase, SnapshotSet, VolumeWish } from './snapshot-set.ts';
import type { View } from './volume.ts';
import type { SnapshotWriter, WriterIdentity } from './writer.ts';

/** `alive`: ids of journal entries that this process uses, and nobody may clean up. */
type Parts = RequestorParts & { readonly deadlines: Deadlines; readonly alive: Set<string> };

/** `isStuck`: it could not be thawed or ended, so that its entry stays in the journal. */
type HeldWriter = { readonly writer: SnapshotWriter; readonly entryId: string; isStuck: boolean };
type HeldVolume = { readonly wish: VolumeWish; lease: Lease; isBeingMade: boolean };

type Held = { readonly volumes: readonly HeldVolume[]; readonly writers: readonly HeldWriter[] };

/** One passage of the state machine: identify → wait → prepare → freeze → create → thaw → post-snapshot → read → end → release. */
export class OpenSet implements SnapshotSet {
	readonly #parts: Parts;
	readonly #wish: SetWish;
	readonly #options: SetOptions;
	/** What is undone at the end, last first. Nothing in it throws. */
	readonly #stack = new AsyncDisposableStack();
	#outcome: 'complete' | 'aborted' = 'aborted';
	#closing: Promise<void> | undefined;
	readonly #lost = new AbortController();
	snapshots: readonly Snapshot[] = [];
	writers: readonly WriterIdentity[] = [];
	writerViews: readonly View[] = [];

	constructor(parts: Parts, wish: SetWish, options: SetOptions) {
		this.#parts = parts;
		this.#wish = wish;
		this.#options = options;
	}

	async open(): Promise<void> {
		const { writers } = this.#wish;
		const { identifyMs, prepareMs, postSnapshotMs } = this.#parts.deadlines;
		this.#phase('identify');
		const identities: WriterIdentity[] = [];
		for (const writer of writers) identities.push(await this.#ask(`Reaching ${writer.spec}`, identifyMs, (signal) => writer.identify({ signal })));
		this.writers = identities;
		refuseManyInstants(identities, this.#wish.volumes);

		this.#phase('wait');
		this.#stack.use(await this.#takeSlots());

		const held = await this.#writeDown();
		this.#phase('prepare');
		for (const each of held.writers) {
			this.#stack.defer(() => this.#end(each));
			await this.#ask(`Preparing ${each.writer.spec}`, prepareMs, (signal) => each.writer.prepare({ signal }));
		}

		this.snapshots = await this.#createWhileFrozen(held);
		for (const note of this.snapshots.flatMap(({ notes }) => notes)) this.#options.onNote?.(note);

		this.#phase('post-snapshot');
		const views: View[] = [];
		for (const writer of writers) {
			const work = (signal: AbortSignal) => writer.postSnapshot(this.snapshots, { signal });
			views.push(...(await this.#ask(`What ${writer.spec} does after the snapshot`, postSnapshotMs, work)));
		}
		this.writerViews = views;
		this.#stack.use(this.#watch(held.volumes));
		this.#phase('read');
	}

	get lost(): AbortSignal {
		return this.#lost.signal;
	}

	async complete(): Promise<void> {
		this.#outcome = 'complete';
		await this[Symbol.asyncDispose]();
	}

	[Symbol.asyncDispose](): Promise<void> {
		this.#closing ??= (async () => {
			this.#phase('release');
			await this.#stack.disposeAsync();
			this.#phase('released');
		})();
		return this.#closing;
	}

	/** Looks at the snapshots until they are released, and once more then: what was read may have been spoiled since. */
	#watch(volumes: readonly HeldVolume[]): AsyncDisposable {
		const { clock, deadlines } = this.#parts;
		const watched = volumes.filter(({ wish }) => wish.provider.verify !== undefined);
		const stop = new AbortController();
		const work = (async () => {
			while (watched.length > 0 && !stop.signal.aborted && !this.#lost.signal.aborted) {
				await clock.sleep(deadlines.verifyEveryMs, { signal: stop.signal }).catch(() => undefined); // the last look
				if (!stop.signal.aborted || this.#outcome === 'complete') for (const held of watched) await this.#verify(held);
			}
		})();
		return {
			async [Symbol.asyncDispose]() {
				stop.abort();
				await work;
			},
		};
	}

	async #verify({ wish: { provider, volume }, lease }: HeldVolume): Promise<void> {
		try {
			await this.#undo(`Looking at the snapshot of ${volume.id}`, this.#parts.deadlines.identifyMs, async (signal) => provider.verify?.(lease, { signal }));
		} catch (error) {
			if (!isEngineError(error, 'snapshot.failed') || this.#lost.signal.aborted)
				return this.#parts.log.warn({ err: error, entry: lease.id }, 'It could not be told whether a snapshot still shows its instant.');
			this.#lost.abort(error);
			this.#options.onNote?.(`${error.message} What was to be read after that is missing.`, true);
		}
	}

	#takeSlots(): Promise<Disposable> {
		const wishes = this.#wish.volumes.map(({ volume, provider: { capabilities }, limit }) => ({
			volumeId: volume.id,
			limit: capabilities.isSerialised ? 1 : Math.min(limit, capabilities.maxSnapshotsPerVolume),
		}));
		const onWait = (volumeId: string): void => this.#options.onNote?.(`Waiting until another job has released its snapshot of ${volumeId}.`);
		return this.#parts.slots.take(wishes, { signal: this.#options.signal, onWait });
	}

	/** The heart: whatever happens in here, applications go on within bounded time. */
	async #createWhileFrozen({ volumes, writers }: Held): Promise<readonly Snapshot[]> {
		const { clock, deadlines } = this.#parts;
		const since = clock.monotonic();
		const windowMs = (): number => Math.max(0, deadlines.freezeMs - (clock.monotonic() - since));
		let begun = 0;
		let lost: string | undefined;
		let snapshots: readonly Snapshot[];
		try {
			this.#phase('freeze');
			for (const { writer } of writers) {
				begun++;
				await this.#ask(`Freezing ${writer.spec}`, windowMs(), (signal) => writer.freeze({ signal }));
			}
			this.#phase('create');
			snapshots = await this.#create(volumes, writers.length > 0 ? windowMs : null);
		} finally {
			this.#phase('thaw');
			for (const held of writers.slice(0, begun).reverse()) if ((await this.#thaw(held)) === 'lost') lost = held.writer.spec;
		}
		if (lost === undefined) return snapshots;
		throw new EngineError('snapshot.writer', `${lost} did not hold still until the snapshot was made.`, {
			hint: 'Look at the messages of the application; run the job again when the machine has less to do.',
			data: { writer: lost },
		});
	}

	/** The journal comes before the deed. */
	async #writeDown(): Promise<Held> {
		const { journal, clock, alive } = this.#parts;
		const { sessionId } = this.#wish;
		const takenAt = clock.now();
		const volumes: readonly HeldVolume[] = this.#wish.volumes.map((wish) => ({
			wish,
			lease: { id: newId(takenAt), sessionId, provider: wish.provider.name, volume: wish.volume, takenAt, details: null },
			isBeingMade: false,
		}));
		const writers: readonly HeldWriter[] = this.#wish.writers.map((writer) => ({ writer, entryId: newId(takenAt), isStuck: false }));
		const entries: JournalEntry[] = [
			...writers.map(({ writer, entryId }) => ({ kind: 'freeze', id: entryId, sessionId, writer: writer.spec, takenAt }) as const),
			...volumes.map(({ lease }) => ({ kind: 'snapshot', id: lease.id, lease }) as const),
		];
		for (const { id } of entries) alive.add(id);
		this.#stack.defer(async () => {
			await Promise.all(volumes.map((held) => this.#release(held)));
			for (const { entryId, isStuck } of writers) if (!isStuck) await this.#forget(entryId);
		});
		await journal.add(entries);
		return { volumes, writers };
	}

	/** @param windowMs how long applications may still stand still; null: none does */
	async #create(volumes: readonly HeldVolume[], windowMs: (() => number) | null): Promise<readonly Snapshot[]> {
		const groups = [...Map.groupBy(volumes, ({ wish }) => wish.provider).values()];
		const results = await Promise.allSettled(groups.map((group) => this.#createWith(group, windowMs?.() ?? Number.POSITIVE_INFINITY)));
		const made = new Map<string, Snapshot>();
		for (const result of results) {
			if (result.status === 'rejected') throw result.reason;
			for (const snapshot of result.value) made.set(snapshot.leaseId, snapshot);
		}
		return volumes.map(({ lease, wish }) => {
			const snapshot = made.get(lease.id);
			if (snapshot === undefined) throw new EngineError('snapshot.failed', `${wish.provider.name} made no snapshot of ${wish.volume.id}.`);
			return snapshot;
		});
	}

	async #createWith(group: readonly HeldVolume[], windowMs: number): Promise<readonly Snapshot[]> {
		const { provider } = (group[0] as HeldVolume).wish;
		const { instant, createMs = this.#parts.deadlines.createMs } = provider.capabilities;
		const ms = instant === 'file' ? windowMs : Math.min(windowMs, createMs);
		const requests = group.map(({ lease, wish }) => ({ lease, paths: wish.paths, ...(wish.exclusions && { exclusions: wish.exclusions }) }));
		for (const held of group) held.isBeingMade = true;
		const isMade = (): void => {
			for (const held of group) held.isBeingMade = false;
		};
		const onLate = (): void => {
			isMade();
			for (const held of group) void this.#release(held);
		};
		const snapshots = await this.#ask(`Making a snapshot with ${provider.name}`, ms, (signal) => provider.create(requests, { signal }).finally(isMade), onLate);
		for (const { leaseId, details } of snapshots) {
			const held = group.find(({ lease }) => lease.id === leaseId);
			if (held === undefined) continue; // a lease that it was not given: the one that it was given is found missing
			held.lease = { ...held.lease, details };
			await this.#parts.journal.update({ kind: 'snapshot', id: leaseId, lease: held.lease });
		}
		return snapshots;
	}

	async #thaw(held: HeldWriter): Promise<'held' | 'lost'> {
		const { writer, entryId } = held;
		try {
			return await this.#undo(`Thawing ${writer.spec}`, this.#parts.deadlines.thawMs, (signal) => writer.thaw({ signal }));
		} catch (error) {
			held.isStuck = true;
			this.#leave(`${writer.spec} could not be thawed`, error, entryId);
			return 'lost';
		}
	}

	async #end(held: HeldWriter): Promise<void> {
		const { writer, entryId } = held;
		try {
			await this.#undo(`Ending ${writer.spec}`, this.#parts.deadlines.endMs, (signal) => writer.end(this.#outcome, { signal }));
		} catch (error) {
			held.isStuck = true;
			this.#leave(`${writer.spec} could not be told that the snapshot is not needed any more`, error, entryId);
		}
	}

	/** A provider that still works on it is asked all the same, and once more when it has come to its end: only then the lease is forgotten. */
	async #release(held: HeldVolume): Promise<void> {
		const { provider, volume } = held.wish;
		const { id } = held.lease;
		try {
			await this.#undo(`Releasing the snapshot of ${volume.id}`, this.#parts.deadlines.releaseMs, (signal) =>
				provider.release(held.lease, { signal, outcome: this.#outcome }),
			);
			if (!held.isBeingMade) await this.#forget(id);
		} catch (error) {
			this.#leave(`The snapshot of ${volume.id} could not be released`, error, id);
		}
	}

	async #forget(entryId: string): Promise<void> {
		try {
			await this.#parts.journal.remove(entryId);
		} catch (error) {
			this.#parts.log.warn({ err: error, entry: entryId }, 'The journal of snapshots could not be written; what it names is cleaned up once more later.');
		}
		this.#parts.alive.delete(entryId);
	}

	/** Leaves an entry to the next clean-up. */
	#leave(what: string, error: unknown, entryId: string): void {
		this.#parts.alive.delete(entryId);
		this.#parts.log.warn({ err: error, sessionId: this.#wish.sessionId }, what);
		this.#options.onNote?.(`${what}, and it is tried again later: ${toErrorShape(error).message}`);
	}

	#phase(phase: SnapshotPhase): void {
		this.#options.onPhase?.(phase);
	}

	#ask<T>(what: string, ms: number, work: (signal: AbortSignal) => Promise<T>, onLate?: () => void): Promise<T> {
		return within({ clock: this.#parts.clock, ms, what, signal: this.#options.signal }, work, onLate);
	}

	/** Not stopped by cancelling. */
	#undo<T>(what: string, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
		return within({ clock: this.#parts.clock, ms, what }, work);
	}
}
