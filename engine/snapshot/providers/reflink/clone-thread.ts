/** Clones a set of trees in a thread of its own, where synchronous calls make nobody wait. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, threadHasLoaded, toErrorShape } from '../../../base/index.ts';
import { openPlatform } from '../../../platform/index.ts';
import type { SelectionExclusions } from '../../provider.ts';
import { cloneTree } from './clone-tree.ts';
import { leftOutBy } from './left-out.ts';

export type CloneWork = readonly { readonly source: string; readonly target: string; readonly exclusions: SelectionExclusions | null }[];
export type CloneAnswer = { readonly refused: readonly (readonly string[])[] } | { readonly failure: ReturnType<typeof toErrorShape> };

assert(parentPort, 'this file is a worker thread');
const platform = openPlatform();
threadHasLoaded();
let answer: CloneAnswer;
try {
	answer = {
		refused: (workerData as CloneWork).map(({ source, target, exclusions }) => cloneTree(source, target, platform, exclusions && leftOutBy(exclusions))),
	};
} catch (error) {
	answer = { failure: toErrorShape(error) };
}
parentPort.postMessage(answer);
