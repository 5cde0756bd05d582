import { PasswordInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { passwordAdvice } from './encryption-choice.ts';
import classes from './keys.module.css';

/** A password twice, with what to think of it. */
export function PasswordFields({
	password,
	repeated,
	errors,
	onChange,
	label = 'Password',
}: {
	readonly password: string;
	readonly repeated: string;
	readonly errors: { readonly password?: ReactNode; readonly repeated?: ReactNode };
	readonly onChange: (change: { readonly password?: string; readonly repeated?: string }) => void;
	readonly label?: string;
}): ReactNode {
	const advice = passwordAdvice(password);
	return (
		<div className={classes.passwords}>
			<PasswordInput
				label={label}
				value={password}
				onChange={(event) => onChange({ password: event.currentTarget.value })}
				error={errors.password}
				autoComplete="new-password"
				data-autofocus
			/>
			<PasswordInput
				label="The same again"
				value={repeated}
				onChange={(event) => onChange({ repeated: event.currentTarget.value })}
				error={errors.repeated}
				autoComplete="new-password"
			/>
			{advice && (
				<div className={classes.advice} data-good={advice.isGood || undefined} aria-live="polite">
					{advice.text}
				</div>
			)}
		</div>
	);
}
