/** What VSS answers, as sentences for an administrator. By number: its words are in the language of the system. */
import { EngineError } from '../../../base/index.ts';
import type { CommandResult } from '../../command.ts';

type Failure = {
	readonly code: 'snapshot.failed' | 'snapshot.timeout' | 'snapshot.unsupported' | 'snapshot.writer';
	readonly message: string;
	readonly hint: string;
	/** It passes by itself: the documentation of VSS says to try again. */
	readonly isRetryable: boolean;
};

const again = 'Run the job again in ten minutes.';
const eventLog = 'Look into the event log of the system for VSS and volsnap.';
const failed = (message: string, hint: string, isRetryable = false): Failure => ({ code: 'snapshot.failed', message, hint, isRetryable });
const writer = (message: string, hint: string, isRetryable = false): Failure => ({ code: 'snapshot.writer', message, hint, isRetryable });
const inProgress = failed('Another snapshot is being made on this machine.', again, true);
const noRoom = failed(
	'There is no room for a snapshot.',
	'Give the volume more shadow copy storage ("vssadmin resize shadowstorage"), or remove old shadow copies.',
);
const tooMany = failed('The volume has as many shadow copies as it can have.', 'Remove old ones: "vssadmin list shadows".');
const unfit: Failure = {
	code: 'snapshot.unsupported',
	message: 'VSS makes no snapshots of this volume.',
	hint: 'Use another snapshot mode for it.',
	isRetryable: false,
};
const denied = failed('VSS needs rights that Holdfast does not have.', 'Run Holdfast as an administrator, or as a service.');
const vetoed = failed('A VSS provider refused to make the snapshot.', eventLog);
const notFound = failed('VSS does not find the volume.', 'See which volumes there are: "vssadmin list volumes".');

/** HRESULTs of VSS (vss.h, vswriter.h) and of the system. */
const byResult: Readonly<Record<string, Failure>> = {
	'0x80042301': failed('VSS was asked out of turn.', eventLog, true),
	'0x80042306': vetoed,
	'0x80042308': notFound,
	'0x8004230c': unfit,
	'0x8004230f': vetoed,
	'0x80042312': failed('There are too many volumes in one set of shadow copies.', 'Spread the volumes over several jobs.'),
	'0x80042313': { code: 'snapshot.timeout', message: 'Writes could not be brought to the disk in time.', hint: again, isRetryable: true },
	'0x80042314': { code: 'snapshot.timeout', message: 'Writes could not be held back for the snapshot in time.', hint: again, isRetryable: true },
	'0x80042315': writer('VSS could not speak with the writers of applications.', eventLog),
	'0x80042316': inProgress,
	'0x80042317': tooMany,
	'0x8004231b': unfit,
	'0x8004231f': noRoom,
	'0x800423f0': writer('An application found the snapshot to be without some of its volumes.', 'Put all volumes of the application into the job.'),
	'0x800423f1': writer('An application ran out of memory or handles for the snapshot.', again, true),
	'0x800423f2': writer('An application took longer for the snapshot than it may.', again, true),
	'0x800423f3': writer('An application could not make itself consistent this time.', again, true),
	'0x800423f4': writer('An application cannot make itself consistent.', eventLog),
	'0x80070005': denied,
	'0x80070057': failed('VSS did not understand what it was asked.', eventLog),
};

/** Results of the method Create of Win32_ShadowCopy. */
const byReturnValue: Readonly<Record<number, Failure>> = {
	1: denied,
	3: notFound,
	4: unfit,
	5: unfit,
	6: noRoom,
	7: failed('The volume is in use.', again, true),
	8: tooMany,
	9: inProgress,
	10: vetoed,
	11: failed('The VSS provider is not registered.', eventLog),
	12: vetoed,
};

const toError = (volumes: string, { code, message, hint, isRetryable }: Failure, cause: unknown): EngineError =>
	new EngineError(code, `${volumes}: ${message}`, { hint, data: { isRetryable }, cause });

/** @param volumes for the message */
export function failureOf(volumes: string, { code, stdout, stderr }: CommandResult): EngineError {
	const said = `${stdout}\n${stderr}`;
	for (const [result] of said.matchAll(/0x[0-9a-f]{8}/gi)) {
		const known = byResult[result.toLowerCase()];
		if (known) return toError(volumes, known, new Error(said.trim().slice(0, 2000)));
	}
	const last = said.trim().split(/\r?\n/).at(-1)?.trim() ?? '';
	return toError(
		volumes,
		failed(`The snapshot was not made (${code}): ${last.slice(0, 300) || 'nobody said why'}`, eventLog),
		new Error(said.trim().slice(0, 2000)),
	);
}

export const failureOfReturnValue = (volume: string, value: number): EngineError =>
	toError(volume, byReturnValue[value] ?? failed(`The snapshot was not made (${value}).`, eventLog), undefined);
