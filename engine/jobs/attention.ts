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
	readonly chains: readonly Pick<Chain, 'id' | 'jobId' | 'job' | 'object' | 'repositoryId' | 'lastCheck' | 'unreadSince'>[];
	readonly keys: readonly Pick<EncryptionKey, 'id' | 'createdAt' | 'recoveryKeyConfirmedAt' | 'usedBy'>[];
	readonly points: readonly Pick<Point, 'id' | 'jobId' | 'object' | 'createdAt' | 'restorable'>[];
};

const DAY_MS = 86_400_000;
/** Time enough to order a disk. */
const FULL_SOON_MS = 14 * DAY_MS;
/** A restore point that nobody ever read back is a hope. */
const VERIFY_EVERY_MS = 30 * DAY_MS;

/** A check that was missed once is made up for before anybody needs to know. */
const CHECK_GRACE_DAYS = 2;

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

function verificationItems({ chains, objects, points, repositories }: AttentionFacts, nowMs: number): AttentionItem[] {
	const settingsOf = new Map(repositories.map(({ id, settings }) => [id, settings]));
	const broken = chains.flatMap(({ id, job, object, lastCheck }): AttentionItem[] => {
		if (lastCheck === null) return [];
		const { damagedCount, unreadableCount, at } = lastCheck;
		if (damagedCount > 0) {
			const detail = `${damagedCount === 1 ? 'One damaged place was' : `${damagedCount} damaged places were`} found. A repair reads what is damaged from the source again, wherever that still has it.`;
			const action = { kind: 'repair-chain', label: 'Repair', targetId: id } as const;
			return [{ id: `damaged-${id}`, severity: 'error', title: `A chain of ${job} (${object}) is damaged`, detail, at, action }];
		}
		if (unreadableCount === 0) return [];
		const detail = `${unreadableCount === 1 ? 'One place' : `${unreadableCount} places`} gave an error of the storage, so nothing is known of what lies there.`;
		const action = { kind: 'check-chain', label: 'Check again', targetId: id } as const;
		return [{ id: `unreadable-${id}`, severity: 'warning', title: `A chain of ${job} (${object}) could not be read wholly`, detail, at, action }];
	});
	const unchecked = chains.flatMap(({ id, job, object, repositoryId, unreadSince }): AttentionItem[] => {
		const settings = settingsOf.get(repositoryId);
		if (settings?.checkSchedule == null || unreadSince > nowMs - (settings.checkDays + CHECK_GRACE_DAYS) * DAY_MS) return [];
		const detail = `Some of it was not read back for ${Math.floor((nowMs - unreadSince) / DAY_MS)} days; ${settings.checkDays} were promised.`;
		const action = { kind: 'check-chain', label: 'Check now', targetId: id } as const;
		return [{ id: `unchecked-${id}`, severity: 'warning', title: `A chain of ${job} (${object}) is due for a check`, detail, at: unreadSince, action }];
	});
	const isWatched = (jobId: string, object: string): boolean =>
		chains.some((chain) => chain.jobId === jobId && chain.object.split(', ').includes(object) && settingsOf.get(chain.repositoryId)?.checkSchedule != null);
	const unverified = objects.flatMap(({ jobId, job, object, lastVerifiedAt, state }): AttentionItem[] => {
		if (state === 'paused' || isWatched(jobId, object)) return []; // what is checked by a schedule is told of by its chains
		const own = points.filter((point) => point.jobId === jobId && point.object === object && point.restorable).toSorted((a, b) => a.createdAt - b.createdAt);
		const [oldest, newest] = [own[0], own.at(-1)];
		if (oldest === undefined || newest === undefined || (lastVerifiedAt ?? oldest.createdAt) > nowMs - VERIFY_EVERY_MS) return [];
		const detail = lastVerifiedAt === null ? 'None of its restore points was ever read back.' : 'No restore point was read back in the last 30 days.';
		const action = { kind: 'verify-point', label: 'Verify the newest', targetId: newest.id } as const;
		return [{ id: `unverified-${job}-${object}`, severity: 'warning', title: `${object} has not been verified`, detail, at: nowMs, action }];
	});
	return [...broken, ...unchecked, ...unverified];
}
