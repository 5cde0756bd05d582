import { Textarea, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

export function StepName({ draft, change, errors }: StepProps): ReactNode {
	return (
		<div className={classes.form}>
			<TextInput
				label="Name"
				description="It names the folder of its backup files, too."
				data-autofocus
				required
				value={draft.name}
				onChange={(event) => change({ name: event.currentTarget.value })}
				error={errors.name}
				maxLength={80}
			/>
			<Textarea
				label="Description"
				description="For the colleague who looks at it in two years."
				autosize
				minRows={3}
				value={draft.description}
				onChange={(event) => change({ description: event.currentTarget.value })}
				error={errors.description}
			/>
		</div>
	);
}
