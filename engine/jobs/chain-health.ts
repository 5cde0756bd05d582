/** What is known of the health of a chain, and how a check or a repair changes it. Pure. */
import { EngineError } from '../base/index.ts';
import type { StoredHealth } from '../config/index.ts';
import type { ChainHealth, CheckResult, Damage, RepositorySettings } from '../contract/index.ts';
import { dayMs, resliced, sliceCountFor } from '../repository/index.ts';
import { nextOccurrences, parseSchedule } from './schedule.ts';

/** Enough to see the longest pause of a schedule that repeats within a year. */
const LOOKED_AT = 60;
/** Daylight saving makes a day longer now and then. */
const LEEWAY_DAYS = 0.1;

/**
 * In how many slices the chains of a repository are read, so that the last of them is reached within the days that were promised.
 * @throws `usage.invalid` for a schedule that is none, `usage.conflict` for one whose checks are too far apart
 */
export function sliceCountOf({ checkSchedule, checkDays }: Pick<RepositorySettings, 'checkSchedule' | 'checkDays'>, nowMs: number): number {
	if (checkSchedule === null) return checkDays;
	const times = nextOccurrences(parseSchedule(checkSchedule, nowMs), nowMs, LOOKED_AT);
	const longestMs = times.slice(1).reduce((longest, at, i) => Math.max(longest, at - (times[i] as number)), 0);
	const daysBetween = Math.max(1, Math.ceil(longestMs / dayMs - LEEWAY_DAYS));
	if (daysBetween > checkDays)
		throw new EngineError('usage.conflict', `Checks that are ${daysBetween} days apart cannot read everything within ${checkDays} days.`, {
			hint: `Check more often, or allow at least ${daysBetween} days.`,
			data: { field: 'checkDays' },
		});
	return sliceCountFor(checkDays, daysBetween);
}

/** A number of slices for settings that were accepted once, even if their schedule cannot be understood any more. */
export function sliceCountNow(settings: RepositorySettings, nowMs: number): number {
	try {
		return sliceCountOf(settings, nowMs);
	} catch {
		return settings.checkDays; // a time zone can vanish from a system
	}
}

const nothingKnown: Omit<StoredHealth, 'repositoryId' | 'chainId'> = { checkedAt: null, readAt: [], mendedAt: null, damaged: [], unreadable: [] };
type ChainKey = Pick<StoredHealth, 'repositoryId' | 'chainId'>;

/** @param slices that were read; all of them: `null` */
export function afterCheck(
	before: StoredHealth | undefined,
	{ repositoryId, chainId }: ChainKey,
	result: Pick<CheckResult, 'damaged' | 'unreadable'>,
	{ slices, sliceCount, at }: { readonly slices: readonly number[] | null; readonly sliceCount: number; readonly at: number },
): StoredHealth {
	const known = { ...nothingKnown, ...before, repositoryId, chainId };
	// What could not be read is not proven by having been tried.
	const isRead = (slice: number): boolean => result.unreadable.length === 0 && (slices === null || slices.includes(slice));
	const readAt = resliced(known.readAt, sliceCount).map((last, slice) => (isRead(slice) ? at : last));
	return { ...known, checkedAt: at, readAt, damaged: result.damaged, unreadable: result.unreadable };
}

export const afterMending = (before: StoredHealth, result: Pick<CheckResult, 'damaged' | 'unreadable'>, at: number, hasMended: boolean): StoredHealth => ({
	...before,
	mendedAt: hasMended ? at : before.mendedAt,
	damaged: result.damaged,
	unreadable: result.unreadable,
});

export const isHurting = ({ isHarmless }: Damage): boolean => !isHarmless;
/** Broken places, whatever they hurt. */
export const placesIn = (damages: readonly Damage[]): number =>
	new Set(damages.map(({ file, structure, offset, chunk }) => `${file}\n${structure}\n${offset}\n${chunk}`)).size;

export function describeHealth(stored: StoredHealth | undefined, chain: { readonly id: string; readonly createdAt: number }): ChainHealth {
	const { checkedAt, readAt, mendedAt, damaged, unreadable } = stored ?? nothingKnown;
	const isProven = readAt.length > 0 && !readAt.includes(null) && unreadable.length === 0 && !damaged.some(isHurting);
	return {
		chain: chain.id,
		checkedAt,
		provenAt: isProven ? Math.min(...readAt.map(Number)) : null,
		unreadSince: readAt.length === 0 ? chain.createdAt : Math.min(...readAt.map((at) => at ?? chain.createdAt)),
		mendedAt,
		damaged: [...damaged],
		unreadable: [...unreadable],
	};
}
