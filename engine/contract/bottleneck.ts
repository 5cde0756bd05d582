import { z } from 'zod';

export const bottleneckStage = z.enum(['source', 'proxy', 'network', 'target', 'throttling', 'none']);
export type BottleneckStage = z.infer<typeof bottleneckStage>;

const percentages = z.object({ source: z.number(), proxy: z.number(), network: z.number(), target: z.number() });

export const bottleneck = z.object({
	stage: bottleneckStage,
	/** Why, and what would help, in words. */
	reason: z.string(),
	busyPercent: percentages,
	/** Share of the time in which a limit or a rule held the flow back. Absent in sessions of older versions. */
	throttledPercent: z.number().optional(),
	/** How many times faster it would have been with the stage twice as fast (throttling: without the limit); null or absent: hardly. */
	speedUp: z.number().nullable().optional(),
});
export type Bottleneck = z.infer<typeof bottleneck>;

const twiceAsFast: Readonly<Record<Exclude<BottleneckStage, 'none'>, string>> = {
	source: 'With a source twice as fast',
	proxy: 'With processing twice as fast',
	network: 'With a network twice as fast',
	target: 'With a target twice as fast',
	throttling: 'Without the limit',
};

/** What would become of the speed, in words; null where nothing would. */
export function describeWhatIf({ stage, speedUp }: Pick<Bottleneck, 'stage' | 'speedUp'>): string | null {
	if (stage === 'none' || !speedUp) return null;
	return `${twiceAsFast[stage]}: ${speedUp.toFixed(speedUp < 10 ? 1 : 0)} times faster.`;
}
