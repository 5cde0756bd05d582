/** What the tray shows, derived from what the engine reports: one glance, one sentence. */
import type { TRPCClient } from '@trpc/client';
import { type AppRouter, isFinal, type JobSummary, type SessionState } from '../engine/contract/index.ts';

export const trayLooks = ['ok', 'warning', 'error', 'running'] as const;
export type TrayLook = (typeof trayLooks)[number];

export type DesktopStatus = {
	readonly look: TrayLook;
	readonly sentence: string;
	readonly jobs: readonly { readonly id: string; readonly name: string; readonly isRunning: boolean }[];
	/** True when something would be missed if the engine ended. */
	readonly hasSchedule: boolean;
};

export const nothingKnown: DesktopStatus = { look: 'ok', sentence: 'No jobs yet', jobs: [], hasSchedule: false };

const lookOf: Readonly<Record<SessionState, TrayLook>> = {
	queued: 'running',
	running: 'running',
	cancelling: 'running',
	success: 'ok',
	warning: 'warning',
	failed: 'error',
	cancelled: 'warning',
	interrupted: 'error',
};

export function statusOf(jobs: readonly JobSummary[]): DesktopStatus {
	const running = jobs.filter((job) => job.activeSessionId !== null);
	const lastOf = (look: TrayLook): string[] =>
		jobs.filter(({ lastSession }) => lastSession && isFinal(lastSession.state) && lookOf[lastSession.state] === look).map(({ settings }) => settings.name);
	const failed = lastOf('error');
	const warned = lastOf('warning');
	const ran = jobs.some(({ lastSession }) => lastSession !== null);
	const [look, sentence]: [TrayLook, string] =
		running.length > 0
			? ['running', `Running: ${names(running.map(({ settings }) => settings.name))}`]
			: failed.length > 0
				? ['error', `Last run failed: ${names(failed)}`]
				: warned.length > 0
					? ['warning', `Last run needs a look: ${names(warned)}`]
					: ['ok', jobs.length === 0 ? nothingKnown.sentence : ran ? 'All jobs succeeded' : 'No job has run yet'];
	return {
		look,
		sentence,
		jobs: jobs.map(({ id, settings, activeSessionId }) => ({ id, name: settings.name, isRunning: activeSessionId !== null })),
		hasSchedule: jobs.some(({ settings }) => settings.enabled && settings.schedule !== null),
	};
}

const names = (all: readonly string[]): string => (all.length <= 2 ? all.join(', ') : `${all[0]} and ${all.length - 1} more`);

/** Asks at the start and after each event about jobs or sessions; bursts of events become one question. Returns how to stop. */
export function watchStatus(client: TRPCClient<AppRouter>, show: (status: DesktopStatus) => void): () => void {
	let timer: NodeJS.Timeout | undefined;
	const refresh = (): void => {
		timer = undefined;
		// A lost connection is told by the window; the next event or reconnection asks again.
		client.jobs.list.query().then(
			(jobs) => show(statusOf(jobs)),
			() => undefined,
		);
	};
	const events = client.system.events.subscribe(undefined, {
		onStarted: refresh,
		onData: ({ kind }) => {
			if (kind === 'job' || kind === 'session') timer ??= setTimeout(refresh, burstMs);
		},
	});
	refresh();
	return () => {
		clearTimeout(timer);
		events.unsubscribe();
	};
}

const burstMs = 300;
