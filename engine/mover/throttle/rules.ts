import { type Address, isInRange, isInWindow, parseAddress, parseAddressRange, type ThrottleSettings, type WallTime } from '../../contract/index.ts';

/** The two components that a connection joins, each with the addresses that it has; which of them is the source does not matter. */
export type Link = { readonly local: readonly string[]; readonly remote: readonly string[] };

/** Traffic that does not leave the machine. */
export const loopback: Link = { local: ['127.0.0.1', '::1'], remote: ['127.0.0.1', '::1'] };

const parseAll = (texts: readonly string[]): Address[] => texts.map(parseAddress).filter((address) => address !== null);

/** NET-02, NET-03: whether one component lies in one range of the rule and the other in the other. */
export function matchesLink({ from, to }: Pick<ThrottleSettings, 'from' | 'to'>, { local, remote }: Link): boolean {
	const [a, b] = [parseAddressRange(from), parseAddressRange(to)];
	if (typeof a === 'string' || typeof b === 'string') return false;
	const [here, there] = [parseAll(local), parseAll(remote)];
	const isAnyIn = (range: typeof a, addresses: readonly Address[]): boolean => addresses.some((address) => isInRange(range, address));
	return (isAnyIn(a, here) && isAnyIn(b, there)) || (isAnyIn(a, there) && isAnyIn(b, here));
}

/** NET-05: enabled, and always or at this time. */
export const isActiveAt = ({ enabled, windows }: Pick<ThrottleSettings, 'enabled' | 'windows'>, now: WallTime): boolean =>
	enabled && (windows.length === 0 || windows.some((window) => isInWindow(window, now)));

/** The rules that a connection is under at a time: all of them hold at once. */
export const rulesFor = <Rule extends { readonly settings: ThrottleSettings }>(rules: readonly Rule[], link: Link, now: WallTime): Rule[] =>
	rules.filter(({ settings }) => isActiveAt(settings, now) && matchesLink(settings, link));
