/** A storage that lives in another thread: a session with a data mover has one thread, and many workers read through it. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { EngineError, toErrorShape } from '../base/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import type { Storage, StorageFile, StorageProperties } from '../repository/index.ts';

type Question =
	| { readonly id: number; readonly type: 'open'; readonly path: string }
	/** Into memory that both threads see: nothing is handed over, and nothing to be collected as garbage. */
	| { readonly id: number; readonly type: 'read'; readonly file: number; readonly offset: number; readonly bytes: number; readonly into: SharedArrayBuffer };
type Answer = { readonly id: number } & ({ readonly file: number } | { readonly count: number } | { readonly failure: ErrorShape });
type Asked = { type: 'open'; path: string } | { type: 'read'; file: number; offset: number; bytes: number; into: SharedArrayBuffer };

/** What a worker is given. */
export type StoragePort = { readonly port: MessagePort; readonly properties: StorageProperties };
export const isStoragePort = (place: object | string): place is StoragePort => typeof place === 'object' && 'port' in place;

/** Answers a worker, until it ends. */
export function serveStorage(storage: Storage): StoragePort {
	const { port1: port, port2 } = new MessageChannel();
	const files: StorageFile[] = [];
	const answer = async (question: Question): Promise<Answer> => {
		const { id } = question;
		try {
			if (question.type === 'open') return { id, file: files.push(await storage.open(question.path, 'read')) - 1 };
			const target = new Uint8Array(question.into, 0, question.bytes);
			return { id, count: await (files[question.file] as StorageFile).read(target, question.offset) };
		} catch (error) {
			return { id, failure: toErrorShape(error) };
		}
	};
	port.on('message', (question: Question) => void answer(question).then((told) => port.postMessage(told)));
	return { port: port2, properties: storage.properties };
}

/** Of a record of the usual size. */
const leastBufferBytes = 1024 * 1024;

/** The worker's side: enough of a storage to read chunks. */
export function storageOver({ port, properties }: StoragePort): Storage {
	const waiting = new Map<number, PromiseWithResolvers<Answer>>();
	/** For reads to come; as many as were ever under way at a time. */
	const buffers: SharedArrayBuffer[] = [];
	let nextId = 0;
	port.on('message', (answer: Answer) => {
		waiting.get(answer.id)?.resolve(answer);
		waiting.delete(answer.id);
	});
	const ask = async (question: Asked): Promise<Answer> => {
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
					const bytes = target.byteLength;
					const free = buffers.pop();
					const into = free && free.byteLength >= bytes ? free : new SharedArrayBuffer(Math.max(bytes, leastBufferBytes));
					try {
						const answer = await ask({ type: 'read', file, offset, bytes, into });
						if (!('count' in answer)) return onlyRead();
						target.set(new Uint8Array(into, 0, answer.count));
						return answer.count;
					} finally {
						buffers.push(into);
					}
				},
				sizeBytes: onlyRead,
				write: onlyRead,
				copyFrom: onlyRead,
				truncate: onlyRead,
				sync: onlyRead,
				[Symbol.asyncDispose]: async () => undefined, // with the session
			};
		},
	};
}
