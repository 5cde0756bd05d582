/** The life of a session: queued → running → (cancelling →) success | warning | failed | cancelled | interrupted. Pure. */
import { type ErrorShape, isFinal, type SessionState, type SessionTask } from '../contract/index.ts';

const moves: Readonly<Record<SessionState, readonly SessionState[]>> = {
	queued: ['running', 'cancelling', 'failed', 'cancelled', 'interrupted'],
	running: ['cancelling', 'success', 'warning', 'failed', 'cancelled', 'interrupted'],
	// A cancel that comes too late changes nothing: the work was done.
	cancelling: ['success', 'warning', 'failed', 'cancelled', 'interrupted'],
	success: [],
	warning: [],
	failed: [],
	cancelled: [],
	interrupted: [],
};

export const mayMove = (from: SessionState, to: SessionState): boolean => moves[from].includes(to);

export type SessionResult = { readonly state: Extract<SessionState, 'success' | 'warning' | 'failed' | 'cancelled'>; readonly error: ErrorShape | null };

/** What the ends of its tasks make of a session: the worst counts, and a cancel that stopped something is a cancel. */
export function resultOf(tasks: readonly Pick<SessionTask, 'state' | 'name' | 'error'>[]): SessionResult {
	const failed = tasks.filter(({ state }) => state === 'failed');
	if (tasks.some(({ state }) => state === 'cancelled' || !isFinal(state))) {
		return { state: 'cancelled', error: { code: 'cancelled', message: 'The session was cancelled.' } };
	}
	const [first] = failed;
	if (first !== undefined) return { state: 'failed', error: failureOf(failed, tasks.length) };
	return { state: tasks.some(({ state }) => state === 'warning') ? 'warning' : 'success', error: null };
}

function failureOf(failed: readonly Pick<SessionTask, 'name' | 'error'>[], taskCount: number): ErrorShape {
	// The cause tells more than "not tried because of the cause", so the first error that is not a consequence leads.
	const cause = failed.find(({ error }) => error?.data?.notTried !== true)?.error ?? failed[0]?.error;
	const base: ErrorShape = cause ?? { code: 'internal', message: 'The task failed without saying why.' };
	if (taskCount === 1) return base;
	return { ...base, message: `${failed.length} of ${taskCount} objects failed. ${base.message}` };
}
