import type { CheckResult, Session } from '../../contract/index.ts';
import type { CommandContext } from '../command-line.ts';
import { type ExitCode, exitCode, exitCodeOfState } from '../exit-code.ts';
import { formatSize, printable } from '../format.ts';
import { checkJson, errorJson, sessionError, sessionJson } from '../json.ts';

/** What a session that read and verified has found. Damage is a failure even where the session itself went through. */
export async function reportCheck(context: CommandContext, session: Session): Promise<ExitCode> {
	const client = await context.client();
	// A session that was cancelled or could not read at all has no result.
	const check = await client.chains.checkResult.query({ sessionId: session.id }).catch(() => null);
	const error = sessionError(session);
	context.output.result(
		() => ({
			...(check && { check: checkJson(check) }),
			session: sessionJson(session, context.surroundings.clock.now()),
			...(error && (session.state === 'failed' || check === null) && { error: errorJson(error) }),
		}),
		() => (check === null ? [`No result: ${error?.message ?? session.state}.`] : checkLines(check)),
	);
	if (check !== null && check.unreadable.length + check.damaged.filter(({ isHarmless }) => !isHarmless).length > 0) return exitCode.failed;
	return exitCodeOfState(session.state);
}

function checkLines({ readBytes, damaged, unreadable }: CheckResult): string[] {
	const list = (title: string, items: CheckResult['damaged']): string[] =>
		items.length === 0
			? []
			: [
					`${title} (${items.length}):`,
					...items.map(
						({ file, point, path, reason }) => `  ${printable([file, point, path].filter((part) => part !== null).join(' · '))}: ${printable(reason)}`,
					),
				];
	if (damaged.length + unreadable.length === 0) return [`Read ${formatSize(readBytes)}; everything is as it was written.`];
	return [`Read ${formatSize(readBytes)}.`, ...list('Damaged', damaged), ...list('Could not be read', unreadable)];
}
