/** A storage that lives in another thread: a session with a data mover has one thread, and many workers read through it. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { EngineError, toErrorShape } from '../base/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import type { Storage, StorageFile, StorageProperties } from '../repository/index.ts';

type Question =
	| { readonly id: number; readonly type: 'open'; readonly path: string }
	| { readonly id: number; readonly type: 'read'; readonly file: number; readonly offset: number; readonly bytes: number };
type Answer = { readonly id: number } & ({ readonly file: number } | { readonly bytes: Uint8Array } | { readonly failure: ErrorShape });

/** What a worker is given. */
export type StoragePort = { readonly port: MessagePort; readonly properties: StorageProperties };

/** Answers a worker, until it ends. */
export function serveStorage(storage: Storage): StoragePort {
	const { port1: port, port2 } = new MessageChannel();
	const files: StorageFile[] = [];
	const answer = async (question: Question): Promise<Answer> => {
		const { id } = question;
		try {
			if (question.type === 'open') return { id, file: files.push(await storage.open(question.path, 'read')) - 1 };
			const bytes = new Uint8Array(question.bytes);
			const count = await (files[question.file] as StorageFile).read(bytes, question.offset);
			return { id, bytes: bytes.subarray(0, count) };
		} catch (error) {
			return { id, failure: toErrorShape(error) };
		}
	};
	port.on('message', (question: Question) => {
		void answer(question).then((told) => port.postMessage(told, 'bytes' in told ? [told.bytes.buffer as ArrayBuffer] : []));
	});
	return { port: port2, properties: storage.properties };
}

/** The worker's side: enough of a storage to read chunks. */
export function storageOver({ port, properties }: StoragePort): Storage {
	const waiting = new Map<number, PromiseWithResolvers<Answer>>();
	let nextId = 0;
	port.on('message', (answer: Answer) => {
		waiting.get(answer.id)?.resolve(answer);
		waiting.delete(answer.id);
	});
	const ask = async (question: { type: 'open'; path: string } | { type: 'read'; file: number; offset: number; bytes: number }): Promise<Answer> => {
		const id = nextId++;
		const told = Promise.withResolvers<Answer>();
		waiting.set(id, told);
		port.postMessage({ id, ...question });
		const answer = await told.promise;
		if ('failure' in answer) throw EngineError.from(answer.failure);
		return answer;
	};
	const onlyRead = (): never => {
		throw new Error('Defect: a worker only reads');
	};
	return {
		properties,
		list: onlyRead,
		replace: onlyRead,
		rename: onlyRead,
		remove: onlyRead,
		space: onlyRead,
		async open(path) {
			const opened = await ask({ type: 'open', path });
			const file = 'file' in opened ? opened.file : onlyRead();
			return {
				path,
				async read(target, offset) {
					const answer = await ask({ type: 'read', file, offset, bytes: target.byteLength });
					if (!('bytes' in answer)) return onlyRead();
					target.set(answer.bytes);
					return answer.bytes.byteLength;
				},
				sizeBytes: onlyRead,
				write: onlyRead,
				truncate: onlyRead,
				sync: onlyRead,
				[Symbol.asyncDispose]: async () => undefined, // with the session
			};
		},
	};
}
