import type { Protectable, SnapshotProvider } from './provider.ts';

/** What one provider says of one volume. */
export type Offer = { readonly provider: SnapshotProvider; readonly protectable: Protectable };

const instantRank = { set: 0, volume: 1, file: 2 } as const;

/** Hardware first (SNAP-05), then what shows the most at one instant; else in the order in which providers are known. Those that can do nothing stand last. */
export const rankOffers = (offers: readonly Offer[]): readonly Offer[] => offers.toSorted((a, b) => rank(a) - rank(b));

const rank = ({ provider: { capabilities }, protectable }: Offer): number =>
	(protectable.can ? 0 : 100) + (capabilities.isHardware ? 0 : 10) + instantRank[capabilities.instant];

export type Choice = { readonly provider: SnapshotProvider } | { readonly provider: null; readonly reason: string };

/** @param wanted `auto`, or the name of a provider */
export function chooseProvider(volumeId: string, offers: readonly Offer[], wanted: string): Choice {
	if (wanted === 'none') return { provider: null, reason: `${volumeId} is to be read live.` };
	const ranked = rankOffers(offers);
	if (wanted !== 'auto') {
		const offer = ranked.find(({ provider }) => provider.name === wanted);
		if (offer === undefined) return { provider: null, reason: `There is no snapshot provider ${wanted}.` };
		return offer.protectable.can ? offer : { provider: null, reason: `${wanted} cannot make a snapshot of ${volumeId}: ${offer.protectable.reason}` };
	}
	const best = ranked.find(({ protectable }) => protectable.can);
	if (best !== undefined) return best;
	// a provider whose kind of volume this is has more to say than one that never could
	return { provider: null, reason: `No provider can make a snapshot of ${volumeId}.` };
}
