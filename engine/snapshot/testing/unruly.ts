/** For tests only: a journal, a provider and a writer that work in memory, and that behave badly when told to. */
import { EngineError } from '../../base/index.ts';
import type { JournalEntry, Lease, ProviderCapabilities, Snapshot, SnapshotJournal, SnapshotProvider, SnapshotWriter, VolumeRequest } from '../index.ts';

/** Says once per name whether to misbehave; `assertFired` fails the test when a fault was never met. */
export class Faults<Name extends string> {
	readonly #pending = new Set<Name>();

	constructor(...names: Name[]) {
		this.#pending = new Set(names);
	}

	fires(name: Name): boolean {
		return this.#pending.delete(name);
	}

	assertFired(): void {
		if (this.#pending.size > 0) throw new Error(`These faults never fired: ${[...this.#pending].join(', ')}`);
	}
}

export class MemoryJournal implements SnapshotJournal {
	readonly entries = new Map<string, JournalEntry>();
	readonly #history: string[];

	constructor(history: string[] = []) {
		this.#history = history;
	}

	async add(entries: readonly JournalEntry[]): Promise<void> {
		this.#history.push(`journal ${entries.length}`);
		for (const entry of entries) this.entries.set(entry.id, structuredClone(entry));
	}

	async update(entry: JournalEntry): Promise<void> {
		if (this.entries.has(entry.id)) this.entries.set(entry.id, structuredClone(entry));
	}

	async remove(id: string): Promise<void> {
		this.entries.delete(id);
	}

	async list(): Promise<readonly JournalEntry[]> {
		return [...this.entries.values()];
	}
}

const forgotten = { id: '/forgotten', kind: 'file-system', mountPoint: null, fileSystem: null, device: null, root: '/', isReadOnly: false } as const;

const never = new Promise<never>(() => undefined);

/** Snapshots are names in a set. `hangs` ignores its signal for ever, `late` until `finishLate` is called, and then succeeds. */
export class UnrulyProvider implements SnapshotProvider {
	readonly name: string;
	readonly capabilities: ProviderCapabilities;
	/** What is there, by the ids of leases. */
	readonly snapshots = new Set<string>();
	readonly faults: Faults<'create fails' | 'create hangs' | 'create is late' | 'release fails' | 'runs full'>;
	readonly #history: string[];
	readonly #late = Promise.withResolvers<void>();

	constructor(
		history: string[],
		{
			name = 'memory',
			faults = new Faults(),
			...capabilities
		}: Partial<ProviderCapabilities> & { readonly name?: string; readonly faults?: UnrulyProvider['faults'] } = {},
	) {
		this.name = name;
		this.faults = faults;
		this.#history = history;
		this.capabilities = {
			method: 'copy-on-write',
			isHardware: false,
			isTransportable: false,
			isReadOnly: true,
			survivesSourceLoss: false,
			maxSnapshotsPerVolume: 100,
			isSerialised: false,
			instant: 'volume',
			...capabilities,
		};
	}

	finishLate(): void {
		this.#late.resolve();
	}

	async canProtect(): Promise<{ can: true }> {
		return { can: true };
	}

	async create(requests: readonly VolumeRequest[]): Promise<readonly Snapshot[]> {
		this.#history.push(`create ${requests.map(({ lease }) => lease.volume.id).join(' ')}`);
		if (this.faults.fires('create hangs')) return never;
		if (this.faults.fires('create is late')) await this.#late.promise;
		const [first] = requests;
		if (first !== undefined) this.snapshots.add(first.lease.id);
		if (this.faults.fires('create fails')) throw new EngineError('snapshot.failed', 'No room for a snapshot.'); // with one made already
		for (const { lease } of requests) this.snapshots.add(lease.id);
		return requests.map(({ lease }) => ({
			leaseId: lease.id,
			createdAt: lease.takenAt,
			views: [{ path: lease.volume.id, at: `/snapshots/${lease.id}` }],
			device: null,
			details: { place: lease.id },
			notes: [],
		}));
	}

	async verify(lease: Lease): Promise<void> {
		if (this.faults.fires('runs full')) throw new EngineError('snapshot.failed', `The snapshot of ${lease.volume.id} ran full.`);
	}

	async leases(): Promise<readonly Lease[]> {
		return [...this.snapshots].map((id) => ({ id, sessionId: '', provider: this.name, volume: forgotten, takenAt: 0, details: null }));
	}

	async release(lease: Lease): Promise<void> {
		this.#history.push(`release ${lease.volume.id}`);
		if (this.faults.fires('release fails')) throw new EngineError('snapshot.failed', 'The device is busy.');
		this.snapshots.delete(lease.id);
	}
}

type Step = 'identify' | 'prepare' | 'freeze' | 'thaw' | 'postSnapshot' | 'end';

export class UnrulyWriter implements SnapshotWriter {
	readonly spec: string;
	isFrozen = false;
	readonly faults: Faults<`${Step} fails` | `${Step} hangs` | 'goes on by itself'>;
	readonly #history: string[];

	constructor(history: string[], spec: string, faults: UnrulyWriter['faults'] = new Faults()) {
		this.spec = spec;
		this.faults = faults;
		this.#history = history;
	}

	async identify() {
		await this.#at('identify');
		return { title: this.spec, paths: [] };
	}

	prepare(): Promise<void> {
		return this.#at('prepare');
	}

	async freeze(): Promise<void> {
		this.isFrozen = true; // also when what follows fails
		await this.#at('freeze');
	}

	async thaw(): Promise<'held' | 'lost'> {
		await this.#at('thaw');
		const wasFrozen = this.isFrozen && !this.faults.fires('goes on by itself');
		this.isFrozen = false;
		return wasFrozen ? 'held' : 'lost';
	}

	async postSnapshot() {
		await this.#at('postSnapshot');
		return [{ path: '/data/label', at: `/extra/${this.spec}` }];
	}

	end(outcome: 'complete' | 'aborted'): Promise<void> {
		return this.#at('end', outcome);
	}

	async #at(step: Step, detail = ''): Promise<void> {
		this.#history.push(`${step} ${this.spec} ${detail}`.trimEnd());
		if (this.faults.fires(`${step} hangs`)) await never;
		if (this.faults.fires(`${step} fails`)) throw new EngineError('snapshot.writer', `${this.spec}: ${step} failed.`);
	}
}
