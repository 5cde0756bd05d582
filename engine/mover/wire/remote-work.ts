import type { CheckResult } from '../../contract/index.ts';
import type { ChainStep, FoundInChain, StepOutcome, Suspect } from '../../repository/index.ts';
import type { TaskObserver } from '../task.ts';
import { noShares, type TaskShares } from '../throttle/index.ts';
import type { RemotePlace } from './place.ts';
import { type ReachOptions, RemoteRepository } from './remote-repository.ts';
import { heard, workNews, workOutcomes } from './words.ts';

/** What the host of a repository can do there by itself. */
export type HostWork =
	| { readonly kind: 'step'; readonly chainId: string; readonly step: ChainStep }
	/** `part` null: every stored byte. */
	| {
			readonly kind: 'check';
			readonly chainId: string;
			readonly part: { readonly sliceCount: number; readonly slices: readonly number[]; readonly suspects: readonly Suspect[] } | null;
	  }
	/** `found`: looked up where chains are worked on; absent: it is looked up there. */
	| { readonly kind: 'verify'; readonly pointId: string; readonly found?: FoundInChain | undefined };
export type HostOutcome<Kind extends HostWork['kind']> = Kind extends 'step' ? StepOutcome : CheckResult;

/**
 * Has the data mover that holds a repository do something there: what a step on a chain, a check or a verification reads and writes stays on that machine.
 * @throws what the work throws there, `connection.*`, `auth.*`
 */
export async function workOnHost<Kind extends HostWork['kind']>(
	place: RemotePlace,
	work: Extract<HostWork, { kind: Kind }>,
	observer: TaskObserver,
	{ shares = noShares, ...options }: ReachOptions & { readonly shares?: TaskShares | undefined },
): Promise<HostOutcome<Kind>> {
	await using repository = await RemoteRepository.reach({ ...place, connectionCount: 1 }, options);
	await repository.keepPace(shares);
	const { json } = await repository.calls.ask('work', { json: work }, { signal: options.signal, onNews: (news) => relayTo(observer, heard(workNews, news)) });
	return heard<unknown>(workOutcomes[work.kind], json) as HostOutcome<Kind>;
}

export function relayTo(observer: TaskObserver, news: typeof workNews._zod.output): void {
	switch (news.what) {
		case 'counters':
			observer.counters(news.of);
			return;
		case 'activity':
			observer.activity(news.of);
			return;
		case 'warning':
			observer.warning(news.of);
			return;
		case 'info':
			observer.info(news.of);
			return;
		case 'bottleneck':
			observer.bottleneck(news.of);
			return;
		case 'step':
			observer.step?.(news.of);
	}
}

/** The host's side of it: an observer whose news go to who asked. */
export function observerOver(tell: (news: typeof workNews._zod.input) => void): TaskObserver {
	return {
		mode: () => undefined,
		counters: (of) => tell({ what: 'counters', of }),
		activity: (of) => tell({ what: 'activity', of }),
		warning: (of) => tell({ what: 'warning', of }),
		info: (of) => tell({ what: 'info', of }),
		bottleneck: (of) => tell({ what: 'bottleneck', of }),
		step: (of) => tell({ what: 'step', of }),
	};
}
