/** The place in the console is the hash of the address, so that back, forward, reload and links work in every home of the renderer. */
import { type AnchorHTMLAttributes, type ReactNode, useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';

export type Place = { readonly path: string; readonly query: URLSearchParams };

const hash = (): string => location.hash.slice(1) || '/';
const subscribe = (listener: () => void): (() => void) => {
	addEventListener('hashchange', listener);
	return () => removeEventListener('hashchange', listener);
};

const pathOf = (place: string): string => place.split('?', 1)[0] as string;

/** What is asked when the place is about to change; one page at a time can have something to lose. */
let guard: { readonly ask: (to: string) => void } | null = null;
let last = hash();
// The first listener of all: links, back and forward, and `navigate` come by here before any page hears of them.
addEventListener('hashchange', (event) => {
	const to = hash();
	if (guard === null || pathOf(to) === pathOf(last)) {
		last = to;
		return;
	}
	event.stopImmediatePropagation();
	history.pushState(null, '', `#${last}`);
	guard.ask(to);
});

export type Leave = {
	/** Where somebody wants to go who has something to lose here; null: nobody wants to. */
	readonly to: string | null;
	readonly stay: () => void;
	/** Goes there, or lets the page itself go on to another place when what was typed is saved. */
	readonly release: () => void;
};

/** While `isDirty`, leaving the page by any way asks first. Closing the window is asked about by the browser. */
export function useLeaveGuard(isDirty: boolean): Leave {
	const [to, setTo] = useState<string | null>(null);
	useEffect(() => {
		if (!isDirty) return;
		const own = { ask: setTo };
		guard = own;
		const onUnload = (event: BeforeUnloadEvent): void => event.preventDefault();
		addEventListener('beforeunload', onUnload);
		return () => {
			if (guard === own) guard = null;
			removeEventListener('beforeunload', onUnload);
		};
	}, [isDirty]);
	return {
		to,
		stay: () => setTo(null),
		release: () => {
			guard = null;
			if (to !== null) navigate(to);
		},
	};
}

export function usePlace(): Place {
	const current = useSyncExternalStore(subscribe, hash);
	return useMemo(() => {
		const at = current.indexOf('?');
		return at < 0 ? { path: current, query: new URLSearchParams() } : { path: current.slice(0, at), query: new URLSearchParams(current.slice(at + 1)) };
	}, [current]);
}

export function navigate(to: string, { replace = false }: { readonly replace?: boolean } = {}): void {
	if (hash() === to) return;
	if (!replace) {
		location.hash = to;
		return;
	}
	history.replaceState(null, '', `#${to}`);
	dispatchEvent(new HashChangeEvent('hashchange'));
}

/** One parameter of the address as state: `const [filter, setFilter] = useQueryParam('filter')`. Setting replaces the history entry. */
export function useQueryParam(name: string): [string | null, (value: string | null) => void] {
	const { query } = usePlace();
	const set = useCallback(
		(value: string | null) => {
			const [path = '/', search = ''] = hash().split('?', 2);
			const next = new URLSearchParams(search);
			if (value === null || value === '') next.delete(name);
			else next.set(name, value);
			navigate(next.size > 0 ? `${path}?${next}` : path, { replace: true });
		},
		[name],
	);
	return [query.get(name), set];
}

/** `/jobs/:id` against `/jobs/7` gives `{ id: '7' }`; a last `*` takes the rest, also an empty one, as `rest`. Null: no match. */
export function matchPattern(pattern: string, path: string): Record<string, string> | null {
	const wanted = pattern.split('/');
	const given = path.split('/');
	const params: Record<string, string> = {};
	for (const [i, part] of wanted.entries()) {
		if (part === '*') return { ...params, rest: given.slice(i).map(decodeURIComponent).join('/') };
		const value = given[i];
		if (value === undefined || (part.startsWith(':') ? value === '' : part !== value)) return null;
		if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(value);
	}
	return given.length === wanted.length ? params : null;
}

export function Link({ to, children, ...rest }: { readonly to: string; readonly children?: ReactNode } & AnchorHTMLAttributes<HTMLAnchorElement>): ReactNode {
	return (
		<a href={`#${to}`} {...rest}>
			{children}
		</a>
	);
}
