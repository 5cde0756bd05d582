/** A running session, seen from the command line: followed to its end, cancelled by Ctrl+C, told when it is over. */
import type { Clock } from '../base/index.ts';
import { isFinal, type Session } from '../contract/index.ts';
import type { CommandContext } from './command-line.ts';
import type { Client } from './connection.ts';
import { type ExitCode, exitCodeOfState } from './exit-code.ts';
import { formatBottleneck, formatDuration, formatRate, formatSize, formatTable, printable } from './format.ts';
import { errorJson, sessionError, sessionJson } from './json.ts';
import { stateWords } from './output.ts';
import { problemOf } from './problem.ts';
import { createProgress, type Progress } from './progress.ts';

/** Hands on each state of a session and resolves with the last one. */
export function followSession(client: Client, id: string, onUpdate: (session: Session) => void): Promise<Session> {
	return new Promise((resolve, reject) => {
		let isOver = false;
		client.sessions.follow.subscribe(
			{ id },
			{
				onData(session) {
					onUpdate(session);
					isOver = isFinal(session.state);
					if (isOver) resolve(session); // its engine may end before it could say that this was all
				},
				onError: reject,
				// Without a last word (the engine let go of it first) the stored state is as good.
				onComplete: () => (isOver ? undefined : client.sessions.get.query({ id }).then(resolve, reject)),
			},
		);
	});
}

/**
 * Starts a session and follows it to its end; Ctrl+C cancels it, and the session itself tells how that went. It is heard
 * from before the start on, so that none falls between.
 */
export async function watchSession(context: CommandContext, start: () => Promise<{ readonly sessionId: string }>): Promise<Session> {
	const { output, interrupts, surroundings } = context;
	const { client, isEmbedded, serve } = await context.connect();
	using progress = await createProgress(output, surroundings.clock);
	const { promise: started, resolve: tellStarted } = Promise.withResolvers<string>();
	using _cancel = interrupts.handle(() => {
		progress.note('Cancelling… (Ctrl+C once more quits at once)');
		// A refusal means that it has just ended: its result says how.
		void started.then((id) => client.sessions.cancel.mutate({ id })).catch(() => undefined);
	});
	const { sessionId } = await start();
	tellStarted(sessionId);
	surroundings.announce({ sessionId });
	using _serving = isEmbedded ? serveLater(surroundings.clock, serve, progress) : undefined;
	return await followSession(client, sessionId, (state) => progress.update(state));
}

/** Other faces that find the data folder held look again for longer than this; until then a server would only cost time. */
const serveAfterMs = 2000;

/** A courtesy to other faces: the work itself does not depend on it. */
function serveLater(clock: Clock, serve: () => Promise<void>, progress: Progress): Disposable {
	const over = new AbortController();
	clock.sleep(serveAfterMs, { signal: over.signal }).then(
		() => serve().catch((error: unknown) => progress.note(`Nobody else can follow this session: ${problemOf(error).message}`)),
		() => undefined, // it has ended before anybody could ask
	);
	return { [Symbol.dispose]: () => over.abort() };
}

/** An engine in this process must not end under a session that another face has started through it meanwhile. */
export async function waitForOthers(context: CommandContext): Promise<void> {
	const { client, isEmbedded } = await context.connect();
	if (!isEmbedded) return;
	for (;;) {
		const { sessions } = await client.sessions.list.query({ states: ['queued', 'running', 'cancelling'], limit: 1 });
		const [other] = sessions;
		if (other === undefined) return;
		context.output.note(`Waiting for "${printable(other.title)}", which was started meanwhile.`);
		await followSession(client, other.id, () => undefined);
	}
}

/** Result and exit code of a session that has ended (or is shown as it is). */
export function reportSession({ output, surroundings }: CommandContext, session: Session, more: Readonly<Record<string, unknown>> = {}): ExitCode {
	const now = surroundings.clock.now();
	const error = sessionError(session);
	output.result(
		() => ({ session: sessionJson(session, now), ...more, ...(error && session.state === 'failed' && { error: errorJson(error) }) }),
		() => sessionLines(session, now),
	);
	return exitCodeOfState(session.state);
}

/** Names of the machines that read off-host, with how many objects. */
function proxiesOf({ tasks }: Session): ReadonlyMap<string, number> {
	const counts = new Map<string, number>();
	for (const { snapshot } of tasks) if (snapshot?.proxy) counts.set(snapshot.proxy.name, (counts.get(snapshot.proxy.name) ?? 0) + 1);
	return counts;
}

const warningLimit = 20;

export function sessionLines(session: Session, nowMs: number): string[] {
	const durationMs = session.startedAt === null ? 0 : (session.endedAt ?? nowMs) - session.startedAt;
	const error = sessionError(session);
	const { readBytes, transferredBytes, storedBytes, doneBytes } = session.counters;
	const lines = [`${printable(session.title)} ${stateWords[session.state]} after ${formatDuration(durationMs)} (session ${session.id}).`];
	if (error && error.code !== 'cancelled') lines.push(`${printable(error.message)}${error.hint ? ` ${printable(error.hint)}` : ''} [${error.code}]`);
	if (session.tasks.length > 0) {
		lines.push(
			'',
			...formatTable(
				session.tasks,
				[
					{ title: 'Object', value: ({ object }) => object },
					{ title: 'Result', value: ({ state }) => stateWords[state] },
					{ title: 'Mode', value: ({ mode }) => mode?.actual ?? '–' },
					{ title: 'Size', value: ({ counters }) => (counters.totalBytes === null ? '–' : formatSize(counters.totalBytes)), alignRight: true },
					{ title: 'Read', value: ({ counters }) => formatSize(counters.readBytes), alignRight: true },
					{ title: 'Sent', value: ({ counters }) => formatSize(counters.transferredBytes), alignRight: true },
					{ title: 'Stored', value: ({ counters }) => formatSize(counters.storedBytes), alignRight: true },
					{ title: 'Warnings', value: ({ counters }) => String(counters.warningCount), alignRight: true },
				],
				'',
			),
			'',
		);
	}
	for (const { mode, object } of session.tasks) if (mode?.reason) lines.push(`${printable(object)}: ${mode.actual} – ${printable(mode.reason)}`);
	for (const [name, count] of proxiesOf(session)) lines.push(`Read off-host by “${printable(name)}”: ${count} ${count === 1 ? 'object' : 'objects'}`);
	const rate = durationMs > 0 ? ` · ${formatRate((doneBytes / durationMs) * 1000)}` : '';
	lines.push(`Read ${formatSize(readBytes)} · sent ${formatSize(transferredBytes)} · stored ${formatSize(storedBytes)}${rate}`);
	const { leftOut } = session.counters;
	if (leftOut && leftOut.deadBytes + leftOut.swapBytes > 0)
		lines.push(`Left out: ${formatSize(leftOut.deadBytes)} that file systems mark free, ${formatSize(leftOut.swapBytes)} of swap`);
	if (session.bottleneck) lines.push(`Bottleneck: ${printable(formatBottleneck(session.bottleneck))}`);
	const points = session.tasks.flatMap(({ pointId }) => pointId ?? []);
	if (points.length > 0) lines.push(`Restore ${points.length === 1 ? 'point' : 'points'}: ${points.join(', ')}`);
	const warnings = session.tasks.flatMap((task) => task.warnings);
	if (warnings.length > 0) {
		lines.push('', `Warnings (${session.counters.warningCount}):`);
		for (const { code, message, path } of warnings.slice(0, warningLimit)) {
			lines.push(`  ${code}: ${printable(path === null || message.includes(path) ? message : `${path}: ${message}`)}`);
		}
		if (session.counters.warningCount > warningLimit)
			lines.push(`  … and ${session.counters.warningCount - warningLimit} more; see "holdfast session show ${session.id}".`);
	}
	return lines;
}
