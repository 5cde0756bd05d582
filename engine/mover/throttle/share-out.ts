/** What a claim gets: bytes per second, and the limit that holds it there; null and null where no limit applies. */
export type Allotment<Id> = { readonly bytesPerSec: number; readonly heldBy: Id } | { readonly bytesPerSec: null; readonly heldBy: null };

/**
 * Divides limits among claims, each of which is under some of them: every limit in equal parts, and what one claim cannot use because another
 * limit holds it lower goes to the others (max-min fairness by progressive filling; Bertsekas and Gallager, Data Networks, 6.5.2).
 * No limit is ever given out more than once; no claim gets less than a byte per second.
 */
export function shareOut<Id>(limits: ReadonlyMap<Id, number>, claims: readonly (readonly Id[])[]): Allotment<Id>[] {
	const allotments: Allotment<Id>[] = claims.map(() => ({ bytesPerSec: null, heldBy: null }));
	const left = new Map(limits);
	const open = new Set(claims.keys());
	const isUnder = (claim: number, id: Id): boolean => claims[claim]?.includes(id) ?? false;
	for (;;) {
		let tightest: { readonly id: Id; readonly part: number; readonly members: readonly number[] } | null = null;
		for (const [id, bytesPerSec] of left) {
			const members = [...open].filter((claim) => isUnder(claim, id));
			const part = Math.max(1, Math.floor(bytesPerSec / members.length));
			if (members.length > 0 && (tightest === null || part < tightest.part)) tightest = { id, part, members };
		}
		if (tightest === null) return allotments;
		const { id: heldBy, part, members } = tightest;
		for (const claim of members) {
			allotments[claim] = { bytesPerSec: part, heldBy };
			open.delete(claim);
			for (const [id, bytesPerSec] of left) if (isUnder(claim, id)) left.set(id, Math.max(0, bytesPerSec - part));
		}
		left.delete(heldBy);
	}
}
