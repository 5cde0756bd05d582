import type { ReactNode } from 'react';
import type { Overview, ProtectedObject } from '../../../engine/contract/index.ts';
import { formatNumber, plural, StatusIcon, TimeAgo } from '../../ui/index.ts';
import classes from './answers.module.css';

type ObjectState = ProtectedObject['state'];
const order: readonly ObjectState[] = ['protected', 'failing', 'overdue', 'never', 'paused'];
const words: Record<ObjectState, string> = { protected: 'protected', failing: 'failing', overdue: 'overdue', never: 'never backed up', paused: 'paused' };

/** The three questions, answered without a click. */
export function Answers({ overview }: { readonly overview: Overview }): ReactNode {
	const { objects, attention } = overview;
	const counts = Map.groupBy(objects, ({ state }) => state);
	const count = (state: ObjectState): number => counts.get(state)?.length ?? 0;
	const wanted = objects.length - count('paused');
	const isAll = count('protected') + count('failing') === wanted;
	const unproven = objects.filter(({ lastPointAt, lastVerifiedAt }) => lastPointAt !== null && lastVerifiedAt === null).length;
	const errors = attention.filter(({ severity }) => severity === 'error').length;
	return (
		<div className={classes.answers}>
			<section className={classes.answer} aria-label="Is everything protected?">
				<div className={classes.question}>Is everything protected?</div>
				<div className={classes.headline}>
					<StatusIcon status={isAll ? 'success' : 'overdue'} size={20} />
					{isAll
						? `Yes, ${objects.length === 1 ? 'the one object' : `all ${formatNumber(wanted)} objects`}`
						: `${formatNumber(wanted - count('protected') - count('failing'))} of ${plural(wanted, 'object')} ${wanted - count('protected') - count('failing') === 1 ? 'is' : 'are'} not`}
				</div>
				<div className={classes.bar} role="img" aria-label={order.map((state) => `${count(state)} ${words[state]}`).join(', ')}>
					{order.map((state) => count(state) > 0 && <span key={state} data-state={state} style={{ flexGrow: count(state) }} />)}
				</div>
				<div className={classes.detail}>
					{order
						.filter((state) => count(state) > 0)
						.map((state) => (
							<span key={state} className={classes.key} data-state={state}>
								{formatNumber(count(state))} {words[state]}
							</span>
						))}
				</div>
			</section>
			<section className={classes.answer} aria-label="When was it last proven restorable?">
				<div className={classes.question}>Last proven restorable</div>
				<div className={classes.headline}>
					<StatusIcon status={overview.lastVerifiedAt === null ? 'never' : 'success'} size={20} />
					<TimeAgo at={overview.lastVerifiedAt} none="Not yet" />
				</div>
				<div className={classes.detail}>
					{unproven === 0
						? 'Every object has been read back in full at least once.'
						: `${plural(unproven, 'object')} ${unproven === 1 ? 'was' : 'were'} never read back. Verify a point of each.`}
				</div>
			</section>
			<section className={classes.answer} aria-label="What needs me now?">
				<div className={classes.question}>What needs me now?</div>
				<div className={classes.headline}>
					<StatusIcon status={errors > 0 ? 'failed' : attention.length > 0 ? 'warning' : 'success'} size={20} />
					{attention.length === 0 ? 'Nothing' : plural(attention.length, 'thing')}
				</div>
				<div className={classes.detail}>
					{attention.length === 0
						? 'No run failed, nothing is overdue, there is room.'
						: [errors > 0 && `${formatNumber(errors)} serious`, attention.length > errors && `${formatNumber(attention.length - errors)} to look at`]
								.filter(Boolean)
								.join(', ')}
				</div>
			</section>
		</div>
	);
}
