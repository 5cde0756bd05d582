import { EngineError } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import type { JobSettings, MachineRef, SnapshotUse, SourceSpec } from '../contract/index.ts';
import type { ObjectSource } from '../mover/index.ts';
import type { MachineWish, OpenReading, ReadOptions, ReadWish, Snapshots } from '../snapshot/index.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import { sourceKey } from './source-key.ts';

/** What jobs need of snapshots, on this machine or on one whose data mover makes them. */
export interface JobSnapshots extends Pick<Snapshots, 'concrete'> {
	/** Where a virtual machine is read. @param wish `exclude`: globs, which disks are left out by as well @throws as `openMachine`, and `connection.*` */
	openMachine(
		wish: Omit<MachineWish, 'isExcluded'> & { readonly exclude: readonly string[] },
		options: ReadOptions,
	): Promise<AsyncDisposable & { readonly reading: ObjectSource; complete(): Promise<void> }>;
	/** @throws `snapshot.*`, `connection.*`, the signal's reason */
	open(wish: ReadWish & { readonly machineId: string | null }, options: ReadOptions): Promise<OpenReading>;
}

/** Where the objects of a session are read. Disposing releases what is held. */
export interface SourceReading extends AsyncDisposable {
	/** Aborted, with the reason, when what is being read is not what it was at its instant any more. */
	readonly lost: AbortSignal;
	/**
	 * Makes the snapshots when a run asks: those that wait for their turn hold none open.
	 * @param proxy that is to read it, off-host
	 * @throws `snapshot.*`, `source.*`, the signal's reason
	 */
	of(object: SourceSpec, task: LiveTask, proxy: MachineRef | null): Promise<ObjectSource>;
	/** A run of these has ended: a virtual machine is let go of at once, since what it overwrites is kept aside as long as its snapshot lasts. Never fails. */
	ended(objects: readonly SourceSpec[], isRead: boolean): Promise<void>;
	/** All runs have ended: tells applications and releases. Never fails. */
	complete(): Promise<void>;
}

/** One snapshot set for all that lies on this machine, so that it is of one instant, however many runs read from it; and one for each virtual machine. */
export function createSourceReading(
	snapshots: JobSnapshots,
	{ job, objects }: { readonly job: Entity<JobSettings>; readonly objects: readonly SourceSpec[] },
	session: LiveSession,
): SourceReading {
	const { settings } = job;
	const here = objects.filter(({ kind }) => kind !== 'vm');
	const onNote = (message: string, isWarning: boolean): void => session.note(isWarning ? 'warning' : 'info', message, isWarning ? 'snapshot.failed' : null);
	const options = { signal: session.signal, onNote };
	const { machineId, exclude, quiesce, requireConsistent, writers, guestWriters, snapshot: mode } = settings;
	const machines = new Map<string, ReturnType<JobSnapshots['openMachine']>>();
	let opening: Promise<OpenReading> | undefined;
	const lost = new AbortController();
	const opened = async (): Promise<OpenReading | undefined> => opening?.catch(() => undefined); // said by who asked

	async function read(object: SourceSpec): Promise<ObjectSource> {
		if (object.kind === 'vm') {
			const wish = { sessionId: session.id, path: object.path, owner: job.id, exclude, quiesce, requireConsistent, guestWriters };
			const machine = snapshots.openMachine(wish, options);
			machines.set(object.path, machine);
			return (await machine).reading;
		}
		opening ??= snapshots.open({ sessionId: session.id, machineId, sources: here, mode, quiesce, requireConsistent, writers, exclude }, options);
		const open = await opening;
		open.lost.addEventListener('abort', () => lost.abort(open.lost.reason), { once: true });
		const reading = open.sources[here.findIndex((each) => sourceKey(each) === sourceKey(object))];
		if (reading === undefined) throw new Error(`Defect: nobody asked where ${sourceKey(object)} is read`);
		return reading;
	}

	async function endMachine(path: string, isRead: boolean): Promise<void> {
		const machine = await machines.get(path)?.catch(() => undefined);
		machines.delete(path);
		await (isRead ? machine?.complete() : machine?.[Symbol.asyncDispose]());
	}

	return {
		lost: lost.signal,
		async of(object, task, proxy) {
			if (opening === undefined || object.kind === 'vm') task.activity('making a snapshot');
			const reading = forProxy(object, await read(object), proxy);
			task.readsFrom(reading.snapshot);
			task.info(describe(reading.snapshot));
			return reading;
		},
		async ended(ended, isRead) {
			for (const { kind, path } of ended) if (kind === 'vm') await endMachine(path, isRead);
		},
		async complete() {
			await (await opened())?.complete();
		},
		async [Symbol.asyncDispose]() {
			for (const path of [...machines.keys()]) await endMachine(path, false);
			await (await opened())?.[Symbol.asyncDispose]();
		},
	};
}

/** @throws `snapshot.failed` where there is no snapshot to give to the proxy */
function forProxy(object: SourceSpec, reading: ObjectSource, proxy: MachineRef | null): ObjectSource {
	if (proxy === null) return reading;
	const { instant, reason } = reading.snapshot;
	if (instant === 'live')
		throw new EngineError('snapshot.failed', `There is no snapshot of ${object.path} that another machine could read. ${reason}`.trim(), {
			hint: 'Look at the log of the session for what went wrong, or choose the mode on-host.',
		});
	return { ...reading, snapshot: { ...reading.snapshot, proxy: { id: proxy.id, name: proxy.name } } };
}

const scope = { set: 'all at one instant', volume: 'each volume at one instant', file: 'each file at one instant', live: '' } as const;

function describe({ actual, instant, reason, writers, createdAt, proxy }: SnapshotUse): string {
	const held = writers.length > 0 ? `, while ${writers.join(', ')} held still` : '';
	const how = createdAt === null ? 'Read live.' : `Read from a snapshot (${actual}${instant === 'live' ? ': the rest live' : `, ${scope[instant]}`}${held}).`;
	return [how, proxy ? `“${proxy.name}” reads it off-host.` : '', reason].filter(Boolean).join(' ');
}
