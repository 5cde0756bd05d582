import type { ErrorShape } from '../../../engine/contract/index.ts';

export type Field =
	| 'name'
	| 'machineId'
	| 'mountServerId'
	| 'path'
	| 'maxTasks'
	| 'readLimit'
	| 'writeLimit'
	| 'checkSchedule'
	| 'schedule'
	| 'checkDays'
	| 'encryptionKeyId';
const fields: readonly Field[] = [
	'name',
	'machineId',
	'mountServerId',
	'path',
	'maxTasks',
	'readLimit',
	'writeLimit',
	'checkSchedule',
	'schedule',
	'checkDays',
	'encryptionKeyId',
];

/** Which field an error is about: it names it, or its code can only mean one. Null: the dialog as a whole. */
export function fieldOf(error: ErrorShape): Field | null {
	const named = String(error.data?.field ?? '').split('.');
	const field = fields.find((each) => named.includes(each));
	if (field) return field;
	if (error.code === 'exists.name') return 'name';
	return error.code.startsWith('repository.') || error.code === 'not-found.path' ? 'path' : null;
}
