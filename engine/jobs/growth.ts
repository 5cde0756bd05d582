/** How a repository fills up. Pure. */
import type { UsageSample } from '../config/index.ts';

const DAY_MS = 86_400_000;
const WINDOW_MS = 30 * DAY_MS;

/**
 * When the free room is used up at the growth of the last 30 days (least squares over the daily samples); null when it does not grow, when
 * fewer than two days are known, or when it would take longer than ten years.
 */
export function planFullAt(samples: readonly UsageSample[], freeBytes: number | null, nowMs: number): number | null {
	const recent = samples.filter(({ at }) => at >= nowMs - WINDOW_MS);
	if (freeBytes === null || recent.length < 2) return null;
	const meanAt = recent.reduce((sum, { at }) => sum + at, 0) / recent.length;
	const meanUsed = recent.reduce((sum, { usedBytes }) => sum + usedBytes, 0) / recent.length;
	const covariance = recent.reduce((sum, { at, usedBytes }) => sum + (at - meanAt) * (usedBytes - meanUsed), 0);
	const variance = recent.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
	const bytesPerMs = covariance / variance;
	if (!(bytesPerMs > 0)) return null;
	const leftMs = freeBytes / bytesPerMs;
	return leftMs > 3650 * DAY_MS ? null : Math.round(nowMs + leftMs);
}
