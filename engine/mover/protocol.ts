/** What the coordinating thread and its process workers say to each other. */
import type { BlockNames, ChainKeys } from '../format/index.ts';
import type { Effort } from './effort.ts';
import type { AnswerMemory } from './inquiry.ts';
import type { SlotMemory } from './slots.ts';

export type WorkerSetup = {
	readonly known:
		| {
				/** Indexes of the chain that this run builds on; what they hold is not packed again. */
				readonly indexes: readonly SharedArrayBuffer[];
				/** Index of chunks that those indexes name in vain: they are packed again. */
				readonly lost: SharedArrayBuffer | null;
		  }
		/** What the chain holds is known on another machine. */
		| { readonly answers: AnswerMemory };
	readonly claims: SharedArrayBuffer;
	readonly slots: SlotMemory;
	/** One i32: not zero means stop as soon as possible. */
	readonly stop: SharedArrayBuffer;
	readonly blockSizeBytes: number;
	readonly effort: Effort;
	readonly keys: ChainKeys | null;
};

/** A file, or one segment of a large one. */
export type FileWork = {
	readonly id: number;
	readonly path: Uint8Array;
	/** Null: the whole file. */
	readonly segment: { readonly offset: number; readonly length: number } | null;
};

export type WorkerRequest =
	| { readonly type: 'files'; readonly files: readonly FileWork[] }
	| {
			readonly type: 'blocks';
			readonly path: string;
			readonly firstBlock: number;
			readonly blockCount: number;
			readonly sizeBytes: number;
			readonly blockSizeBytes: number;
			/** Pairs of offset and length, ascending: read as zeros whatever lies there. */
			readonly blank: Float64Array;
			/** Whether blocks get fingerprints. Only in an encrypted chain. */
			readonly isFingerprinted: boolean;
			/** What the blocks were at the point before: those that have the same fingerprint are not named anew. Null: not known. */
			readonly before: BlockNames | null;
	  }
	| { readonly type: 'claims'; readonly claims: SharedArrayBuffer }
	/** Pack what is still open; answered by `flushed`. */
	| { readonly type: 'flush' };

/** A run begins, asks, flushes, and ends; then the worker may serve another. */
export type WorkerOrder = { readonly type: 'begin'; readonly setup: WorkerSetup } | WorkerRequest | { readonly type: 'end' };

export type FileResult =
	| {
			readonly id: number;
			/** Encoded extents (format/content.ts) of the file or segment. */
			readonly extents: Uint8Array;
			readonly lengthBytes: number;
			readonly readBytes: number;
			/** Its content moved while it was read, also the second time. */
			readonly hasMoved: boolean;
			/** Its times cannot prove it unchanged at the next run. */
			readonly isRacy: boolean;
			/** When it was opened: segments of one file must agree. */
			readonly mtimeNs: bigint;
			readonly ctimeNs: bigint;
	  }
	| { readonly id: number; readonly failure: { readonly code: string; readonly message: string } };

/** Milliseconds since the run began. */
export type WorkerTimes = { readonly readMs: number; readonly processMs: number; readonly waitMs: number };

export type WorkerReply =
	/** Which of these chunks does the target know? The answer comes in shared memory, since a worker takes messages only between requests. */
	| { readonly type: 'ask'; readonly hashes: Uint8Array; readonly area: number }
	| {
			readonly type: 'record';
			readonly slot: number;
			readonly totalBytes: number;
			readonly storedBytes: number;
			readonly rawBytes: number;
			readonly payloadCrc: number;
			readonly codec: 'none' | 'zstd';
			readonly hashes: Uint8Array;
			readonly lengths: Uint32Array;
	  }
	| { readonly type: 'files'; readonly results: readonly FileResult[]; readonly times: WorkerTimes }
	| { readonly type: 'blocks'; readonly firstBlock: number; readonly names: BlockNames; readonly times: WorkerTimes }
	| { readonly type: 'blocks-failed'; readonly code: string; readonly message: string; readonly hint: string | undefined }
	| { readonly type: 'flushed'; readonly times: WorkerTimes }
	/** To `end`: nothing of the run is open any more. */
	| { readonly type: 'ended' };
