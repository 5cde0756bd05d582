import type { Bottleneck } from '../../contract/index.ts';
import type { TaskObserver } from '../task.ts';
import type { Allowance, Bandwidth, NamedLimit, Traffic } from './bandwidth.ts';
import type { TaskShares } from './gate.ts';

export type LimitedWork<Observers, Result> = (
	shares: TaskShares,
	observers: { readonly [Key in keyof Observers]: TaskObserver },
	/** Names the limit in what the work itself gives back. */
	named: (bottleneck: Bottleneck) => Bottleneck,
) => Promise<Result>;

/**
 * Runs work that moves bytes as part of all that is under way: its traffic has its shares until it ends, and what it tells of throttling names the
 * limit.
 */
export async function underLimits<const Observers extends readonly TaskObserver[], Result>(
	bandwidth: Pick<Bandwidth, 'join'>,
	traffic: readonly Traffic[],
	observers: Observers,
	work: LimitedWork<Observers, Result>,
): Promise<Result> {
	using stack = new DisposableStack();
	const allowances = new Map(traffic.map((each) => [each.direction, stack.use(bandwidth.join(each))]));
	const named = (bottleneck: Bottleneck): Bottleneck => nameLimit(bottleneck, [...allowances.values()]);
	const naming = observers.map((observer): TaskObserver => {
		const step = observer.step?.bind(observer);
		return {
			mode: (mode) => observer.mode(mode),
			counters: (counters) => observer.counters(counters),
			activity: (text) => observer.activity(text),
			warning: (warning) => observer.warning(warning),
			info: (message) => observer.info(message),
			bottleneck: (bottleneck) => observer.bottleneck(named(bottleneck)),
			...(step && { step }),
		};
	});
	const shares = { read: allowances.get('read')?.share ?? null, write: allowances.get('write')?.share ?? null };
	return await work(shares, naming as { readonly [Key in keyof Observers]: TaskObserver }, named);
}

function nameLimit(bottleneck: Bottleneck, allowances: readonly Allowance[]): Bottleneck {
	if (bottleneck.stage !== 'throttling') return bottleneck;
	const held = allowances.flatMap(({ heldBy }) => heldBy ?? []).toSorted((a, b) => a.bytesPerSec - b.bytesPerSec)[0];
	return held ? { ...bottleneck, reason: describeLimit(held) } : bottleneck;
}

function describeLimit({ kind, name, bytesPerSec }: NamedLimit): string {
	const rate = `${Number((bytesPerSec / 1e6).toPrecision(3))} MB/s`;
	return kind === 'rule'
		? `The throttling rule “${name}” (${rate}) holds the flow back. Raise its limit, change its times, or accept the time.`
		: `The ${kind} limit of the repository “${name}” (${rate}) holds the flow back. Raise it, or accept the time.`;
}
