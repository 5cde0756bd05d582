import { type Answerer, Calls } from './calls.ts';
import { openSession } from './client.ts';
import { dial } from './dial.ts';
import { defaultConnections } from './greeting.ts';
import type { RemotePlace, SourceMachine } from './place.ts';
import { type GrantWords, grantAnswer, type ThirdMachine } from './protect-words.ts';
import { type ReachOptions, RemoteRepository } from './remote-repository.ts';
import type { Session } from './session.ts';
import { heard } from './words.ts';

type ReachMachine = ReachOptions & {
	readonly connectionCount?: number | undefined;
	/** What the machine asks back; null: nothing. */
	readonly answer?: Answerer | null | undefined;
};

/**
 * Begins a session with the data mover of a machine. The signal ends the attempt to connect and nothing later: what is under way there is to clean up first,
 * and does.
 * @throws `connection.*`, `auth.*`, the signal's reason
 */
export async function reachMachine(
	{ mover, product }: SourceMachine,
	{ signal, connect = dial(mover), clock, connectionCount = 1, answer = null }: ReachMachine,
): Promise<{ readonly calls: Calls; readonly session: Session }> {
	const connecting = new AbortController();
	const giveUp = (): void => connecting.abort(signal?.reason);
	signal?.addEventListener('abort', giveUp, { once: true });
	if (signal?.aborted) giveUp();
	try {
		const calls: Calls = new Calls(() => session, answer);
		const session: Session = await openSession({
			connect,
			peer: mover.name,
			product,
			connectionCount,
			onMessage: (message) => calls.take(message),
			clock,
			signal: connecting.signal,
		});
		session.ended.addEventListener('abort', () => calls.end(session.ended.reason), { once: true });
		return { calls, session };
	} finally {
		signal?.removeEventListener('abort', giveUp);
	}
}

/** What a machine needs to know to get to a repository on a third one, as long as this is not disposed. */
export type Granted = AsyncDisposable & { readonly said: ThirdMachine };

/** Lets a machine do one thing in a repository that a third one holds. @throws `connection.*`, `auth.*`, `repository.*` */
export async function grantTo(machine: SourceMachine, place: RemotePlace, may: GrantWords['may'], { signal, clock }: ReachOptions): Promise<Granted> {
	const repository = await RemoteRepository.reach({ ...place, connectionCount: 1 }, { signal, clock });
	try {
		const { json } = await repository.calls.ask('grant', { json: { peerId: machine.mover.peerId, may } });
		const { name, host, port, peerId } = place.mover;
		const connections = machine.connectionCount ?? defaultConnections;
		return {
			said: { machine: { id: peerId, name, host, port }, path: place.path, grant: heard(grantAnswer, json).grant, connections },
			[Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
		};
	} catch (error) {
		await repository[Symbol.asyncDispose]();
		throw error;
	}
}
