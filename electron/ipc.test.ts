import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { createTRPCClient } from '@trpc/client';
import type { IpcMainInvokeEvent } from 'electron';
import type { AppRouter, EngineApi, EngineEvent, RouterContext } from '../engine/contract/index.ts';
import type { Answer, Notice } from './channel.ts';
import { embeddedLink } from './embedded-link.ts';
import type { EngineHost } from './engine-host.ts';
import { serveRenderer } from './ipc.ts';

/** A page as the main process sees it: hears messages, navigates, goes away. */
class Page extends EventEmitter {
	readonly heard: Notice[] = [];
	isDestroyed(): boolean {
		return false;
	}
	send(_channel: string, notice: Notice): void {
		this.heard.push(notice);
		this.emit('heard');
	}
}

type DeepPartial<T> = { [K in keyof T]?: Partial<T[K]> };
const ownFrame = { url: 'holdfast://console/#/jobs', parent: null };

function openDoor(api: DeepPartial<EngineApi>) {
	const client = createTRPCClient<AppRouter>({ links: [embeddedLink({ api } as RouterContext)] });
	const host = { client, connection: { kind: 'embedded' } } as EngineHost;
	let listener: ((event: IpcMainInvokeEvent, message: unknown) => Promise<Answer>) | undefined;
	serveRenderer({
		ipc: { handle: (_channel, handler) => (listener = handler) },
		host,
		dialogs: { saveDownload: async () => null, chooseFolder: () => Promise.reject(new Error('no dialog here')) },
	});
	const page = new Page();
	const say = (message: unknown, senderFrame: unknown = ownFrame): Promise<Answer> =>
		(listener as NonNullable<typeof listener>)({ sender: page, senderFrame } as unknown as IpcMainInvokeEvent, message);
	const call = (type: string, path: string, input?: unknown): Promise<Answer> => say({ kind: 'call', call: { id: 7, type, path, input } });
	return { page, say, call };
}

test('a call is answered by the router', async () => {
	const { call } = openDoor({ repositories: { suggest: async () => ({ path: '/Backup', freeBytes: 5 }) } });
	assert.deepEqual(await call('query', 'repositories.suggest'), { value: { data: { path: '/Backup', freeBytes: 5 } } });
});

test("an engine's error crosses with its code, hint and data, as the router formats it", async () => {
	const shape = { code: 'stale.revision', message: 'Somebody saved first.', hint: 'Look at both.', data: { current: { revision: 4 } } } as const;
	const { call } = openDoor({
		jobs: {
			remove: async () => {
				throw Object.assign(new Error(shape.message), { shape });
			},
		},
	});
	const answer = await call('mutation', 'jobs.remove', { id: 'j', revision: 1 });
	assert.ok('value' in answer);
	const { error } = answer.value as { error: { message: string; data: Record<string, unknown> } };
	assert.equal(error.message, shape.message);
	assert.deepEqual(error.data.engine, shape);
});

test('input that the contract refuses never reaches the engine', async () => {
	const { call } = openDoor({ jobs: { get: () => assert.fail('reached') } });
	const answer = await call('query', 'jobs.get', { id: '' });
	assert.match(JSON.stringify(answer), /usage\.invalid/);
	assert.match(JSON.stringify(await call('query', 'jobs.nothing')), /NOT_FOUND/);
	// A query is not to be had as a mutation.
	assert.match(JSON.stringify(await call('mutation', 'jobs.list')), /METHOD_NOT_SUPPORTED|NOT_FOUND/);
});

test('a page that is not the console, or a frame inside it, is refused', async () => {
	const { say } = openDoor({ jobs: { list: () => assert.fail('reached') } });
	const message = { kind: 'call', call: { id: 1, type: 'query', path: 'jobs.list' } };
	for (const frame of [null, { url: 'https://evil.invalid/', parent: null }, { url: 'about:blank', parent: null }, { url: ownFrame.url, parent: ownFrame }]) {
		const answer = await say(message, frame);
		assert.ok('failure' in answer && answer.failure.code === 'auth.refused', JSON.stringify(frame));
	}
});

test('a message without the form of a request is refused', async () => {
	const { say } = openDoor({});
	for (const message of [
		undefined,
		null,
		'jobs.list',
		{},
		{ kind: 'shell' },
		{ kind: 'call', call: { id: -1, type: 'query', path: 'x' } },
		{ kind: 'save-download', point: 'p', paths: [] },
	]) {
		const answer = await say(message);
		assert.ok('failure' in answer && answer.failure.code === 'auth.refused', JSON.stringify(message));
	}
});

test('a failed dialog is a value with words, not an exception', async () => {
	const { say } = openDoor({});
	assert.deepEqual(await say({ kind: 'choose-folder' }), { failure: { code: 'internal', message: 'no dialog here' } });
});

/** Events that a test lets happen, and the signal that tells when nobody listens any more. */
function eventSource() {
	let give: (event: EngineEvent) => void = () => undefined;
	let signal: AbortSignal | undefined;
	const begun = new EventEmitter();
	const ended = Promise.withResolvers<void>();
	return {
		begun,
		ended: ended.promise,
		give: (event: EngineEvent) => give(event),
		get signal() {
			return signal;
		},
		events: async function* (options: { signal?: AbortSignal | undefined }): AsyncIterable<EngineEvent> {
			signal = options.signal;
			try {
				for (;;) {
					const next = Promise.withResolvers<EngineEvent | null>();
					give = next.resolve;
					signal?.addEventListener('abort', () => next.resolve(null), { once: true });
					begun.emit('waiting');
					const event = await next.promise;
					if (event === null) return;
					yield event;
				}
			} finally {
				ended.resolve();
			}
		},
	};
}

test('a subscription speaks until the page stops it, and then lets go of the engine', async () => {
	const source = eventSource();
	const { page, say, call } = openDoor({ system: { events: source.events } });
	const waiting = once(source.begun, 'waiting');
	assert.deepEqual(await call('subscription', 'system.events'), { value: { data: null } });
	await waiting;
	const heard = once(page, 'heard');
	source.give({ kind: 'job', id: 'a' });
	await heard;
	assert.deepEqual(page.heard, [{ kind: 'message', message: { id: 7, data: { kind: 'job', id: 'a' } } }]);
	await say({ kind: 'stop', id: 7 });
	await source.ended;
	await say({ kind: 'stop', id: 7 });
	assert.equal(page.heard.length, 1, 'nothing follows a stop');
});

test('a reload of the page ends its subscriptions; moving inside the page does not', async () => {
	const source = eventSource();
	const { page, call } = openDoor({ system: { events: source.events } });
	const waiting = once(source.begun, 'waiting');
	await call('subscription', 'system.events');
	await waiting;
	page.emit('did-start-navigation', { isMainFrame: true, isSameDocument: true });
	assert.equal(source.signal?.aborted, false);
	page.emit('did-start-navigation', { isMainFrame: true, isSameDocument: false });
	await source.ended;
});

test('a subscription that fails says so once', async () => {
	const { page, call } = openDoor({
		sessions: {
			async *follow() {
				yield* [];
				throw Object.assign(new Error('gone'), { shape: { code: 'not-found.session', message: 'There is no such session.' } });
			},
		},
	});
	const heard = once(page, 'heard');
	await call('subscription', 'sessions.follow', { id: 'x' });
	await heard;
	assert.equal(page.heard.length, 1);
	assert.match(JSON.stringify(page.heard[0]), /not-found\.session/);
});
