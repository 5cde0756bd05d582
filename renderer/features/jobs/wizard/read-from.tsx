import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Volume } from '../../../../engine/contract/index.ts';
import { useTRPC } from '../../../client.ts';
import { formatNumber, StatusBadge } from '../../../ui/index.ts';
import type { Draft } from './draft.ts';
import { type Forecast, forecastReading } from './forecast-reading.ts';
import classes from './wizard.module.css';

const atMost = 8;

/** What the next run would read each source from, as volumes and devices are now. */
export function ReadFrom({ draft, volumes }: { readonly draft: Draft; readonly volumes: readonly Volume[] }): ReactNode {
	const trpc = useTRPC();
	const devices = useQuery(trpc.devices.list.queryOptions());
	const forecasts = forecastReading(draft, volumes, devices.data ?? []);
	if (forecasts.length === 0) return null;
	return (
		<section className={classes.readFrom} aria-label="What the next run reads from">
			<h3>As things are now, the next run reads</h3>
			<ul className={classes.chosen}>
				{forecasts.slice(0, atMost).map((forecast) => (
					<Line key={forecast.source} forecast={forecast} />
				))}
			</ul>
			{forecasts.length > atMost ? <div className={classes.sum}>and {formatNumber(forecasts.length - atMost)} more</div> : null}
		</section>
	);
}

const statuses = { snapshot: 'ready', partly: 'warning', live: 'warning', fails: 'failed' } as const;

function Line({ forecast: { source, outcome, text } }: { readonly forecast: Forecast }): ReactNode {
	return (
		<li>
			<span className={classes.chosenPath}>{source}</span>
			<StatusBadge status={statuses[outcome]}>{text}</StatusBadge>
		</li>
	);
}
