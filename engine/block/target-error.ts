import { displayText, EngineError, isEngineError, systemErrorCode } from '../base/index.ts';

/** @param verb what the target could not be */
export function targetError(path: string, verb: string, error: unknown): EngineError {
	if (isEngineError(error)) return error;
	const name = displayText(path);
	const detail = { cause: error };
	switch (systemErrorCode(error)) {
		case 'ENOENT':
		case 'ENOTDIR':
			return new EngineError('restore.target', `The folder of ${name} does not exist.`, { ...detail, hint: 'Create it, or choose another target.' });
		case 'EACCES':
		case 'EPERM':
		case 'EROFS':
			return new EngineError('restore.target', `${name} must not be written.`, {
				...detail,
				hint: 'Check its permissions and whether its volume is read-only.',
			});
		case 'ENOSPC':
		case 'EDQUOT':
			return new EngineError('restore.target', `There is not enough room for ${name}.`, { ...detail, hint: 'Free some room, or choose another target.' });
		case 'EFBIG':
			return new EngineError('restore.target', `The volume of ${name} does not take files of that size.`, { ...detail, hint: 'Choose another target.' });
		default:
			return new EngineError('restore.target', `${name} cannot be ${verb}: ${error instanceof Error ? error.message : String(error)}`, detail);
	}
}
