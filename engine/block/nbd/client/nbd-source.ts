import { EngineError } from '../../../base/index.ts';
import { openPlatform, type Platform } from '../../../platform/index.ts';
import type { BlockExtent, BlockSource } from '../../block-source.ts';
import { ExtentList } from '../../extent-list.ts';
import { allocationFlag, baseAllocation, dirtyBitmapPrefix, dirtyFlag, type StatusExtent } from '../protocol.ts';
import type { NbdAddress } from '../uri.ts';
import { NbdConnection } from './connection.ts';

export type OpenNbdSourceOptions = {
	/** A dirty bitmap that the export carries, for `dirtyExtents`. */
	readonly dirtyBitmap?: string;
	/** All that it tells by metadata contexts, for `describe`. */
	readonly withAllContexts?: boolean;
	/** A server that says nothing for so long is lost. */
	readonly silenceMs?: number;
	readonly platform?: Platform;
};

/** Lengths travel in 32 bits, and stay aligned to every block size. */
const maxStatusRange = 2 ** 31;
/** Descriptions of extents that are listened to; the rest of the disk counts as data then. */
const maxDescriptions = 2 ** 24;

/**
 * Connects to an export. Each connection belongs to the thread that opened it; several may read one export side by side.
 * @throws `source.missing` (no server, no such export), `source.unsupported` (no such dirty bitmap, no NBD here), `source.unreadable`
 */
export function openNbdSource(address: NbdAddress, options: OpenNbdSourceOptions = {}): NbdSource {
	const { dirtyBitmap, withAllContexts = false, silenceMs, platform = openPlatform() } = options;
	const bitmapContext = dirtyBitmap === undefined ? null : dirtyBitmapPrefix + dirtyBitmap;
	const contexts = withAllContexts ? 'all' : [baseAllocation, ...(bitmapContext === null ? [] : [bitmapContext])];
	const connection = new NbdConnection(address, contexts, platform, silenceMs);
	if (bitmapContext !== null && !connection.facts.contexts.has(bitmapContext)) {
		connection.close();
		throw new EngineError('source.unsupported', `${connection.uri} has no dirty bitmap named "${dirtyBitmap}".`, {
			hint: 'Look at what it has with "nbdinfo".',
			data: { dirtyBitmap },
		});
	}
	return new NbdSource(connection, bitmapContext);
}

/** A disk that an NBD server exports: what it is there is the server's affair, and that it holds still as well. */
export class NbdSource implements BlockSource {
	readonly format = 'nbd';
	readonly sizeBytes: number;
	/** The token of the instant that the export shows; null where it does not say. */
	readonly instant: string | null;
	readonly #connection: NbdConnection;
	readonly #bitmapContext: string | null;

	constructor(connection: NbdConnection, bitmapContext: string | null) {
		this.#connection = connection;
		this.#bitmapContext = bitmapContext;
		this.sizeBytes = connection.facts.sizeBytes;
		this.instant = connection.facts.instant;
	}

	extents(): readonly BlockExtent[] {
		if (!this.#connection.facts.contexts.has(baseAllocation)) return this.sizeBytes === 0 ? [] : [{ offsetBytes: 0, lengthBytes: this.sizeBytes }];
		return this.#collect(baseAllocation, (flags) => (flags & allocationFlag.zero) === 0);
	}

	/**
	 * What the dirty bitmap that was named at opening marks as changed: ascending, not touching, within `sizeBytes`. Where a disk has very many, what lies between
	 * the nearest counts as changed too.
	 */
	dirtyExtents(): readonly BlockExtent[] {
		if (this.#bitmapContext === null) throw new Error('Defect: no dirty bitmap was named when the export was opened');
		return this.#collect(this.#bitmapContext, (flags) => (flags & dirtyFlag) !== 0);
	}

	/** Names of the metadata contexts that were asked for and are there. */
	get contexts(): readonly string[] {
		return [...this.#connection.facts.contexts.keys()];
	}

	/** What a context says of a range within the disk: extents from its beginning on, at least one, none reaching beyond the disk. */
	describe(context: string, offsetBytes: number, lengthBytes: number): readonly StatusExtent[] {
		const id = this.#connection.facts.contexts.get(context);
		if (id === undefined) throw new Error(`Defect: the context ${context} was not agreed on`);
		const { minBlockBytes } = this.#connection.facts;
		const start = offsetBytes - (offsetBytes % minBlockBytes);
		const end = Math.min(Math.ceil((offsetBytes + Math.min(lengthBytes, maxStatusRange)) / minBlockBytes) * minBlockBytes, this.sizeBytes);
		const found: StatusExtent[] = [];
		let at = start;
		for (const { lengthBytes: told, flags } of this.#connection.status(id, start, end - start)) {
			const next = Math.min(at + told, this.sizeBytes);
			if (next > Math.max(at, offsetBytes)) found.push({ lengthBytes: next - Math.max(at, offsetBytes), flags });
			at = next;
		}
		return found;
	}

	#collect(context: string, isWanted: (flags: number) => boolean): readonly BlockExtent[] {
		const id = this.#connection.facts.contexts.get(context) as number;
		const list = new ExtentList();
		let described = 0;
		let at = 0;
		while (at < this.sizeBytes && described < maxDescriptions) {
			const end = Math.min(at + maxStatusRange, this.sizeBytes);
			for (const { lengthBytes, flags } of this.#connection.status(id, at, end - at)) {
				// The last one may say more than was asked for
				const next = Math.min(at + lengthBytes, this.sizeBytes);
				if (isWanted(flags)) list.add(at, next);
				at = next;
				described++;
			}
		}
		list.add(at, this.sizeBytes);
		return list.toExtents();
	}

	readSync(target: Uint8Array, offsetBytes: number): number {
		const wanted = Math.max(0, Math.min(target.length, this.sizeBytes - offsetBytes));
		if (wanted === 0) return 0;
		const { minBlockBytes } = this.#connection.facts;
		const start = offsetBytes - (offsetBytes % minBlockBytes);
		const end = Math.min(Math.ceil((offsetBytes + wanted) / minBlockBytes) * minBlockBytes, this.sizeBytes);
		if (start === offsetBytes && end === offsetBytes + wanted) {
			this.#connection.read(target.subarray(0, wanted), offsetBytes);
			return wanted;
		}
		const aligned = new Uint8Array(end - start);
		this.#connection.read(aligned, start);
		target.set(aligned.subarray(offsetBytes - start, offsetBytes - start + wanted));
		return wanted;
	}

	close(): void {
		this.#connection.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}
}
