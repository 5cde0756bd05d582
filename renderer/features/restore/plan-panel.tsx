import type { ReactNode } from 'react';
import { ErrorPanel, type Failure } from '../../ui/index.ts';
import classes from './plan-panel.module.css';

/** What a restore comes to, before anything is written; else why that cannot be told, or what is missing for it. */
export function PlanPanel({
	label,
	isBusy,
	children,
	failure,
	onRetry,
	waiting,
}: {
	readonly label: string;
	readonly isBusy: boolean;
	/** Null: there is no plan yet. */
	readonly children: ReactNode;
	/** Null: there is none, or it is shown elsewhere. */
	readonly failure: Failure | null;
	readonly onRetry: () => void;
	readonly waiting: ReactNode;
}): ReactNode {
	return (
		<section className={classes.plan} aria-label={label} aria-live="polite" aria-busy={isBusy}>
			{children ?? (failure ? <ErrorPanel failure={failure} onRetry={onRetry} /> : <p className={classes.waiting}>{waiting}</p>)}
		</section>
	);
}

export function PlanHeadline({ children }: { readonly children: ReactNode }): ReactNode {
	return <p className={classes.headline}>{children}</p>;
}
