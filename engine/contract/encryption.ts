import { z } from 'zod';

export const newPassword = z.string().min(1, 'A password is needed.').max(1024);
/** Below this a face advises against it: who gets hold of the backup files can try as many as he likes. */
export const advisedPasswordLength = 12;

/** What a user has at hand to open chains with. */
export const secret = z.union([z.object({ password: z.string().min(1).max(1024) }), z.object({ recoveryKey: z.string().min(1).max(200) })]);
export type Secret = z.infer<typeof secret>;

/** A key that chains are encrypted with. The key itself never leaves the engine. */
export const encryptionKey = z.object({
	id: z.string(),
	createdAt: z.number().int(),
	/** When somebody showed that he has the recovery key; null: not yet, or not since it was made anew. */
	recoveryKeyConfirmedAt: z.number().int().nullable(),
	/** What its chains are made by from now on. */
	usedBy: z.array(z.object({ kind: z.enum(['job', 'repository']), id: z.string(), name: z.string() })),
	chainCount: z.number().int(),
});
export type EncryptionKey = z.infer<typeof encryptionKey>;

/** A change of secrets goes into every file of every chain. What could not be reached still opens with the secret before; asking again goes on there. */
export const relocking = z.object({
	chainCount: z.number().int(),
	pending: z.array(z.object({ chainId: z.string(), repository: z.string(), message: z.string() })),
});
export type Relocking = z.infer<typeof relocking>;
