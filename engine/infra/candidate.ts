/** A machine as a choice sees it. The backup server counts as one of them. */
export type Candidate = {
	readonly id: string;
	/** For messages. */
	readonly name: string;
	readonly isOnline: boolean;
	/** Tasks that it may work on at a time, and those that it works on now, of whatever sessions. */
	readonly maxTasks: number;
	readonly runningTasks: number;
	/** Ids of the places that it can read or write directly: source hosts, target hosts, repositories. */
	readonly reaches: ReadonlySet<string>;
};

export const reachesAll = ({ reaches }: Candidate, places: readonly string[]): boolean => places.every((place) => reaches.has(place));

/** For people: “A”, “B” and “C”. */
export const namesOf = (machines: readonly Candidate[]): string =>
	new Intl.ListFormat('en', { type: 'conjunction' }).format(machines.map(({ name }) => `“${name}”`));
