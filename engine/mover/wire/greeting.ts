import { z } from 'zod';
import { EngineError } from '../../base/index.ts';

/** Connections of one session by default, and without multithreading (NET-07). */
export const defaultConnections = 5;
export const maxConnections = 16;

const secret = z.string().regex(/^[0-9a-f]{64}$/);

/** The first frame of who connects: null begins a session, otherwise the connection joins one. */
export const hello = z.object({ session: secret.nullable() });
export type Hello = z.infer<typeof hello>;

/** The first frame of who was connected to. The name of a session is a secret: who knows it may join, if it is also the same peer. */
export const welcome = z.object({ session: secret });
export type Welcome = z.infer<typeof welcome>;

export const refusal = z.object({ code: z.enum(['connection.refused', 'connection.lost', 'auth.refused']), message: z.string(), hint: z.string().optional() });

/** @throws `connection.refused` */
export function parseGreeting<T>(schema: z.ZodType<T>, payload: Buffer, peer: string): T {
	let value: unknown;
	try {
		value = JSON.parse(payload.toString());
	} catch {
		value = undefined;
	}
	const result = schema.safeParse(value);
	if (!result.success) throw new EngineError('connection.refused', `${peer} greets in a way that is not understood.`);
	return result.data;
}
