import { EngineError, systemClock } from '../../base/index.ts';
import type { BackupRun, ObjectOutcome, TaskObserver } from '../task.ts';
import { noShares } from '../throttle/index.ts';
import type { Answerer } from './calls.ts';
import { defaultConnections } from './greeting.ts';
import { keepPace } from './pace.ts';
import { isRemotePlace, type SourceMachine } from './place.ts';
import { type ProtectWords, protectNews, protectOutcomes, protectWords } from './protect-words.ts';
import { grantTo, reachMachine } from './reach-machine.ts';
import type { ReachOptions } from './remote-repository.ts';
import { relayTo } from './remote-work.ts';
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
		const { path, identity, keys } = repositoryPath;
		target = { said: { kind: 'own', path, keys: sayKeys(keys), ...(identity !== undefined && { identity }) }, service: null };
	} else {
		// the way there is not the way that a test knows to the source
		const { said } = stack.use(await grantTo(via, repositoryPath, { kind: 'write', run: begin }, { clock: reach.clock, signal }));
		target = { said: { kind: 'other', ...said }, service: null };
	}
	const { service } = target;
	const answer: Answerer = async (method, words, options) => {
		if (service === null || !isTargetMethod(method)) throw misunderstood('something that it is not to ask');
		return service.answer(method, words, options);
	};
	const connectionCount = service === null ? 1 : (via.connectionCount ?? defaultConnections);
	const { calls, session } = await reachMachine(via, { ...reach, signal, connectionCount, answer });
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

function sayRun(run: BackupRun, begin: BeginWords): typeof protectWords._zod.input.run {
	const { suspects, sessionId, exclude, databases = {}, sources = [], blockSizeBytes, compression, storeUnused, reason } = run;
	const said: ProtectWords['run'] = protectWords.shape.run.parse({
		...begin,
		suspects,
		sessionId,
		exclude,
		databases,
		sources,
		blockSizeBytes,
		compression,
		storeUnused,
		reason,
	});
	return said;
}

function relay(json: unknown, observers: readonly TaskObserver[]): void {
	const { observer: number, news } = heard(protectNews, json);
	const observer = observers[number];
	if (!observer) throw new EngineError('connection.lost', 'The other side tells of an object that it was not told to protect.');
	if (news.what === 'mode') observer.mode(news.of);
	else relayTo(observer, news);
}
