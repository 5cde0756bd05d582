/** What is said when a machine is told to write what a restore point holds, as the side that hears it checks it. */
import { z } from 'zod';
import { diskFormat, hostSettings, overwriteRule, restorePlan } from '../../contract/index.ts';
import { thirdMachine } from './protect-words.ts';
import { chainKeysWords, clientId, folderPath, foundWords, identity } from './words.ts';

const anyPath = z.string().min(1).max(32_768);
const files = z.object({ paths: z.array(anyPath).min(1).max(100_000), to: anyPath.nullable(), overwrite: overwriteRule });

/** What is written there. Paths are those of the machine. */
export const givenBack = z.discriminatedUnion('kind', [
	files.extend({ kind: z.literal('files') }),
	/** Nothing: what would be is said. */
	files.extend({ kind: z.literal('plan') }),
	z.object({ kind: z.literal('disk'), disk: z.string().max(1000).nullable(), to: anyPath, format: diskFormat, overwrite: z.boolean() }),
	/** A virtual machine, on a host of that machine: written and registered. */
	z.object({
		kind: z.literal('machine'),
		host: hostSettings.pick({ name: true, type: true, uri: true }),
		name: z.string().min(1).max(1000),
		definition: z.string().max(4 * 1024 * 1024),
		newId: z.string().max(64).nullable(),
		disks: z.array(z.object({ name: z.string().min(1).max(255), to: anyPath })).max(1000),
		nvramTo: anyPath.nullable(),
		memoryTo: anyPath.nullable(),
		losesState: z.boolean(),
		overwrite: z.boolean(),
		powerOn: z.boolean(),
	}),
]);
export type GivenBack = z.output<typeof givenBack>;

/** Where the backup files are: with who asks, in a folder of this machine, or on a third one. */
const from = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('asker'), place: z.string().max(40_000) }),
	z.object({ kind: z.literal('own'), path: folderPath, identity: identity.optional() }),
	z.object({ kind: z.literal('other'), ...thirdMachine.shape }),
]);

export const giveBackWords = z.object({
	clientId,
	from,
	/** The point, the files that it needs, and the keys of its chain. */
	found: foundWords.extend({ keys: chainKeysWords.nullable() }),
	what: givenBack,
});
export type GiveBackWords = z.output<typeof giveBackWords>;
export const giveBackOutcome = z.object({ plan: restorePlan.nullable() });
