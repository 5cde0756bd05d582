import type { ReactNode } from 'react';
import { errorShapeOf } from '../client.ts';
import { ErrorPanel } from '../ui/index.ts';
import classes from './loaded.module.css';

type Asked<T> = { readonly data: T | undefined; readonly error: unknown; readonly refetch: () => unknown };

/** What a query gave: its data even when a later try failed, its error with "try again", quiet lines while it is first awaited. */
export function Loaded<T>({
	query,
	children,
	lines = 3,
}: {
	readonly query: Asked<T>;
	readonly children: (data: T) => ReactNode;
	readonly lines?: number;
}): ReactNode {
	if (query.data !== undefined) return children(query.data);
	if (query.error)
		return (
			<div className={classes.pad}>
				<ErrorPanel failure={errorShapeOf(query.error)} onRetry={() => query.refetch()} />
			</div>
		);
	return (
		<div className={classes.pad} aria-busy>
			{Array.from({ length: lines }, (_, i) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: lines are alike
				<div key={i} className={classes.line} style={{ width: `${60 - i * 12}%` }} />
			))}
		</div>
	);
}
