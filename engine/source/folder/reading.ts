import * as fs from 'node:fs';
import { bytesFromText } from '../../base/index.ts';
import type { Platform } from '../../platform/index.ts';
import { originAttribute, parseOrigin } from '../../snapshot/index.ts';

/** What stands at `path` is read at `at`, which may be the same place, beneath a path that is read elsewhere. */
export type ReadView = {
	readonly path: string;
	/** Null: it is left out. */
	readonly at: string | null;
	/** Epoch milliseconds: what changed after it may be there or not. Null: it is read live. */
	readonly instantAt: number | null;
	/** Copies that say what they are copies of. */
	readonly hasOrigins: boolean;
};

/** The other way round only on Windows: elsewhere it is a part of a name. */
const isSeparator = (byte: number | undefined, system: NodeJS.Platform = process.platform): boolean => byte === 0x2f || (byte === 0x5c && system === 'win32');

export type PlacedView = {
	readonly path: Buffer;
	readonly at: Buffer | null;
	readonly instantNs: bigint | null;
	readonly hasOrigins: boolean;
	/** Device numbers of a snapshot are its own: entries are known by those of the original. */
	readonly device: { readonly here: bigint; readonly original: bigint } | null;
};

/** Where a path is read, and by which view; a view of null: where it stands. */
export type Placed = { readonly at: Buffer; readonly view: PlacedView | null };
/** An entry of a folder that is read elsewhere; null: that is left out. */
export type PlacedEntry = { readonly name: Buffer; readonly at: Buffer | null; readonly view: PlacedView };

/** The views of one source. Paths are bytes, absolute, without a slash at the end. */
export class Reading {
	readonly #views: readonly PlacedView[];
	readonly #platform: Platform;
	/** By the folder that they stand in. */
	readonly #below = new Map<string, PlacedEntry[]>();

	constructor(views: readonly ReadView[], platform: Platform) {
		this.#platform = platform;
		this.#views = views.map(placeView).sort((a, b) => b.path.length - a.path.length);
		for (const view of this.#views) {
			const end = view.path.findLastIndex((byte) => isSeparator(byte));
			const folder = keyOf(view.path.subarray(0, Math.max(end, 1)));
			const name = view.path.subarray(end + 1);
			if (name.length === 0) continue; // the root of everything stands in no folder
			this.#below.set(folder, [...(this.#below.get(folder) ?? []), { name, at: view.at, view }]);
		}
	}

	place(path: Buffer): Placed {
		const view = this.#views.find((each) => isBelow(path, each.path));
		return view?.at ? { at: beneath(view.at, restOf(path, view.path)), view } : { at: path, view: null };
	}

	/** What is read elsewhere of the entries of a folder, by the place where that is read. */
	below(at: Buffer): readonly PlacedEntry[] {
		return this.#below.size === 0 ? [] : (this.#below.get(keyOf(this.original(at))) ?? []);
	}

	/** The path for people and for the backup, of a place where something is read. */
	original(at: Buffer): Buffer {
		let best: { readonly path: Buffer; readonly at: Buffer } | null = null;
		for (const { path, at: place } of this.#views)
			if (place && isBelow(at, place) && (best === null || place.length > best.at.length)) best = { path, at: place };
		return best ? beneath(best.path, restOf(at, best.at)) : at;
	}

	/** Makes `stats` of something at `at` those of its original: device, inode, and the time of change by which it is recognised. */
	correct(stats: fs.BigIntStats, at: Buffer, view: PlacedView | null): fs.BigIntStats {
		if (view === null) return stats;
		if (view.device?.here === stats.dev) stats.dev = view.device.original;
		const origin = view.hasOrigins ? this.#originOf(at) : null;
		return origin === null ? stats : Object.assign(stats, origin);
	}

	#originOf(at: Buffer): ReturnType<typeof parseOrigin> {
		const attribute = this.#platform.metadata.listXattrs(at, () => undefined).find(({ name }) => name === originAttribute);
		return attribute ? parseOrigin(attribute.value) : null;
	}
}

const keyOf = (path: Buffer): string => path.toString('latin1');
/** `/` has no name to go on from, nor has `C:\\`. */
const withoutSlash = (path: Buffer, system?: NodeJS.Platform): Buffer => (isSeparator(path.at(-1), system) ? path.subarray(0, -1) : path);
export const isBelow = (path: Buffer, folder: Buffer, system?: NodeJS.Platform): boolean => {
	const start = withoutSlash(folder, system);
	return path.subarray(0, start.length).equals(start) && (path.length === start.length || isSeparator(path[start.length], system));
};
/** `rest` begins with a separator, or is empty. */
const beneath = (folder: Buffer, rest: Buffer): Buffer => (rest.length === 0 ? folder : Buffer.concat([withoutSlash(folder), rest]));
const restOf = (path: Buffer, folder: Buffer): Buffer => path.subarray(withoutSlash(folder).length);

function placeView({ path, at, instantAt, hasOrigins }: ReadView): PlacedView {
	const [original, here] = [path, at].map((each) =>
		each === null ? undefined : fs.statSync(bytesFromText(each), { bigint: true, throwIfNoEntry: false })?.dev,
	);
	return {
		path: bytesFromText(path),
		at: at === null ? null : bytesFromText(at),
		instantNs: instantAt === null ? null : BigInt(Math.floor(instantAt)) * 1_000_000n,
		hasOrigins,
		device: original === undefined || here === undefined ? null : { here, original },
	};
}
