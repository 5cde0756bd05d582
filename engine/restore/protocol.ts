/** What the restoring thread and its workers say to each other. */
import type { DiskTargetHandle } from '../block/index.ts';
import type { ErrorShape, ItemWarning } from '../contract/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { Share } from '../mover/index.ts';
import type { ChainHandle } from '../repository/index.ts';
import type { StoragePort } from './storage-port.ts';

export type RestoreWorkerSetup = {
	readonly chain: ChainHandle;
	/** What the task may read; all its workers go by it. Null: as much as they can. */
	readonly share: Share | null;
	/** To a storage that another thread reads; null: this thread reads it. */
	readonly storage: StoragePort | null;
};

/** A file, or one slice of a large one. */
export type FileSlice = {
	readonly id: number;
	readonly target: Uint8Array;
	/** Where it is written until it is whole. */
	readonly temporary: Uint8Array;
	/** Where the slice begins in the file. */
	readonly offset: number;
	readonly lengthBytes: number;
	/** Encoded extents without lists. */
	readonly extents: Uint8Array;
	/** Finish with these once the slice is written: set for a file that is one slice. */
	readonly entry: TreeEntry | null;
};

export type RestoreRequest =
	| { readonly type: 'slices'; readonly slices: readonly FileSlice[] }
	/** All slices are written: set length and metadata, give the file its name. */
	| { readonly type: 'finish'; readonly id: number; readonly target: Uint8Array; readonly temporary: Uint8Array; readonly entry: TreeEntry }
	/** Read and verify chunks. */
	| { readonly type: 'chunks'; readonly id: number; readonly hashes: Uint8Array }
	/** Pieces of a disk, each one chunk: read, verify, write to `target`, which stays open until the pool ends. */
	| {
			readonly type: 'blocks';
			readonly target: DiskTargetHandle;
			readonly offsets: Float64Array;
			readonly lengths: Float64Array;
			readonly hashes: Uint8Array;
	  };

/** A task begins, asks, and ends when all is answered; then the worker may serve another. */
export type RestoreOrder = { readonly type: 'begin'; readonly setup: RestoreWorkerSetup } | RestoreRequest | { readonly type: 'end' };

export type SliceFailure = { readonly code: 'repository' | 'target' | 'full'; readonly message: string };

export type SliceResult = { readonly id: number; readonly writtenBytes: number; readonly failure: SliceFailure | null };

/** To a request, when what it asked for is done. */
export type RestoreAnswer =
	| { readonly type: 'slices'; readonly results: readonly SliceResult[] }
	| { readonly type: 'finished'; readonly id: number; readonly failure: SliceFailure | null }
	| {
			readonly type: 'chunks';
			readonly id: number;
			readonly readBytes: number;
			readonly failures: readonly { readonly index: number; readonly message: string; readonly isUnreadable: boolean }[];
	  }
	| { readonly type: 'blocks'; readonly writtenBytes: number; readonly readBytes: number; readonly failure: ErrorShape | null };

export type RestoreReply =
	| { readonly type: 'warning'; readonly warning: ItemWarning }
	/** One for each request, in any order. */
	| { readonly type: 'answer'; readonly answer: RestoreAnswer; readonly times: RestoreTimes }
	/** To `end`: nothing of the task is open any more. */
	| { readonly type: 'ended' };

/** Milliseconds since the task began, one after the other: reading the repository, being held back, decoding and verifying, writing the target. */
export type RestoreTimes = { readonly readMs: number; readonly throttledMs: number; readonly decodeMs: number; readonly writeMs: number };
