/** How the desktop ends: never in the middle of a session without asking, and always within bounded time. */
import type { TRPCClient } from '@trpc/client';
import { type AppRouter, isFinal } from '../engine/contract/index.ts';

const activeStates = ['queued', 'running', 'cancelling'] as const;

export async function runningSessions(client: TRPCClient<AppRouter>): Promise<{ id: string; title: string }[]> {
	const { sessions } = await client.sessions.list.query({ states: [...activeStates], limit: 1000 });
	return sessions.map(({ id, title }) => ({ id, title }));
}

/** Cancels them all and waits until each has let go of its snapshots and files, or the time is up. True when all have ended. */
export async function cancelSessions(client: TRPCClient<AppRouter>, ids: readonly string[], { timeoutMs }: { timeoutMs: number }): Promise<boolean> {
	const signal = AbortSignal.timeout(timeoutMs);
	const ended = await Promise.all(
		ids.map((id) => {
			// Refused when it has ended by itself meanwhile, which is what we wait for.
			client.sessions.cancel.mutate({ id }, { signal }).catch(() => undefined);
			return untilEnded(client, id, signal);
		}),
	);
	return ended.every(Boolean);
}

function untilEnded(client: TRPCClient<AppRouter>, id: string, signal: AbortSignal): Promise<boolean> {
	return new Promise((resolve) => {
		const settle = (hasEnded: boolean): void => {
			subscription.unsubscribe();
			signal.removeEventListener('abort', giveUp);
			resolve(hasEnded);
		};
		const giveUp = (): void => settle(false);
		const subscription = client.sessions.follow.subscribe(
			{ id },
			{ onData: ({ state }) => isFinal(state) && settle(true), onComplete: () => settle(true), onError: giveUp },
		);
		signal.addEventListener('abort', giveUp, { once: true });
	});
}

/** Resolves when `work` ends, however, or after `timeoutMs`. */
export function within(work: PromiseLike<unknown>, timeoutMs: number): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, timeoutMs);
		const done = (): void => {
			clearTimeout(timer);
			resolve();
		};
		work.then(done, done);
	});
}
