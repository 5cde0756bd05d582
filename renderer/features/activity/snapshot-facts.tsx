import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { SnapshotUse } from '../../../engine/contract/index.ts';
import { useTRPC } from '../../client.ts';
import { Facts, formatFull } from '../../ui/index.ts';
import { askedText, consistencyMeaning, consistencyWord, readFromText, shownText } from '../restore/snapshot-words.ts';

/** What an object was read from, against what was asked for. `pointId`: the point that came of it says how consistent it is. */
export function SnapshotFacts({ use, pointId }: { readonly use: SnapshotUse; readonly pointId: string | null }): ReactNode {
	const trpc = useTRPC();
	const point = useQuery(trpc.points.get.queryOptions({ point: pointId ?? '' }, { enabled: pointId !== null }));
	const consistency = point.data?.consistency;
	return (
		<Facts
			rows={[
				['Asked for', askedText(use)],
				['Read from', `${readFromText(use)}: ${shownText(use)}`],
				['Read by', use.proxy ? `${use.proxy.name}, off-host` : null],
				['Why', use.reason || null],
				['Snapshot of', use.createdAt === null ? null : formatFull(use.createdAt)],
				['Held still', use.writers.length > 0 ? use.writers.join(', ') : 'nobody'],
				['Consistency', consistency ? `${consistencyWord[consistency]}: ${consistencyMeaning[consistency]}` : null],
			]}
		/>
	);
}
