import { NumberInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { type GfsCounts, type GfsFlag, gfsFlag } from '../../../../engine/contract/index.ts';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

const gfsLabels: Record<GfsFlag, string> = { weekly: 'Weekly', monthly: 'Monthly', yearly: 'Yearly' };
const noGfs: GfsCounts = { weekly: 0, monthly: 0, yearly: 0 };

/** Which points stay: so many, so young, and the archives among them. */
export function Retention({ draft, change, errors, warnings }: Pick<StepProps, 'draft' | 'change' | 'errors' | 'warnings'>): ReactNode {
	const setGfs = (flag: GfsFlag, count: number): void => {
		const gfs = { ...(draft.gfs ?? noGfs), [flag]: count };
		change({ gfs: gfsFlag.options.every((each) => gfs[each] === 0) ? null : gfs });
	};
	return (
		<>
			<div className={classes.numbers}>
				<NumberInput
					label="Restore points to keep, of each object"
					description="The newest ones."
					min={1}
					max={9999}
					value={draft.retainPoints}
					onChange={(value) => typeof value === 'number' && change({ retainPoints: value })}
					error={errors.retainPoints}
				/>
				<NumberInput
					label="And all that are younger than"
					description="A point goes when both rules let it go."
					placeholder="any age"
					suffix={draft.retainDays === 1 ? ' day' : ' days'}
					min={1}
					max={9999}
					value={draft.retainDays ?? ''}
					onChange={(value) => change({ retainDays: typeof value === 'number' ? value : null })}
					error={errors.retainDays}
				/>
			</div>
			{draft.method === 'forward' && (
				<fieldset className={classes.gfs}>
					<legend>Archive fulls to keep beyond that (GFS)</legend>
					<div className={classes.hint}>The first full of so many of the newest weeks, months and years. 0 keeps none.</div>
					<div className={classes.numbers}>
						{gfsFlag.options.map((flag) => (
							<NumberInput
								key={flag}
								label={gfsLabels[flag]}
								min={0}
								max={9999}
								value={draft.gfs?.[flag] ?? 0}
								onChange={(value) => typeof value === 'number' && setGfs(flag, value)}
								error={errors[`gfs.${flag}`]}
							/>
						))}
					</div>
					{errors.gfs && (
						<div className={classes.problem} role="alert">
							{errors.gfs}
						</div>
					)}
					{warnings.gfs && <div className={classes.warning}>{warnings.gfs}</div>}
				</fieldset>
			)}
		</>
	);
}
