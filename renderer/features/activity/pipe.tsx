import { IconBolt, IconChevronRight } from '@tabler/icons-react';
import { Fragment, type ReactNode } from 'react';
import { type Bottleneck, describeWhatIf, type SessionKind } from '../../../engine/contract/index.ts';
import classes from './pipe.module.css';
import { stageAdvice, stages, stageWord } from './session-words.ts';

/** The way of a byte as four stages, each with its share of busy time; the one that holds the others back stands out, with its reason. */
export function Pipe({
	bottleneck,
	kind,
	isLive,
}: {
	readonly bottleneck: Bottleneck | null;
	readonly kind: SessionKind;
	readonly isLive: boolean;
}): ReactNode {
	const isThrottled = bottleneck?.stage === 'throttling';
	const whatIf = bottleneck && describeWhatIf(bottleneck);
	const held = bottleneck?.throttledPercent ?? 0;
	return (
		<section className={classes.pipe} aria-label="Where the time goes">
			<div className={classes.stages}>
				{stages.map(({ id, title }, index) => {
					const what = stageWord(kind, id);
					const percent = bottleneck ? Math.round(Math.min(100, Math.max(0, bottleneck.busyPercent[id]))) : null;
					const isSlowest = bottleneck?.stage === id;
					return (
						<Fragment key={id}>
							{index > 0 ? <IconChevronRight className={classes.arrow} size={16} aria-hidden /> : null}
							<div className={classes.stage} data-slowest={isSlowest || undefined} title={`${title}: ${what}`}>
								<div className={classes.title}>
									{title}
									{isSlowest ? <IconBolt size={14} role="img" aria-label="Bottleneck" /> : null}
									<strong>{percent === null ? '–' : `${percent} %`}</strong>
								</div>
								<div className={classes.track} aria-hidden>
									<div className={classes.busy} style={{ width: `${percent ?? 0}%` }} />
								</div>
								<div className={classes.what}>{what}</div>
							</div>
						</Fragment>
					);
				})}
			</div>
			<p className={classes.reason} aria-live="polite">
				{bottleneck ? (
					<>
						<strong>{headline(bottleneck, isThrottled, isLive)}</strong> {bottleneck.reason || stageAdvice(bottleneck.stage)}
						{whatIf ? <span className={classes.whatIf}> {whatIf}</span> : null}
						{held > 0 ? <span className={classes.advice}> {`Held back by a limit for ${held} % of the time.`}</span> : null}
					</>
				) : isLive ? (
					'Measuring: the first figures come after a few seconds.'
				) : (
					'Nothing was measured in this session.'
				)}
			</p>
		</section>
	);
}

function headline({ stage }: Bottleneck, isThrottled: boolean, isLive: boolean): string {
	if (stage === 'none') return 'No bottleneck.';
	if (isThrottled) return isLive ? 'Held by a limit.' : 'Was held by a limit.';
	return `Bottleneck: ${stages.find(({ id }) => id === stage)?.title ?? stage}.`;
}
