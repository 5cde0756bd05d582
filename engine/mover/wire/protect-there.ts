import { EngineError, systemClock } from '../../base/index.ts';
import type { BackupRun, ObjectOutcome, TaskObserver } from '../task.ts';
import { noShares } from '../throttle/index.ts';
import { type AnswerOptions, Calls, type Heard, type Method, type Words } from './calls.ts';
import { openSession } from './client.ts';
import { dial } from './dial.ts';
import { keepPace } from './pace.ts';
import { isRemotePlace, type RemotePlace, type SourceMachine } from './place.ts';
import { grantAnswer, type ProtectWords, protectNews, protectOutcomes, protectWords } from './protect-words.ts';
import { type ReachOptions, RemoteRepository } from './remote-repository.ts';
import { relayTo } from './remote-work.ts';
import type { Session } from './session.ts';
import { isTargetPort } from './target-port.ts';
import { isTargetMethod, misunderstood, TargetService } from './target-service.ts';
import { type BeginWords, beginWords, heard, sayKeys } from './words.ts';

type Target = { readonly said: typeof protectWords._zod.input.target; readonly service: TargetService | null };

/**
 * Has the data mover of another machine protect what lies there. Payload goes from there to the repository: into a folder of that machine, to a third one,
 * or here, where this side is what the run there asks.
 * @throws what the run throws there, `connection.*`, `auth.*`, the signal's reason
 */
export async function protectThere(
	run: BackupRun & { readonly via: SourceMachine },
	observers: readonly TaskObserver[],
	{ signal, ...reach }: ReachOptions & { readonly signal: AbortSignal },
): Promise<readonly ObjectOutcome[]> {
	const { via, repositoryPath, shares = noShares, objects } = run;
	if (isTargetPort(repositoryPath)) throw new Error('Defect: who is asked through a port is asked there');
	const spec = { ...run, now: systemClock.now() };
	const begin = beginWords.parse(spec);
	await using stack = new AsyncDisposableStack();
	let target: Target;
	if (!isRemotePlace(repositoryPath)) {
		// what is written is held back where it is sent from
		const service = new TargetService({
			folder: repositoryPath,
			shares: { read: shares.read, write: null },
			only: begin,
			onBegin: async () => undefined,
		});
		stack.defer(() => service.end());
		target = { said: { kind: 'asker' }, service };
	} else if (repositoryPath.mover.peerId === via.mover.peerId) {
		target = { said: { kind: 'own', path: repositoryPath.path, keys: sayKeys(repositoryPath.keys) }, service: null };
	} else {
		const grant = stack.use(await grantRun(repositoryPath, via, begin, { ...reach, signal }));
		const { name, host, port, peerId } = repositoryPath.mover;
		const connections = via.connectionCount ?? defaultConnections;
		target = { said: { kind: 'other', machine: { id: peerId, name, host, port }, path: repositoryPath.path, grant: grant.name, connections }, service: null };
	}
	const { calls, session } = await reachSource(via, { ...reach, signal }, target.service);
	stack.defer(() => session.end());
	stack.use(await keepPace(calls, target.service ? { read: null, write: shares.write } : shares));
	const { json } = await calls.ask(
		'protect',
		{ json: { clientId: via.clientId, target: target.said, run: sayRun(spec, begin) } },
		{ signal, onNews: (news) => relay(news, observers) },
	);
	const outcomes = heard(protectOutcomes, json);
	if (outcomes.length !== objects.length) throw misunderstood('other objects than it was told to protect');
	return outcomes;
}

const defaultConnections = 5;

function sayRun(run: BackupRun, begin: BeginWords): typeof protectWords._zod.input.run {
	const { suspects, sessionId, exclude, sources = [], blockSizeBytes, compression, storeUnused, reason } = run;
	const said: ProtectWords['run'] = protectWords.shape.run.parse({
		...begin,
		suspects,
		sessionId,
		exclude,
		sources,
		blockSizeBytes,
		compression,
		storeUnused,
		reason,
	});
	return said;
}

/** The session is for the run alone. After the first connection it does not end with the signal: the run there is to clean up first, and does. */
async function reachSource(
	{ mover, product, connectionCount }: SourceMachine,
	{ signal, connect = dial(mover), clock }: ReachOptions,
	service: TargetService | null,
): Promise<{ readonly calls: Calls; readonly session: Session }> {
	const answer = async (method: Method, words: Heard, options: AnswerOptions): Promise<Words> => {
		if (service === null || !isTargetMethod(method)) throw misunderstood('something that it is not to ask');
		return service.answer(method, words, options);
	};
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
			connectionCount: service === null ? 1 : connectionCount,
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

/** Lets the machine that reads write one run into the repository, until it is disposed. */
async function grantRun(
	place: RemotePlace,
	{ mover }: SourceMachine,
	run: BeginWords,
	options: ReachOptions,
): Promise<AsyncDisposable & { readonly name: string }> {
	// the way there is not the way that a test knows to the source
	const repository = await RemoteRepository.reach({ ...place, connectionCount: 1 }, { signal: options.signal, clock: options.clock });
	try {
		const { json } = await repository.calls.ask('grant', { json: { peerId: mover.peerId, run } });
		return { name: heard(grantAnswer, json).grant, [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose]() };
	} catch (error) {
		await repository[Symbol.asyncDispose]();
		throw error;
	}
}

function relay(json: unknown, observers: readonly TaskObserver[]): void {
	const { observer: number, news } = heard(protectNews, json);
	const observer = observers[number];
	if (!observer) throw new EngineError('connection.lost', 'The other side tells of an object that it was not told to protect.');
	if (news.what === 'mode') observer.mode(news.of);
	else relayTo(observer, news);
}
