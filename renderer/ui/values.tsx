import type { ReactNode } from 'react';
import { formatBytes, formatDuration, formatFull, formatNumber, formatRate, formatTimeAgo } from './format.ts';
import { useNow } from './now.ts';
import classes from './values.module.css';

/** What stands where a value is not known or does not apply. */
export const Unknown = ({ title = 'Not known' }: { readonly title?: string }): ReactNode => (
	<span className={classes.unknown} title={title}>
		–
	</span>
);

type ValueProps = { readonly value: number | null | undefined };
export const Bytes = ({ value }: ValueProps): ReactNode =>
	value == null ? (
		<Unknown />
	) : (
		<span className={classes.value} title={`${formatNumber(value)} bytes`}>
			{formatBytes(value)}
		</span>
	);
export const Rate = ({ value }: ValueProps): ReactNode => (value == null ? <Unknown /> : <span className={classes.value}>{formatRate(value)}</span>);
export const Duration = ({ value }: ValueProps): ReactNode => (value == null ? <Unknown /> : <span className={classes.value}>{formatDuration(value)}</span>);
export const Count = ({ value }: ValueProps): ReactNode => (value == null ? <Unknown /> : <span className={classes.value}>{formatNumber(value)}</span>);

/** "3 hours ago", "in 20 minutes"; the absolute time on hover. */
export function TimeAgo({ at, none = '–' }: { readonly at: number | null | undefined; readonly none?: string }): ReactNode {
	const now = useNow();
	if (at == null) return <span className={classes.unknown}>{none}</span>;
	return (
		<time className={classes.value} dateTime={new Date(at).toISOString()} title={formatFull(at)}>
			{formatTimeAgo(at, now)}
		</time>
	);
}
