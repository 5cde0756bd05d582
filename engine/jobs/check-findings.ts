import type { Damage } from '../contract/index.ts';
import { isHurting, placesIn } from './chain-health.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';

/** Writes what a check has found into the log of its session, and ends its task accordingly. */
export function concludeCheck(
	{ damaged, unreadable }: { readonly damaged: readonly Damage[]; readonly unreadable: readonly Damage[] },
	session: LiveSession,
	task: LiveTask,
	hint: string,
): void {
	for (const { file, path, reason } of damaged) session.note('error', `Damaged: ${[file, path].filter(Boolean).join(', ')}: ${reason}`, 'repository.damaged');
	for (const { file, path, reason } of unreadable)
		session.note('error', `Could not be read: ${[file, path].filter(Boolean).join(', ')}: ${reason}`, 'repository.io');
	const [damagedCount, unreadableCount] = [placesIn(damaged), placesIn(unreadable)];
	const data = { damagedCount, unreadableCount };
	if (damaged.some(isHurting)) {
		const message = damagedCount === 1 ? 'One place is damaged.' : `${damagedCount} places are damaged.`;
		task.fail({ code: 'repository.damaged', message, hint, data });
	} else if (unreadableCount > 0) {
		task.fail({
			code: 'repository.io',
			message: `${unreadableCount} ${unreadableCount === 1 ? 'place' : 'places'} could not be read, so nothing is known about them.`,
			hint: 'Check the storage of the repository, then check again.',
			data,
		});
	} else {
		for (const { reason, file } of damaged) task.warning({ code: 'repository.damaged', message: `${reason} No restore point is hurt.`, path: file });
		task.succeed(null);
	}
}
