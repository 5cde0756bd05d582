/** What checks found, laid over what the repository says of itself. Pure. */
import type { CheckResult, Damage } from '../contract/index.ts';
import type { ChainRecord } from './ports.ts';

/** What a damaged file takes with it: its own points and those of all files that build on it. */
function pointsHurtBy(chain: ChainRecord, damage: Damage): readonly string[] {
	if (damage.point !== null) return [damage.point];
	const hurt = new Set([damage.file]);
	for (let before = 0; before < hurt.size; ) {
		before = hurt.size;
		for (const { path, dependsOn } of chain.files) if (dependsOn !== null && hurt.has(dependsOn)) hurt.add(path);
	}
	return chain.files.filter(({ path }) => hurt.has(path)).flatMap(({ pointIds }) => pointIds);
}

/** The chain with the findings as problems of its files and points; the same chain when there are none. */
export function withFindings(chain: ChainRecord, findings: readonly Pick<CheckResult, 'damaged'>[]): ChainRecord {
	const damages = findings.flatMap(({ damaged }) => damaged);
	if (damages.length === 0) return chain;
	const hurtPoints = new Map(damages.flatMap((damage) => pointsHurtBy(chain, damage).map((point) => [point, damage.reason] as const)));
	const hurtFiles = new Map(damages.map((damage) => [damage.file, damage.reason]));
	if (![...hurtPoints.keys()].some((id) => chain.points.some((point) => point.id === id)) && !chain.files.some((file) => hurtFiles.has(file.path)))
		return chain;
	return {
		...chain,
		files: chain.files.map((file) => ({ ...file, problem: file.problem ?? hurtFiles.get(file.path) ?? null })),
		points: chain.points.map((point) => ({ ...point, problem: point.problem ?? hurtPoints.get(point.id) ?? null })),
	};
}
