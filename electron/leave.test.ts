import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTRPCClient } from '@trpc/client';
import type { AppRouter, EngineApi, RouterContext, Session } from '../engine/contract/index.ts';
import { embeddedLink } from './embedded-link.ts';
import { cancelSessions, within } from './leave.ts';

function clientOf(sessions: Partial<EngineApi['sessions']>) {
	return createTRPCClient<AppRouter>({ links: [embeddedLink({ api: { sessions } } as RouterContext)] });
}
const inState = (id: string, state: Session['state']) => ({ id, state }) as Session;

test('cancelling waits until every session has ended', async () => {
	const cancelled = Promise.withResolvers<void>();
	const client = clientOf({
		cancel: async () => cancelled.resolve(),
		async *follow({ id }) {
			yield inState(id, 'running');
			await cancelled.promise;
			yield inState(id, 'cancelling');
			yield inState(id, 'cancelled');
		},
	});
	assert.equal(await cancelSessions(client, ['a', 'b'], { timeoutMs: 60_000 }), true);
});

test('a session that had ended by itself does not hold up leaving', async () => {
	const client = clientOf({
		cancel: () => Promise.reject(new Error('not running')),
		async *follow({ id }) {
			yield inState(id, 'success');
		},
	});
	assert.equal(await cancelSessions(client, ['a'], { timeoutMs: 60_000 }), true);
});

test('a session that never ends holds up leaving only so long', async () => {
	const client = clientOf({
		cancel: () => new Promise(() => undefined),
		async *follow({ id }, { signal }) {
			yield inState(id, 'cancelling');
			await new Promise((resolve) => signal?.addEventListener('abort', resolve));
		},
	});
	assert.equal(await cancelSessions(client, ['a'], { timeoutMs: 20 }), false);
	await within(new Promise(() => undefined), 20);
	await within(Promise.reject(new Error('could not close')), 60_000);
});
