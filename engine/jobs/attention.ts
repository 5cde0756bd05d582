/** What somebody should look at, each with the step that mends it. Pure. */
import type { AttentionItem, Chain, EncryptionKey, ErrorShape, Point, ProtectedObject, Repository, Session } from '../contract/index.ts';

export type AttentionFacts = {
	readonly jobs: readonly {
		readonly id: string;
		readonly name: string;
		readonly enabled: boolean;
		readonly hasSchedule: boolean;
		readonly lastBackup: Pick<Session, 'id' | 'state' | 'endedAt' | 'queuedAt' | 'error'> | null;
		readonly isRunning: boolean;
	}[];
	readonly objects: readonly ProtectedObject[];
	readonly repositories: readonly Pick<Repository, 'id' | 'settings' | 'state' | 'problem' | 'fullAt'>[];
	readonly chains: readonly Pick<Chain, 'id' | 'job' | 'object' | 'lastCheck'>[];
	readonly keys: readonly Pick<EncryptionKey, 'id' | 'createdAt' | 'recoveryKeyConfirmedAt' | 'usedBy'>[];
	readonly points: readonly Pick<Point, 'id' | 'jobId' | 'object' | 'createdAt' | 'restorable'>[];
};

const DAY_MS = 86_400_000;
/** Time enough to order a disk. */
const FULL_SOON_MS = 14 * DAY_MS;
/** A restore point that nobody ever read back is a hope. */
const VERIFY_EVERY_MS = 30 * DAY_MS;

/** Errors first, then the newest. */
export function planAttention(facts: AttentionFacts, nowMs: number): AttentionItem[] {
	const items = [
		...jobItems(facts, nowMs),
		...objectItems(facts, nowMs),
		...repositoryItems(facts, nowMs),
		...verificationItems(facts, nowMs),
		...keyItems(facts),
	];
	return items.toSorted((a, b) => (a.severity === b.severity ? b.at - a.at : a.severity === 'error' ? -1 : 1));
}

const words = (error: ErrorShape | null): string => (error === null ? '' : [error.message, error.hint].filter(Boolean).join(' '));

function jobItems({ jobs }: AttentionFacts, nowMs: number): AttentionItem[] {
	if (jobs.length === 0) {
		return [
			{
				id: 'no-jobs',
				severity: 'warning',
				title: 'Nothing is protected yet',
				detail: 'A job says what to protect, where to keep it and when.',
				at: nowMs,
				action: { kind: 'create-job', label: 'Create a job', targetId: '' },
			},
		];
	}
	return jobs.flatMap(({ id, name, enabled, hasSchedule, lastBackup, isRunning }): AttentionItem[] => {
		if (!enabled) {
			const detail = hasSchedule ? 'Its schedule is switched off.' : 'It is switched off.';
			return [
				{
					id: `paused-${id}`,
					severity: 'warning',
					title: `${name} is paused`,
					detail,
					at: nowMs,
					action: { kind: 'enable-job', label: 'Enable', targetId: id },
				},
			];
		}
		if (lastBackup === null || isRunning) return [];
		const at = lastBackup.endedAt ?? lastBackup.queuedAt;
		const { state, error } = lastBackup;
		if (state === 'failed') {
			const action = { kind: 'retry-session', label: 'Retry', targetId: lastBackup.id } as const;
			return [{ id: `failed-${id}`, severity: 'error', title: `${name} failed`, detail: words(error), at, action }];
		}
		if (state === 'interrupted') {
			const action = { kind: 'retry-session', label: 'Retry', targetId: lastBackup.id } as const;
			return [{ id: `interrupted-${id}`, severity: 'error', title: `${name} was interrupted`, detail: words(error), at, action }];
		}
		if (state === 'warning') {
			const detail = 'Restore points were made, but some items need a look.';
			const action = { kind: 'open-session', label: 'Show warnings', targetId: lastBackup.id } as const;
			return [{ id: `warning-${id}`, severity: 'warning', title: `${name} finished with warnings`, detail, at, action }];
		}
		return [];
	});
}

function objectItems({ objects, jobs }: AttentionFacts, nowMs: number): AttentionItem[] {
	const running = new Set(jobs.filter(({ isRunning }) => isRunning).map(({ id }) => id));
	return objects.flatMap(({ jobId, job, object, state, dueAt }): AttentionItem[] => {
		if (running.has(jobId)) return [];
		const action = { kind: 'run-job', label: 'Run now', targetId: jobId } as const;
		if (state === 'overdue') {
			const detail = `${job}: the newest restore point is older than it should be.`;
			return [{ id: `overdue-${jobId}-${object}`, severity: 'error', title: `${object} is overdue`, detail, at: dueAt ?? nowMs, action }];
		}
		if (state === 'never') {
			const detail = `${job} has made no restore point of it.`;
			return [{ id: `never-${jobId}-${object}`, severity: 'warning', title: `${object} has never been backed up`, detail, at: nowMs, action }];
		}
		return [];
	});
}

function repositoryItems({ repositories }: AttentionFacts, nowMs: number): AttentionItem[] {
	return repositories.flatMap(({ id, settings, state, problem, fullAt }): AttentionItem[] => {
		const action = { kind: 'open-repository', label: 'Open repository', targetId: id } as const;
		if (state === 'unreachable') {
			return [
				{ id: `unreachable-${id}`, severity: 'error', title: `Repository ${settings.name} cannot be reached`, detail: words(problem), at: nowMs, action },
			];
		}
		if (state === 'full') {
			const detail = words(problem) || 'Free some room, or keep fewer restore points.';
			return [{ id: `full-${id}`, severity: 'error', title: `Repository ${settings.name} is full`, detail, at: nowMs, action }];
		}
		if (problem !== null) {
			return [
				{
					id: `unreadable-${id}`,
					severity: 'warning',
					title: `Repository ${settings.name} holds something that cannot be read`,
					detail: words(problem),
					at: nowMs,
					action,
				},
			];
		}
		if (fullAt !== null && fullAt < nowMs + FULL_SOON_MS) {
			const days = Math.max(1, Math.round((fullAt - nowMs) / DAY_MS));
			const detail = `At the growth of the last 30 days it is full in about ${days} ${days === 1 ? 'day' : 'days'}.`;
			return [{ id: `filling-${id}`, severity: 'warning', title: `Repository ${settings.name} runs full soon`, detail, at: nowMs, action }];
		}
		return [];
	});
}

/** A key that only this machine has is lost with it. */
function keyItems({ keys }: AttentionFacts): AttentionItem[] {
	return keys.flatMap(({ id, createdAt, recoveryKeyConfirmedAt, usedBy }): AttentionItem[] => {
		if (recoveryKeyConfirmedAt !== null || usedBy.length === 0) return [];
		const title = `The recovery key of ${usedBy.map(({ name }) => name).join(', ')} may not be stored`;
		const detail = 'Without it and without the password nobody can ever open these backups. Type it in to show that you have it, or make a new one.';
		return [{ id: `recovery-key-${id}`, severity: 'warning', title, detail, at: createdAt, action: { kind: 'open-key', label: 'Confirm', targetId: id } }];
	});
}

function verificationItems({ chains, objects, points }: AttentionFacts, nowMs: number): AttentionItem[] {
	const damaged = chains.flatMap(({ id, job, object, lastCheck }): AttentionItem[] => {
		if (lastCheck === null || lastCheck.damagedCount === 0) return [];
		const detail = `${lastCheck.damagedCount} damaged places were found. Run the job with an active full, then check again.`;
		const action = { kind: 'check-chain', label: 'Check again', targetId: id } as const;
		return [{ id: `damaged-${id}`, severity: 'error', title: `A chain of ${job} (${object}) is damaged`, detail, at: lastCheck.at, action }];
	});
	const unverified = objects.flatMap(({ jobId, job, object, lastVerifiedAt, state }): AttentionItem[] => {
		if (state === 'paused') return [];
		const own = points.filter((point) => point.jobId === jobId && point.object === object && point.restorable).toSorted((a, b) => a.createdAt - b.createdAt);
		const [oldest, newest] = [own[0], own.at(-1)];
		if (oldest === undefined || newest === undefined || (lastVerifiedAt ?? oldest.createdAt) > nowMs - VERIFY_EVERY_MS) return [];
		const detail = lastVerifiedAt === null ? 'None of its restore points was ever read back.' : 'No restore point was read back in the last 30 days.';
		const action = { kind: 'verify-point', label: 'Verify the newest', targetId: newest.id } as const;
		return [{ id: `unverified-${job}-${object}`, severity: 'warning', title: `${object} has not been verified`, detail, at: nowMs, action }];
	});
	return [...damaged, ...unverified];
}
