import { displayText, EngineError, isEngineError, systemErrorCode } from '../base/index.ts';

/** What the system said when a disk was opened, as an error that names the disk and the remedy. */
export function openError(path: string, error: unknown): EngineError {
	if (isEngineError(error)) return error;
	const name = displayText(path);
	switch (systemErrorCode(error)) {
		case 'ENOENT':
		case 'ENOTDIR':
			return new EngineError('source.missing', `There is no disk image or device at ${name}.`, {
				hint: 'Check the path; it is looked up on the machine that runs the backup.',
				cause: error,
			});
		case 'EACCES':
		case 'EPERM':
			return new EngineError('source.unreadable', `Access to the disk ${name} was denied.`, {
				hint: 'Run Holdfast as a user that may read it; block devices usually need root or the group "disk".',
				cause: error,
			});
		case 'ENXIO':
		case 'ENODEV':
		case 'ENOMEDIUM':
			return new EngineError('source.missing', `The device ${name} is not connected, or holds no medium.`, { cause: error });
		default:
			return new EngineError('source.unreadable', `The disk ${name} cannot be opened: ${words(error)}`, { cause: error });
	}
}

export const readError = (path: string, offsetBytes: number, error: unknown): EngineError =>
	new EngineError('source.unreadable', `The disk ${displayText(path)} cannot be read at byte ${offsetBytes}: ${words(error)}`, {
		hint: 'Look for errors of the storage below it in the system log.',
		data: { offsetBytes },
		cause: error,
	});

/** An image whose own tables contradict themselves. */
export const damaged = (path: string, what: string, cause?: unknown): EngineError =>
	new EngineError('source.unreadable', `The disk image ${displayText(path)} is damaged: ${what}.`, {
		hint: 'Check it with "qemu-img check", and repair it with "-r all" after making a copy.',
		cause,
	});

export const unsupportedImage = (path: string, what: string, hint: string): EngineError =>
	new EngineError('source.unsupported', `The disk ${displayText(path)} cannot be read: ${what}.`, { hint });

export const shrunk = (path: string, offsetBytes: number): EngineError =>
	new EngineError('source.changed', `The disk ${displayText(path)} became smaller while it was read; byte ${offsetBytes} is gone.`, {
		hint: 'Protect it again when nothing resizes it.',
		data: { offsetBytes },
	});

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
