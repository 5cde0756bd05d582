import type { ReactNode } from 'react';
import type { Relocking } from '../../../engine/contract/index.ts';
import classes from './keys.module.css';

/** Chains that a change of secrets has not reached. */
export const PendingChains = ({ pending, children }: { readonly pending: Relocking['pending']; readonly children: ReactNode }): ReactNode => (
	<section className={classes.pending} aria-label="Not yet changed">
		<p>{children}</p>
		<ul>
			{pending.map(({ chainId, repository, message }) => (
				<li key={`${repository} ${chainId}`}>
					<code>{chainId}</code> in {repository}: {message}
				</li>
			))}
		</ul>
	</section>
);
