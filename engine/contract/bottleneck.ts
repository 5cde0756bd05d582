import { z } from 'zod';

export const bottleneckStage = z.enum(['source', 'proxy', 'network', 'target', 'throttling', 'none']);
export type BottleneckStage = z.infer<typeof bottleneckStage>;
const percentages = z.object({ source: z.number(), proxy: z.number(), network: z.number(), target: z.number() });
export const bottleneck = z.object({
	stage: bottleneckStage,
	/** Why, and what would help, in words. */
	reason: z.string(),
	busyPercent: percentages,
});
export type Bottleneck = z.infer<typeof bottleneck>;
