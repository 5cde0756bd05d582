import { Button, Group, Modal, NumberInput, SegmentedControl, Switch, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ErrorShape, ThrottleRule, ThrottleSettings } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { bytesPerSecOf, type Conflict, ErrorPanel, formatLimit, megabytesPerSecOf, type SettingRow, StaleRevision } from '../../ui/index.ts';
import classes from './infrastructure.module.css';
import { windowsText } from './rule-words.ts';
import { type DraftWindow, draftOf, officeHours, WindowFields, windowsOf } from './window-fields.tsx';

/** Adds a rule, or changes one. What the server says of a field stands beside it. */
export function ThrottleDialog({ rule, onClose }: { readonly rule: ThrottleRule | null; readonly onClose: () => void }): ReactNode {
	return (
		<Modal opened onClose={onClose} title={rule ? `Edit “${rule.settings.name}”` : 'Add throttling rule'} size={640} centered>
			<Body rule={rule} onClose={onClose} />
		</Modal>
	);
}

const fields = ['name', 'from', 'to', 'bytesPerSec'] as const;
type Field = (typeof fields)[number];
const fieldOf = ({ code, data }: ErrorShape): Field | null => {
	if (code === 'exists.name') return 'name';
	const named = String(data?.field ?? '').split('.');
	return fields.find((field) => named.includes(field)) ?? null;
};

function Body({ rule, onClose }: { readonly rule: ThrottleRule | null; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	// what is edited is what was there when the dialog opened, whatever the page hears meanwhile
	const [base] = useState(rule);
	const [name, setName] = useState(base?.settings.name ?? '');
	const [from, setFrom] = useState(base?.settings.from ?? '');
	const [to, setTo] = useState(base?.settings.to ?? '');
	const [limit, setLimit] = useState<number | ''>(base ? megabytesPerSecOf(base.settings.bytesPerSec) : '');
	const [enabled, setEnabled] = useState(base?.settings.enabled ?? true);
	const [isAlways, setAlways] = useState((base?.settings.windows.length ?? 0) === 0);
	const [windows, setWindows] = useState<readonly DraftWindow[]>(
		base && base.settings.windows.length > 0 ? base.settings.windows.map(draftOf) : [officeHours()],
	);
	const [hasTried, setTried] = useState(false);
	const [failure, setFailure] = useState<ErrorShape | null>(null);
	const [conflict, setConflict] = useState<Conflict<ThrottleRule> | null>(null);
	const add = useMutation(trpc.throttles.add.mutationOptions());
	const update = useMutation(trpc.throttles.update.mutationOptions());
	const isSaving = add.isPending || update.isPending;

	const save = async (settings: ThrottleSettings, revision: number | undefined): Promise<void> => {
		setFailure(null);
		try {
			if (base && revision !== undefined) await update.mutateAsync({ id: base.id, revision, settings });
			else await add.mutateAsync(settings);
			void queryClient.invalidateQueries(trpc.throttles.pathFilter());
			onClose();
		} catch (error) {
			const shape = errorShapeOf(error);
			const current = shape.data?.current as ThrottleRule | undefined;
			if (shape.code === 'stale.revision' && current) setConflict({ current, mine: settings });
			else {
				setConflict(null);
				setFailure(shape);
			}
		}
	};
	const submit = (): void => {
		setTried(true);
		const chosen = isAlways ? [] : windowsOf(windows);
		if (chosen === null || limit === '') return;
		void save({ name: name.trim(), from: from.trim(), to: to.trim(), bytesPerSec: bytesPerSecOf(limit), windows: chosen, enabled }, base?.revision);
	};
	if (conflict)
		return (
			<StaleRevision
				rows={rows}
				conflict={conflict}
				isSaving={isSaving}
				onTakeTheirs={onClose}
				onSaveMine={() => void save(conflict.mine, conflict.current.revision)}
				onBack={() => setConflict(null)}
			/>
		);

	const at = failure && fieldOf(failure);
	const errorAt = (field: Field): ReactNode => {
		if (!failure || at !== field) return null;
		const message =
			failure.message.startsWith(`${field}: `) || failure.message.startsWith(`settings.${field}: `)
				? failure.message.slice(failure.message.indexOf(': ') + 2)
				: failure.message;
		return (
			<>
				{message} {failure.hint ? <span className={classes.hint}>{failure.hint}</span> : null}
			</>
		);
	};
	const typed =
		<T,>(set: (value: T) => void) =>
		(value: T): void => {
			set(value);
			setFailure(null);
		};
	const isMissing = name.trim() === '' || from.trim() === '' || to.trim() === '' || limit === '';
	return (
		<form
			className={classes.form}
			onSubmit={(event) => {
				event.preventDefault();
				submit();
			}}
		>
			<TextInput
				label="Name"
				required
				data-autofocus
				value={name}
				placeholder="Branch offices"
				onChange={(event) => typed(setName)(event.currentTarget.value)}
				error={errorAt('name')}
			/>
			<div>
				<Group grow align="flex-start">
					<TextInput
						label="Between"
						required
						value={from}
						placeholder="10.0.0.0/24"
						onChange={(event) => typed(setFrom)(event.currentTarget.value)}
						error={errorAt('from')}
					/>
					<TextInput
						label="and"
						required
						value={to}
						placeholder="10.8.0.1-10.8.0.254"
						onChange={(event) => typed(setTo)(event.currentTarget.value)}
						error={errorAt('to')}
					/>
				</Group>
				<p className={classes.note}>
					Ranges (first–last), networks (10.0.0.0/24) or single addresses, of version 4 or 6. The rule works both ways. Traffic that stays on the server has the
					address 127.0.0.1.
				</p>
			</div>
			<NumberInput
				label="Limit"
				required
				suffix=" MB/s"
				min={0.001}
				max={1_000_000}
				decimalScale={3}
				thousandSeparator
				hideControls
				value={limit}
				onChange={(value) => typed(setLimit)(typeof value === 'number' && value > 0 ? value : '')}
				error={errorAt('bytesPerSec')}
				description="All sessions that the rule catches share it."
			/>
			<div>
				<SegmentedControl
					aria-label="When"
					value={isAlways ? 'always' : 'times'}
					onChange={(value) => typed(setAlways)(value === 'always')}
					data={[
						{ value: 'always', label: 'Always' },
						{ value: 'times', label: 'At some times' },
					]}
				/>
				{isAlways ? null : <WindowFields windows={windows} onChange={typed(setWindows)} isStrict={hasTried} />}
			</div>
			<Switch label="Apply this rule" checked={enabled} onChange={(event) => typed(setEnabled)(event.currentTarget.checked)} />
			{failure && at === null ? <ErrorPanel failure={failure} /> : null}
			<Group justify="flex-end" gap="xs" mt={4}>
				<Button variant="default" onClick={onClose}>
					Close
				</Button>
				<Button type="submit" loading={isSaving} disabled={isMissing}>
					{base ? 'Save' : 'Add'}
				</Button>
			</Group>
		</form>
	);
}

const rows: readonly SettingRow<ThrottleSettings>[] = [
	{ label: 'Name', text: ({ name }) => name },
	{ label: 'Between', text: ({ from }) => from },
	{ label: 'and', text: ({ to }) => to },
	{ label: 'Limit', text: ({ bytesPerSec }) => formatLimit(bytesPerSec) },
	{ label: 'When', text: ({ windows }) => windowsText(windows) },
	{ label: 'Applied', text: ({ enabled }) => (enabled ? 'yes' : 'no') },
];
