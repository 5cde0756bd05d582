/** The thread that looks into restore points and sources for the faces: small questions, answered at once, with the last points kept open. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { assert, compileExclusions, EngineError, threadHasLoaded, toErrorShape } from '../base/index.ts';
import { openBlockSource } from '../block/index.ts';
import { measureFolder } from '../source/index.ts';
import { browse, plan, stat } from './browse.ts';
import { type OpenedDownload, openDownload } from './download.ts';
import { KeptViews } from './kept-views.ts';
import type { DownloadQuestion, LookAnswer, LookQuestion, LookRequest } from './look.ts';
import { PointView } from './point-view.ts';
import { reach } from './reached.ts';

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const views = new KeptViews();
const asked = new Map<number, AbortController>();
const downloads = new Map<number, AsyncIterator<Uint8Array>>();

/** A download holds what it reads from until its last byte was taken. */
async function openFrom({ repositoryPath, pointId, paths }: DownloadQuestion): Promise<OpenedDownload> {
	const repository = await reach(repositoryPath, { signal: new AbortController().signal });
	try {
		const { content, ...head } = await openDownload(await PointView.open(repository.vault, pointId), paths);
		const whole = async function* (): AsyncGenerator<Uint8Array> {
			try {
				yield* content;
			} finally {
				await repository[Symbol.asyncDispose]();
			}
		};
		return { ...head, content: whole() };
	} catch (error) {
		await repository[Symbol.asyncDispose]();
		throw error;
	}
}

async function answer(id: number, question: LookQuestion, signal: AbortSignal): Promise<unknown> {
	switch (question.kind) {
		case 'browse':
			return views.use(question.repositoryPath, question.pointId, (view) => browse(view, question.path, question.offset, question.limit));
		case 'stat':
			return views.use(question.repositoryPath, question.pointId, (view) => stat(view, question.path));
		case 'plan':
			return views.use(question.repositoryPath, question.pointId, (view) => plan(view, question.paths, question.to, question.overwrite, signal));
		case 'measure': {
			const { source, exclude, deadlineMs } = question;
			if (source.kind === 'disk') {
				const disk = openBlockSource(source.path);
				const bytes = disk.sizeBytes;
				disk.close();
				return { bytes, items: 1, complete: true };
			}
			const endsAt = performance.now() + deadlineMs;
			return measureFolder(source.path, compileExclusions(exclude), () => performance.now() > endsAt);
		}
		case 'download': {
			const { content, ...head } = await openFrom(question);
			downloads.set(id, content[Symbol.asyncIterator]());
			return head;
		}
		case 'next': {
			const next = await downloads.get(question.download)?.next();
			if (!next || next.done) downloads.delete(question.download);
			return !next || next.done ? null : Uint8Array.from(next.value);
		}
		case 'close':
			await downloads.get(question.download)?.return?.();
			downloads.delete(question.download);
			return null;
	}
}

port.on('message', ({ id, question }: LookRequest) => {
	if (question === 'cancel') return asked.get(id)?.abort(new EngineError('cancelled', 'Cancelled.'));
	const controller = new AbortController();
	asked.set(id, controller);
	const send = (message: LookAnswer): void => port.postMessage(message);
	answer(id, question, controller.signal)
		.then(
			(result) => send({ id, result }),
			(error: unknown) => send({ id, failure: toErrorShape(error) }),
		)
		.finally(() => asked.delete(id));
});
threadHasLoaded();
