import type { Entity } from '../config/index.ts';
import type { JobSettings, SourceSpec } from '../contract/index.ts';
import type { ObjectSource } from '../mover/index.ts';
import type { ObjectReading, OpenReading, Snapshots } from '../snapshot/index.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import { sourceKey } from './source-key.ts';

/** What jobs need of snapshots. */
export type JobSnapshots = Pick<Snapshots, 'open'>;

/** Where the objects of a session are read. Disposing releases what is held. */
export interface SourceReading extends AsyncDisposable {
	/** Makes the snapshots when the first run asks: those that wait for their turn hold none open. @throws `snapshot.*`, the signal's reason */
	of(object: SourceSpec, task: LiveTask): Promise<ObjectSource>;
	/** All runs have ended: tells applications and releases. Never fails. */
	complete(): Promise<void>;
}

/** One snapshot set for all objects of a session: one instant, however many runs read from it. */
export function createSourceReading(
	snapshots: JobSnapshots,
	{ job: { settings }, objects }: { readonly job: Entity<JobSettings>; readonly objects: readonly SourceSpec[] },
	session: LiveSession,
): SourceReading {
	let opening: Promise<OpenReading> | undefined;
	const open = (): Promise<OpenReading> =>
		snapshots.open(
			{
				sessionId: session.id,
				sources: objects,
				mode: settings.snapshot,
				quiesce: settings.quiesce,
				requireConsistent: settings.requireConsistent,
				writers: settings.writers,
			},
			{ signal: session.signal, onNote: (message, isWarning) => session.note(isWarning ? 'warning' : 'info', message, isWarning ? 'snapshot.failed' : null) },
		);
	const opened = async (): Promise<OpenReading | undefined> => opening?.catch(() => undefined); // said by who asked
	return {
		async of(object, task) {
			if (opening === undefined) task.activity('making a snapshot');
			opening ??= open();
			const reading = (await opening).sources[objects.findIndex((each) => sourceKey(each) === sourceKey(object))];
			if (reading === undefined) throw new Error(`Defect: nobody asked where ${sourceKey(object)} is read`);
			task.readsFrom(reading.snapshot);
			task.info(describe(reading));
			return reading;
		},
		async complete() {
			await (await opened())?.complete();
		},
		async [Symbol.asyncDispose]() {
			await (await opened())?.[Symbol.asyncDispose]();
		},
	};
}

const scope = { set: 'all at one instant', volume: 'each volume at one instant', file: 'each file at one instant', live: '' } as const;

function describe({ snapshot: { actual, instant, reason, writers, createdAt } }: ObjectReading): string {
	const held = writers.length > 0 ? `, while ${writers.join(', ')} held still` : '';
	const how = createdAt === null ? 'Read live.' : `Read from a snapshot (${actual}${instant === 'live' ? ': the rest live' : `, ${scope[instant]}`}${held}).`;
	return [how, reason].filter(Boolean).join(' ');
}
