import type { ReactNode } from 'react';
import { Encryption } from './encryption.tsx';
import type { StepProps } from './job-wizard.tsx';
import { MethodChoice } from './method-choice.tsx';
import { NewFulls } from './new-fulls.tsx';
import { Outlook } from './outlook.tsx';
import { Retention } from './retention.tsx';
import classes from './wizard.module.css';

/** A part per question; each knows the fields of the draft that it asks for. */
export function StepChain(props: StepProps): ReactNode {
	return (
		<div className={classes.form} data-wide>
			<MethodChoice {...props} />
			<NewFulls {...props} />
			<Retention {...props} />
			<Encryption {...props} />
			<Outlook {...props} />
		</div>
	);
}
