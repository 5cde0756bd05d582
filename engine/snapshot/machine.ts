/** Virtual machines: what their snapshots give, and what the requestor needs of whoever reaches them. */
import { EngineError, isEngineError } from '../base/index.ts';
import type { QuiesceMode, SnapshotUse, SourceSpec } from '../contract/index.ts';
import type { Snapshot, SnapshotProvider } from './provider.ts';
import { planQuiescence, type Quiescence } from './quiesce.ts';
import type { Requestor } from './requestor.ts';
import type { SnapshotSet } from './snapshot-set.ts';
import type { Volume } from './volume.ts';
import type { SnapshotWriter } from './writer.ts';

/** The snapshot of a machine: its disks and its configuration, all of one instant. */
export type MachineSnapshot = {
	/** Small files that describe it, such as its definition: the name in the point, and where it lies until the release. */
	readonly files: readonly { readonly name: string; readonly at: string }[];
	/** Where its saved state lies until the release: memory and processors, in the host's own format; absent: none was saved. */
	readonly memory?: string | undefined;
	readonly disks: readonly MachineDisk[];
	/** Names this instant for the snapshot after it (`since`), if all of this one was kept; null: nothing is remembered. */
	readonly checkpoint: string | null;
	/** The checkpoint since which the dirty bitmaps tell what has changed; null: there are none. */
	readonly since: string | null;
};

export type MachineDisk = {
	/** As the guest has it: `vda`. Unique in its machine. */
	readonly name: string;
	/** URI of an NBD export, read-only. */
	readonly uri: string;
	/** Dirty bitmap of the export, for `since`; null: not known, and `untracked` says why. */
	readonly dirtyBitmap: string | null;
	/** A sentence for an administrator; empty where changes are known, or there is nothing before. */
	readonly untracked: string;
};

export type FoundMachine = {
	/** Its id is `HOST/NAME`. */
	readonly volume: Volume;
	/** Makes its snapshots for one owner, whose marks of what has changed are its own. */
	readonly provider: SnapshotProvider;
	readonly disks: readonly { readonly name: string /** Why it cannot be read; null: it can. */; readonly unsupported: string | null }[];
	/** Nothing runs in it that could be held still. */
	readonly isOff: boolean;
	/** Holds what runs in it still; else a sentence why that cannot be. */
	readonly guest: SnapshotWriter | string;
	/** A writer of the job for guests (`agent:…`, `ssh:…`) as the writer of this one. @throws `snapshot.writer`, `usage.invalid`, `source.*` */
	application(spec: string, options: { readonly signal: AbortSignal }): Promise<string>;
	/** Makes its snapshots with its state saved meanwhile; else a sentence why that cannot be. */
	readonly saving: SnapshotProvider | string;
};

export interface MachineSite {
	/** For whoever cleans up. */
	readonly provider: SnapshotProvider;
	/** @param path `HOST/NAME` @throws `not-found.host`, `not-found.vm`, `source.*` */
	find(path: string, options: { readonly owner: string; readonly signal: AbortSignal }): Promise<FoundMachine>;
	/** Patterns as the machines that fit them now. What cannot be asked, and a pattern that nothing fits, stays as it is: who reads it says why. */
	concrete(sources: readonly SourceSpec[]): Promise<readonly SourceSpec[]>;
	/** An owner takes no more snapshots of these: drops what is remembered for it on machines that run. @throws `source.*`, `not-found.*` */
	forget(owner: string, sources: readonly SourceSpec[]): Promise<void>;
}

export type MachineWish = {
	readonly sessionId: string;
	/** `HOST/NAME`. */
	readonly path: string;
	/** Id of the job. */
	readonly owner: string;
	/** Whether a disk is left out, by its name. */
	readonly isExcluded: (disk: string) => boolean;
	readonly quiesce: QuiesceMode;
	readonly requireConsistent: boolean;
	/** Applications in its guest that hold still as well, before its file systems do. */
	readonly guestWriters: readonly string[];
};

export type MachineReading = {
	readonly views: readonly [];
	readonly machine: MachineSnapshot;
	readonly consistency: 'application' | 'file-system' | 'crash';
	readonly snapshot: SnapshotUse;
};

export type MachineOptions = { readonly signal: AbortSignal; readonly onNote: (message: string, isWarning: boolean) => void };

/**
 * Makes the snapshot of one machine, held still as the rules of quiescence say (QUIESCE-01, QUIESCE-02).
 * @throws `snapshot.*`, `source.*`, `not-found.*`, the signal's reason
 */
export async function openMachine(
	{ requestor, machines, writer }: { readonly requestor: Requestor; readonly machines: MachineSite; readonly writer: (spec: string) => SnapshotWriter },
	wish: MachineWish,
	{ signal, onNote }: MachineOptions,
): Promise<{ readonly reading: MachineReading; readonly set: SnapshotSet }> {
	const { path, quiesce: mode, requireConsistent } = wish;
	const { volume, provider, disks, isOff, guest, application, saving } = await machines.find(path, { owner: wish.owner, signal });
	const wanted = disks.filter(({ name }) => !wish.isExcluded(name));
	for (const { name, unsupported } of wanted) if (unsupported !== null) onNote(`The disk ${name} of ${path} is left out: ${unsupported}`, true);
	const names = wanted.filter(({ unsupported }) => unsupported === null).map(({ name }) => name);
	if (names.length === 0)
		throw new EngineError(
			'source.unsupported',
			`The virtual machine ${path} has no disk that can be read${wanted.length < disks.length ? ' and is not excluded' : ''}.`,
			{
				hint: '"holdfast host vms HOST" says why of each disk.',
			},
		);
	const can = { online: typeof guest !== 'string', offline: typeof saving !== 'string' };
	const wishes = isOff || mode === 'crash' ? [] : wish.guestWriters;
	const steps = isOff ? (['crash'] as const) : planSteps(planQuiescence({ mode, requireConsistent, can }), wishes, requireConsistent);
	const cannot = typeof guest === 'string' ? guest : '';
	if (steps.length === 0)
		throw new EngineError('snapshot.unsupported', `A consistent point is required, and ${path} cannot be held still. ${cannot}`, {
			hint: 'Install the guest agent in the machine and give it a channel for it, let its state be saved (offline), or do not require consistency.',
		});
	let reason = mode === 'crash' || isOff || steps[0] === 'application' ? '' : cannot;
	if (reason !== '') onNote(`${beginning(path, steps[0])}: ${reason}`, steps[0] === 'crash');
	for (const [i, step] of steps.entries()) {
		const maker = step === 'offline' && typeof saving !== 'string' ? saving : provider;
		try {
			const writers: SnapshotWriter[] = [];
			if (step === 'application') for (const spec of wishes) writers.push(writer(await application(spec, { signal })));
			if ((step === 'application' || step === 'online') && typeof guest !== 'string') writers.push(guest);
			const set = await requestor.createSet(
				{ sessionId: wish.sessionId, volumes: [{ volume, provider: maker, paths: names, limit: 1 }], writers },
				{ signal, onNote: (message) => onNote(message, false) },
			);
			const snapshot = set.snapshots[0] as Snapshot;
			if (snapshot.machine === undefined) throw new Error(`Defect: ${provider.name} gives no machine to read`);
			return {
				set,
				reading: {
					views: [],
					machine: snapshot.machine,
					consistency: step === 'application' ? step : isOff || step !== 'crash' ? 'file-system' : 'crash',
					snapshot: {
						requested: mode,
						actual: provider.name,
						instant: 'set',
						reason: isOff ? 'The machine was off.' : reason,
						writers: step === 'offline' ? [`${path} in a saved state`] : set.writers.map(({ title }) => title),
						createdAt: snapshot.createdAt,
					},
				},
			};
		} catch (error) {
			if (signal.aborted || !isEngineError(error) || i + 1 === steps.length) throw error;
			reason = [reason, error.message, steps[i + 1] !== 'online' && step === 'application' && !error.message.includes(cannot) ? cannot : '']
				.filter(Boolean)
				.join(' ');
			onNote(`${error.message} ${beginning(path, steps[i + 1])}.`, true);
		}
	}
	throw new Error('Defect: no way to make a snapshot was left, and none failed');
}

/** `application`: those that the job names in its guest hold still, and then its file systems. */
type Step = Quiescence | 'application';

/** A job that requires consistency, and names applications, is content with nothing less (QUIESCE-02). */
function planSteps(others: readonly Quiescence[], applications: readonly string[], requireConsistent: boolean): readonly Step[] {
	if (applications.length === 0) return others;
	return requireConsistent ? ['application'] : ['application', ...others];
}

/** What comes next, as the beginning of a sentence. */
const beginning = (path: string, step: Step | undefined): string =>
	step === 'online'
		? `The file systems of ${path} hold still without its applications`
		: step === 'offline'
			? `The state of ${path} is saved while its snapshot is made`
			: `${path} is crash-consistent`;
