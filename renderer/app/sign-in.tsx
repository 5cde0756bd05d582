import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { signIn } from '../client.ts';
import { ErrorPanel, type Failure } from '../ui/index.ts';
import classes from './sign-in.module.css';

export function SignIn(): ReactNode {
	const [token, setToken] = useState('');
	const [failure, setFailure] = useState<Failure | null>(null);
	const [isBusy, setBusy] = useState(false);
	const submit = async (event: FormEvent): Promise<void> => {
		event.preventDefault();
		setBusy(true);
		const problem = await signIn(token.trim());
		setBusy(false);
		// A fresh page opens a fresh connection, which carries the cookie.
		if (problem === null) location.reload();
		else setFailure(problem);
	};
	return (
		<main className={classes.page}>
			<form className={classes.form} onSubmit={(event) => void submit(event)}>
				<h1>Holdfast</h1>
				<p>This server asks for its access token. It was printed when the server started.</p>
				<PasswordInput
					label="Access token"
					size="sm"
					value={token}
					onChange={(event) => setToken(event.currentTarget.value)}
					autoComplete="current-password"
					data-autofocus
				/>
				{failure && <ErrorPanel failure={failure} />}
				<Button type="submit" size="sm" loading={isBusy} disabled={token.trim() === ''}>
					Sign in
				</Button>
			</form>
		</main>
	);
}
