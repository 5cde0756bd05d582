import { Button, Group, Modal, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { ErrorPanel, type Failure } from './panels.tsx';

export type ConfirmDialogProps = {
	readonly opened: boolean;
	readonly title: string;
	/** What happens, in a sentence. */
	readonly children: ReactNode;
	/** What will be lost, or what it costs, in numbers; one line each. */
	readonly losses?: readonly string[];
	/** Present when a lot is lost: the name that must be typed. */
	readonly confirmName?: string;
	readonly confirmLabel: string;
	/** Nothing is lost by it: the button does not alarm. */
	readonly isHarmless?: boolean;
	readonly isBusy?: boolean;
	readonly failure?: Failure | null;
	readonly onConfirm: () => void;
	readonly onClose: () => void;
};

export function ConfirmDialog(props: ConfirmDialogProps): ReactNode {
	return (
		<Modal opened={props.opened} onClose={props.onClose} title={props.title} size="md" centered>
			{/* Mounted with the dialog, so that a name typed once is not there the next time. */}
			<Body {...props} />
		</Modal>
	);
}

function Body({
	children,
	losses = [],
	confirmName,
	confirmLabel,
	isHarmless = false,
	isBusy = false,
	failure,
	onConfirm,
	onClose,
}: ConfirmDialogProps): ReactNode {
	const [typed, setTyped] = useState('');
	const isReady = confirmName === undefined || typed.trim() === confirmName;
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (isReady && !isBusy) onConfirm();
			}}
		>
			<div>{children}</div>
			{losses.length > 0 && (
				<ul style={{ margin: '10px 0 0', paddingInlineStart: 20 }}>
					{losses.map((loss) => (
						<li key={loss}>{loss}</li>
					))}
				</ul>
			)}
			{confirmName !== undefined && (
				<TextInput
					mt="md"
					data-autofocus
					label={`Type “${confirmName}” to go on`}
					value={typed}
					onChange={(event) => setTyped(event.currentTarget.value)}
					autoComplete="off"
				/>
			)}
			{failure && (
				<div style={{ marginTop: 14 }}>
					<ErrorPanel failure={failure} />
				</div>
			)}
			<Group justify="flex-end" mt="lg" gap="xs">
				<Button variant="default" onClick={onClose}>
					{isHarmless ? 'Cancel' : 'Keep'}
				</Button>
				<Button type="submit" {...(!isHarmless && { color: 'red' })} disabled={!isReady} loading={isBusy}>
					{confirmLabel}
				</Button>
			</Group>
		</form>
	);
}
