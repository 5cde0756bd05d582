/**
 * The only door from the console to the engine. It knows the two transports (the desktop window's bridge, a WebSocket to
 * the server that served the page), signing in, and which query an event makes stale. Screens use `useTRPC()` with TanStack
 * Query; nothing else in the renderer talks to the outside.
 */
import { QueryClient, useQueryClient } from '@tanstack/react-query';
import { createTRPCClient, createWSClient, type TRPCClient, TRPCClientError, type TRPCLink, wsLink } from '@trpc/client';
import { observable } from '@trpc/server/observable';
import { createTRPCContext, useSubscription } from '@trpc/tanstack-react-query';
import { useEffect, useRef } from 'react';
import { create } from 'zustand';
import {
	type AppRouter,
	type DesktopBridge,
	type DesktopError,
	type DesktopMessage,
	downloadQuery,
	type EngineEvent,
	type ErrorShape,
} from '../engine/contract/index.ts';

export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>();

declare global {
	interface Window {
		/** Present in the desktop window only. */
		readonly holdfast?: DesktopBridge;
	}
}

export type ConnectionState = 'connecting' | 'open' | 'lost' | 'sign-in';
export const useConnection = create<{ state: ConnectionState; lostAt: number | null }>(() => ({ state: 'connecting', lostAt: null }));
export const isDesktop = (): boolean => window.holdfast !== undefined;

function bridgeLink(bridge: DesktopBridge): TRPCLink<AppRouter> {
	const subscriptions = new Map<number, (message: DesktopMessage) => void>();
	bridge.listen((message) => subscriptions.get(message.id)?.(message));
	let lastId = 0;
	useConnection.setState({ state: 'open' });
	const failure = (error: DesktopError): TRPCClientError<AppRouter> =>
		TRPCClientError.from<AppRouter>({ error } as Parameters<typeof TRPCClientError.from<AppRouter>>[0]);
	return () =>
		({ op }) =>
			observable((observer) => {
				const id = ++lastId;
				const isSubscription = op.type === 'subscription';
				if (isSubscription)
					subscriptions.set(id, (message) => {
						if ('error' in message) observer.error(failure(message.error));
						else if ('done' in message) observer.complete();
						else observer.next({ result: { type: 'data', data: message.data } });
					});
				bridge.call({ id, type: op.type, path: op.path, input: op.input }).then(
					(reply) => {
						if ('error' in reply) observer.error(failure(reply.error));
						else if (isSubscription) observer.next({ result: { type: 'started' } });
						else {
							observer.next({ result: { type: 'data', data: reply.data } });
							observer.complete();
						}
					},
					(error: Error) => observer.error(TRPCClientError.from(error)),
				);
				return () => {
					if (subscriptions.delete(id)) bridge.stop(id);
				};
			});
}

function webSocketLink(): TRPCLink<AppRouter> {
	const url = new URL('/api', location.href);
	url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
	url.hash = '';
	const lost = (): void => {
		const { lostAt } = useConnection.getState();
		useConnection.setState({ state: 'lost', lostAt: lostAt ?? Date.now() });
		// A refused upgrade tells a page nothing; an ordinary request says whether the session is over.
		void isSignedIn().then((signedIn) => {
			if (signedIn !== false) return;
			useConnection.setState({ state: 'sign-in' });
			void socket.close();
		});
	};
	const socket = createWSClient({
		url: url.href,
		retryDelayMs: (attempt) => Math.min(5000, 250 * 2 ** attempt),
		keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
		onOpen: () => useConnection.setState({ state: 'open', lostAt: null }),
		onClose: () => useConnection.getState().state !== 'sign-in' && lost(),
	});
	return wsLink({ client: socket });
}

export const createClient = (): TRPCClient<AppRouter> =>
	createTRPCClient<AppRouter>({ links: [window.holdfast ? bridgeLink(window.holdfast) : webSocketLink()] });

export const createQueryClient = (): QueryClient =>
	new QueryClient({
		defaultOptions: {
			// Events say what is stale; the age is a safety net. The engine may be on this very machine: the browser's idea of "offline" means nothing.
			queries: { staleTime: 60_000, gcTime: 600_000, networkMode: 'always', retry: false, refetchOnWindowFocus: false },
			mutations: { networkMode: 'always', retry: false },
		},
	});

/** Trades a token for a cookie; null when it was taken, otherwise what is wrong. */
export async function signIn(token: string): Promise<ErrorShape | null> {
	try {
		const response = await fetch('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) });
		if (response.ok) return null;
		return {
			code: 'auth.refused',
			message: 'The server did not accept this token.',
			hint: 'The token is printed when the server starts, and kept in its data folder.',
		};
	} catch {
		return { code: 'connection.lost', message: 'The server does not answer.', hint: 'Check that it is running, then try again.' };
	}
}

/** Null: the server does not answer. */
async function isSignedIn(): Promise<boolean | null> {
	try {
		const response = await fetch('/session');
		return response.ok ? ((await response.json()) as { signedIn: boolean }).signedIn : null;
	} catch {
		return null;
	}
}

/**
 * Before anything else in a browser: a link with `#token=…` signs in, and the token leaves the address bar and the history;
 * without a session the page asks for the token instead of connecting in vain.
 */
export async function beginSession(): Promise<void> {
	if (isDesktop()) return;
	const token = /^#\/?token=([^&]+)/.exec(location.hash)?.[1];
	if (token !== undefined) {
		history.replaceState(null, '', `${location.pathname}#/`);
		await signIn(decodeURIComponent(token));
	}
	if ((await isSignedIn()) === false) useConnection.setState({ state: 'sign-in' });
}

/** Whatever a query or mutation threw, in the contract's form. */
export function errorShapeOf(error: unknown): ErrorShape {
	const data = error instanceof TRPCClientError ? (error.data as { engine?: ErrorShape } | null | undefined) : undefined;
	if (data?.engine) return data.engine;
	if (error instanceof TRPCClientError)
		return { code: 'connection.lost', message: 'The connection to the server was lost.', hint: 'The console reconnects by itself. Try again then.' };
	return { code: 'internal', message: error instanceof Error ? error.message : String(error), hint: 'This is a defect in Holdfast.' };
}

/** Content goes around the router: the browser saves what the server sends, the desktop asks where to. */
export async function download(input: { point: string; paths: string[] }): Promise<void> {
	if (window.holdfast) {
		await window.holdfast.saveDownload(input);
		return;
	}
	const anchor = document.createElement('a');
	anchor.href = `/download?${downloadQuery(input)}`;
	anchor.download = '';
	anchor.click();
}

/** Mount once. Turns the engine's events into stale queries; after a reconnect everything counts as stale, since events were missed. */
export function useEngineEvents(): void {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const pending = useRef(new Map<string, EngineEvent>());
	const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
	useEffect(() => () => clearTimeout(timer.current), []);

	const flush = (): void => {
		const events = [...pending.current.values()];
		pending.current.clear();
		timer.current = undefined;
		const kinds = new Set(events.map(({ kind }) => kind));
		const stale = (filter: { queryKey: readonly unknown[] }): void => void queryClient.invalidateQueries(filter);
		if (kinds.has('job')) {
			stale(trpc.jobs.list.pathFilter());
			for (const { kind, id } of events) if (kind === 'job') stale(id === null ? trpc.jobs.get.pathFilter() : trpc.jobs.get.queryFilter({ id }));
		}
		if (kinds.has('session')) {
			stale(trpc.sessions.list.pathFilter());
			for (const { kind, id } of events) {
				if (kind !== 'session') continue;
				stale(id === null ? trpc.sessions.get.pathFilter() : trpc.sessions.get.queryFilter({ id }));
				stale(id === null ? trpc.sessions.log.pathFilter() : trpc.sessions.log.queryFilter({ id }));
			}
		}
		if (kinds.has('repository')) stale(trpc.repositories.pathFilter());
		if (kinds.has('chain')) stale(trpc.chains.pathFilter());
		if (kinds.has('key') || kinds.has('job') || kinds.has('repository') || kinds.has('chain')) stale(trpc.keys.pathFilter());
		if (kinds.has('throttle')) stale(trpc.throttles.pathFilter());
		if (kinds.has('machine')) stale(trpc.machines.pathFilter());
		if (kinds.has('host')) stale(trpc.hosts.pathFilter());
		if (kinds.has('device')) stale(trpc.devices.pathFilter());
		// A device that comes or goes is a volume, too.
		if (kinds.has('volume') || kinds.has('device')) stale(trpc.volumes.pathFilter());
		if (kinds.has('point')) {
			stale(trpc.points.list.pathFilter());
			stale(trpc.points.get.pathFilter());
			stale(trpc.points.versions.pathFilter());
		}
		if (kinds.has('settings')) stale(trpc.system.settings.pathFilter());
		if (kinds.has('overview') || kinds.has('job')) stale(trpc.system.overview.pathFilter());
	};

	useSubscription(
		trpc.system.events.subscriptionOptions(undefined, {
			onStarted: () => void queryClient.invalidateQueries(),
			onData: (event) => {
				pending.current.set(`${event.kind} ${event.id}`, event);
				timer.current ??= setTimeout(flush, 400);
			},
		}),
	);
}
