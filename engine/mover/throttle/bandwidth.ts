import { type Clock, systemClock } from '../../base/index.ts';
import { type RepositoryLocation, type ThrottleSettings, wallTimeOf } from '../../contract/index.ts';
import { createShare, type Share, setShare } from './rate-limiter.ts';
import { isActiveAt, type Link, loopback, rulesFor } from './rules.ts';
import { type Allotment, shareOut } from './share-out.ts';

export type Direction = 'read' | 'write';

/** A limit by name, for people. */
export type NamedLimit = { readonly kind: Direction | 'rule'; readonly name: string; readonly bytesPerSec: number };

/** Where bytes go: past the limit of a repository, over a connection, or both. */
export type Traffic = {
	readonly direction: Direction;
	/** Null: none whose limit would apply. */
	readonly repository: RepositoryLocation | null;
	readonly link: Link;
};

/** A part in all limits that its traffic is under, as long as it is not disposed. */
export interface Allowance extends Disposable {
	/** Goes to the threads that move the bytes; follows every change at once. */
	readonly share: Share;
	/** The limit that holds it lowest, or did last; null: none has. */
	readonly heldBy: NamedLimit | null;
}

export type RepositoryLimits = RepositoryLocation & { readonly name: string; readonly readLimit: number | null; readonly writeLimit: number | null };
type Rule = { readonly id: string; readonly settings: ThrottleSettings };

type Member = { readonly traffic: Traffic; readonly share: Share; bytesPerSec: number | null; heldBy: NamedLimit | null };
type Limits = ReadonlyMap<string, NamedLimit>;

const minuteMs = 60_000;

/**
 * Divides the limits of repositories (RATE-01 to RATE-03) and the throttling rules (NET-01 to NET-06) among all traffic that is under way, and does so
 * anew whenever some begins or ends, a limit or a rule changes, or a rule's time begins or ends.
 */
export class Bandwidth implements Disposable {
	readonly #clock: Clock;
	readonly #members = new Set<Member>();
	#repositories: readonly RepositoryLimits[] = [];
	#rules: readonly Rule[] = [];
	#ticking: AbortController | null = null;

	constructor(clock: Clock = systemClock) {
		this.#clock = clock;
	}

	setRepositories(repositories: readonly RepositoryLimits[]): void {
		this.#repositories = repositories;
		this.#divide();
	}

	setRules(rules: readonly Rule[]): void {
		this.#rules = rules;
		this.#divide();
	}

	join(traffic: Traffic): Allowance {
		const member: Member = { traffic, share: createShare(), bytesPerSec: null, heldBy: null };
		this.#members.add(member);
		this.#divide();
		return {
			share: member.share,
			get heldBy() {
				return member.heldBy;
			},
			[Symbol.dispose]: () => {
				if (this.#members.delete(member)) this.#divide();
			},
		};
	}

	/** Of a rule, now: whether it holds, and how many transfers share it. */
	stateOf(rule: Rule): { readonly isActive: boolean; readonly transferCount: number } {
		const now = wallTimeOf(this.#clock.now());
		const transfers = [...this.#members].filter(({ traffic }) => rulesFor([rule], traffic.link, now).length > 0);
		return { isActive: isActiveAt(rule.settings, now), transferCount: transfers.length };
	}

	#limitsOf({ direction, repository: location, link }: Traffic): Limits {
		const limits = new Map<string, NamedLimit>();
		const repository = this.#repositories.find(({ path, machineId }) => path === location?.path && machineId === location.machineId);
		const bytesPerSec = direction === 'read' ? repository?.readLimit : repository?.writeLimit;
		if (repository && bytesPerSec) limits.set(`${direction} ${repository.name}`, { kind: direction, name: repository.name, bytesPerSec });
		for (const { id, settings } of rulesFor(this.#rules, link, wallTimeOf(this.#clock.now())))
			limits.set(`rule ${id}`, { kind: 'rule', name: settings.name, bytesPerSec: settings.bytesPerSec });
		return limits;
	}

	#divide(): void {
		const members = [...this.#members];
		const claims = members.map(({ traffic }) => this.#limitsOf(traffic));
		const limits = new Map(claims.flatMap((claim) => [...claim]));
		const parts = shareOut(
			new Map([...limits].map(([id, { bytesPerSec }]) => [id, bytesPerSec])),
			claims.map((claim) => [...claim.keys()]),
		);
		const rateOf = ({ bytesPerSec }: Pick<Member, 'bytesPerSec'>): number => bytesPerSec ?? Number.POSITIVE_INFINITY;
		const changes = members.map((member, i) => ({ member, part: parts[i] as Allotment<string> }));
		// those that get less first: at no moment is a limit given out more than once
		changes.sort((a, b) => Number(rateOf(a.part) > rateOf(a.member)) - Number(rateOf(b.part) > rateOf(b.member)));
		for (const { member, part } of changes) {
			setShare(member.share, part.bytesPerSec);
			member.bytesPerSec = part.bytesPerSec;
			if (part.heldBy !== null) member.heldBy = limits.get(part.heldBy) ?? null;
		}
		this.#tickIfNeeded();
	}

	/** Times of rules begin and end with a minute of the clock on the wall, whoever sets it. */
	#tickIfNeeded(): void {
		const isNeeded = this.#members.size > 0 && this.#rules.some(({ settings }) => settings.enabled && settings.windows.length > 0);
		if (!isNeeded) {
			this.#ticking?.abort();
			this.#ticking = null;
		} else if (this.#ticking === null) {
			this.#ticking = new AbortController();
			void this.#tick(this.#ticking.signal);
		}
	}

	async #tick(signal: AbortSignal): Promise<void> {
		for (;;) {
			await this.#clock.sleep(minuteMs - (this.#clock.now() % minuteMs), { signal }).catch(() => undefined); // no longer needed
			if (signal.aborted) return;
			this.#divide();
		}
	}

	[Symbol.dispose](): void {
		this.#members.clear();
		this.#ticking?.abort();
		this.#ticking = null;
	}
}

/** Traffic of this machine with a folder that no network lies before. */
export const localTraffic = (direction: Direction, path: string): Traffic => ({ direction, repository: { path, machineId: null }, link: loopback });
