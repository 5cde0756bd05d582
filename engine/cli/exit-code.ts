import { type ErrorShape, isFinal, type SessionState } from '../contract/index.ts';

/** What the process ends with. Scripts depend on these numbers. */
export const exitCode = { success: 0, failed: 1, usage: 2, warnings: 3, cancelled: 130 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

export function exitCodeOfError(shape: Pick<ErrorShape, 'code'>): ExitCode {
	if (shape.code === 'cancelled') return exitCode.cancelled;
	return shape.code.startsWith('usage.') ? exitCode.usage : exitCode.failed;
}

export function exitCodeOfState(state: SessionState): ExitCode {
	if (!isFinal(state) || state === 'success') return exitCode.success;
	if (state === 'warning') return exitCode.warnings;
	return state === 'cancelled' ? exitCode.cancelled : exitCode.failed;
}
