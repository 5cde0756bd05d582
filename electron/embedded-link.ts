/**
 * A tRPC link that ends in this process: the page's calls and the tray's go through the same router, with the same
 * validation and error formatter, as calls over WebSocket.
 */
import { TRPCClientError, type TRPCLink } from '@trpc/client';
import { callTRPCProcedure, getTRPCErrorFromUnknown, getTRPCErrorShape } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { type AppRouter, appRouter, type RouterContext } from '../engine/contract/index.ts';

export function embeddedLink(context: RouterContext): TRPCLink<AppRouter> {
	return () =>
		({ op }) =>
			observable((observer) => {
				const { type, path, input } = op;
				const ended = new AbortController();
				const signal = op.signal ? AbortSignal.any([op.signal, ended.signal]) : ended.signal;
				const fail = (cause: unknown): void => {
					if (ended.signal.aborted) return;
					const error = getTRPCErrorFromUnknown(cause);
					const shape = getTRPCErrorShape({ config: appRouter._def._config, error, type, path, input, ctx: context });
					observer.error(TRPCClientError.from({ error: shape }));
				};
				const call = async (): Promise<void> => {
					const result: unknown = await callTRPCProcedure({
						router: appRouter,
						path,
						getRawInput: async () => input,
						ctx: context,
						type,
						signal,
						batchIndex: 0,
					});
					if (type !== 'subscription') observer.next({ result: { type: 'data', data: result } });
					else for await (const data of result as AsyncIterable<unknown>) observer.next({ result: { type: 'data', data } });
					if (!ended.signal.aborted) observer.complete();
				};
				call().catch(fail);
				return () => ended.abort();
			});
}
