import { type ChainCipher, FileIndex, nameChunk, Packer, type RecordSink } from '../format/index.ts';
import type { KnownChunks } from './target-run.ts';

/** Chunks that are asked about in one question. */
const askedTogether = 256;
const askedBytes = 1024 * 1024;
/** What may wait for answers. */
const maxWaitingBytes = 8 * 1024 * 1024;

type Waiting = { readonly hash: Uint8Array; readonly chunk: Uint8Array };

export type MetadataOptions = {
	readonly known: KnownChunks;
	readonly cipher: ChainCipher | null;
	/** True for the first that takes a chunk on. */
	readonly claim: (hash: Uint8Array) => boolean;
	readonly sink: RecordSink;
	readonly onFailure: (error: unknown) => void;
};

/** Directory pages, map segments and lists of extents, from the coordinating thread: packs what the target does not know. */
export class MetadataStore {
	readonly #options: MetadataOptions;
	readonly #packer: Packer;
	readonly #isKnown: ((hash: Uint8Array) => boolean) | null;
	#gathered: Waiting[] = [];
	#gatheredBytes = 0;
	#waitingBytes = 0;
	readonly #questions = new Set<Promise<void>>();

	constructor(options: MetadataOptions) {
		this.#options = options;
		this.#packer = new Packer(options.sink, options.cipher);
		this.#isKnown = options.known.kind === 'indexes' ? lookUp(options.known) : null;
	}

	/** @returns the chunk's name */
	put(chunk: Uint8Array): Uint8Array {
		const { claim, cipher } = this.#options;
		const isKnown = this.#isKnown;
		if (isKnown) return this.#packer.put(chunk, (hash) => !isKnown(hash) && claim(hash));
		const hash = nameChunk(chunk, cipher);
		this.#gathered.push({ hash, chunk: Uint8Array.from(chunk) });
		this.#gatheredBytes += chunk.byteLength;
		this.#waitingBytes += chunk.byteLength;
		if (this.#gathered.length === askedTogether || this.#gatheredBytes >= askedBytes) this.#ask();
		return hash;
	}

	get hasRoom(): boolean {
		return this.#waitingBytes < maxWaitingBytes;
	}

	async room(): Promise<void> {
		while (!this.hasRoom && this.#questions.size > 0) await Promise.race(this.#questions);
	}

	#ask(): void {
		const { known, claim, onFailure } = this.#options;
		const gathered = this.#gathered;
		if (known.kind !== 'ask' || gathered.length === 0) return;
		this.#gathered = [];
		this.#gatheredBytes = 0;
		const question = known.ask(Buffer.concat(gathered.map(({ hash }) => hash))).then((answers) => {
			for (const [i, { hash, chunk }] of gathered.entries()) {
				this.#waitingBytes -= chunk.byteLength;
				if (answers[i] !== 1 && claim(hash)) this.#packer.add(hash, chunk);
			}
		});
		this.#questions.add(question);
		question.then(
			() => this.#questions.delete(question),
			(error) => {
				this.#questions.delete(question);
				onFailure(error);
			},
		);
	}

	/** All that was put has been handed to the sink when it resolves. */
	async flush(): Promise<void> {
		this.#ask();
		await Promise.all(this.#questions);
		this.#packer.flush();
	}
}

function lookUp({ indexes, lost }: Extract<KnownChunks, { kind: 'indexes' }>): (hash: Uint8Array) => boolean {
	const known = indexes.map((index) => new FileIndex(index)).reverse();
	const lostChunks = lost && new FileIndex(lost);
	return (hash) => !lostChunks?.has(hash) && known.some((index) => index.has(hash));
}
