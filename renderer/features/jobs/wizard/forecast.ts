/** What will lie in the repository after each of the coming runs, under the forward incremental method. */
export type ForecastFile = { readonly at: number; readonly kind: 'full' | 'increment'; readonly bytes: number; readonly chain: number };
export type ForecastStep = {
	readonly at: number;
	/** The file that this run makes. */
	readonly file: ForecastFile;
	/** What is there after it, oldest first. */
	readonly present: readonly ForecastFile[];
	/** Files that retention takes away after it. */
	readonly removedCount: number;
	readonly totalBytes: number;
};

export type ForecastInput = {
	/** Times of the coming runs, rising. */
	readonly runs: readonly number[];
	/** Times at which an active full is due; the first run after one of them is a full. */
	readonly fulls: readonly number[];
	/** Without `fulls` a chain is renewed when it holds this many points. */
	readonly renewAfterPoints: number | null;
	readonly retainPoints: number;
	readonly fullBytes: number;
	readonly incrementBytes: number;
};

/**
 * A chain goes as a whole or not at all, since increments depend on everything before them: the oldest goes when the others
 * hold enough points. That is why there can be nearly twice the wanted number of points just before it goes.
 */
export function forecast({ runs, fulls, renewAfterPoints, retainPoints, fullBytes, incrementBytes }: ForecastInput): ForecastStep[] {
	let present: ForecastFile[] = [];
	let chain = 0;
	let inChain = 0;
	let nextFull = 0;
	return runs.map((at): ForecastStep => {
		let isFull = chain === 0 || (renewAfterPoints !== null && inChain >= renewAfterPoints);
		while ((fulls[nextFull] ?? Number.POSITIVE_INFINITY) <= at) {
			nextFull++;
			isFull = true;
		}
		if (isFull) {
			chain++;
			inChain = 0;
		}
		inChain++;
		const file: ForecastFile = { at, kind: isFull ? 'full' : 'increment', bytes: isFull ? fullBytes : incrementBytes, chain };
		present = [...present, file];
		const before = present.length;
		for (;;) {
			const oldest = present[0]?.chain;
			const rest = present.filter((each) => each.chain !== oldest);
			if (rest.length < retainPoints) break;
			present = rest;
		}
		return { at, file, present, removedCount: before - present.length, totalBytes: present.reduce((sum, { bytes }) => sum + bytes, 0) };
	});
}
