import type { ReactNode } from 'react';
import type { Overview, ProtectedObject } from '../../../engine/contract/index.ts';
import { formatNumber, plural, StatusIcon, TimeAgo } from '../../ui/index.ts';
import classes from './answers.module.css';
import { VerifyNewest } from './verify-newest.tsx';

type ObjectState = ProtectedObject['state'];
const order: readonly ObjectState[] = ['protected', 'failing', 'overdue', 'never', 'paused'];
const words: Record<ObjectState, string> = { protected: 'protected', failing: 'failing', overdue: 'overdue', never: 'never backed up', paused: 'paused' };

/** The three questions, answered without a click. */
export function Answers({ overview }: { readonly overview: Overview }): ReactNode {
	const { objects, attention } = overview;
	const counts = Map.groupBy(objects, ({ state }) => state);
	const count = (state: ObjectState): number => counts.get(state)?.length ?? 0;
	const wanted = objects.length - count('paused');
	const safe = count('protected') + count('failing');
	const unsafe = wanted - safe;
	const held = objects.filter(({ lastPointAt }) => lastPointAt !== null);
	const unproven = held.filter(({ lastVerifiedAt }) => lastVerifiedAt === null);
	const errors = attention.filter(({ severity }) => severity === 'error').length;
	return (
		<div className={classes.answers}>
			<section className={classes.answer} aria-label="Is everything protected?">
				<div className={classes.question}>Is everything protected?</div>
				<div className={classes.headline}>
					<StatusIcon status={unsafe > 0 ? 'overdue' : count('failing') > 0 ? 'warning' : wanted === 0 ? 'paused' : 'success'} size={20} />
					{unsafe > 0
						? `${formatNumber(unsafe)} of ${plural(wanted, 'object')} ${unsafe === 1 ? 'is' : 'are'} not`
						: wanted === 0
							? 'Every job is paused'
							: `Yes, ${wanted === 1 ? 'the one object' : `all ${formatNumber(wanted)} objects`}${count('failing') > 0 ? ', for now' : ''}`}
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
					<StatusIcon status={overview.lastVerifiedAt === null ? 'never' : unproven.length > 0 ? 'warning' : 'success'} size={20} />
					<TimeAgo at={overview.lastVerifiedAt} none="Not yet" />
				</div>
				<div className={classes.detail}>
					{held.length === 0 ? (
						'There is no restore point yet that could be read back.'
					) : unproven.length === 0 ? (
						'Every object has been read back in full at least once.'
					) : (
						<>
							{overview.lastVerifiedAt === null
								? `None of ${plural(held.length, 'object')} was ever read back.`
								: `${formatNumber(unproven.length)} of ${plural(held.length, 'object')} ${unproven.length === 1 ? 'was' : 'were'} never read back.`}
							<VerifyNewest objects={unproven} />
						</>
					)}
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
