import { z } from 'zod';
import { parseAddressRange } from './address-range.ts';
import { throttleWindow } from './throttle-window.ts';
import { entityName } from './values.ts';

export const addressRange = z
	.string()
	.trim()
	.superRefine((text, context) => {
		const range = parseAddressRange(text);
		if (typeof range === 'string') context.addIssue({ code: 'custom', message: range });
	});

/** Below this a task would stand still for hours; nobody means it. */
export const leastRate = 1000;

/** All traffic between two ranges of addresses, in either direction, together takes no more than so much of the network. */
export const throttleSettings = z.object({
	name: entityName,
	from: addressRange,
	to: addressRange,
	bytesPerSec: z.number().int().min(leastRate, 'A limit is at least 0.001 MB/s.').max(1e12, 'A limit is at most 1000000 MB/s.'),
	/** When it holds; empty: always. */
	windows: z.array(throttleWindow).max(50).default([]),
	enabled: z.boolean().default(true),
});
export type ThrottleSettings = z.infer<typeof throttleSettings>;
export type ThrottleSettingsInput = z.input<typeof throttleSettings>;

export type ThrottleRule = {
	readonly id: string;
	readonly revision: number;
	readonly settings: ThrottleSettings;
	/** It is enabled, and this is one of its times. */
	readonly isActive: boolean;
	/** Transfers under way that share it at this moment. */
	readonly transferCount: number;
};
