import { Radio, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel } from '../../ui/index.ts';
import { type EncryptionChoice, keyTitle, shortId } from './encryption-choice.ts';
import classes from './keys.module.css';
import { PasswordFields } from './password-fields.tsx';

/** Asks how chains shall be encrypted. `none` is what having no key of one's own means there. */
export function EncryptionPart({
	choice,
	onChange,
	errors,
	none,
	note,
}: {
	readonly choice: EncryptionChoice;
	readonly onChange: (choice: EncryptionChoice) => void;
	readonly errors: Readonly<Record<string, string>>;
	readonly none: { readonly title: string; readonly text: string };
	/** What a change means for chains that are there. */
	readonly note?: string | null;
}): ReactNode {
	const trpc = useTRPC();
	const keys = useQuery(trpc.keys.list.queryOptions());
	const hasKeys = (keys.data ?? []).length > 0 || choice.mode === 'existing';
	const card = (mode: EncryptionChoice['mode'], title: string, text: string): ReactNode => (
		<Radio.Card value={mode} className={classes.card ?? ''} data-chosen={choice.mode === mode || undefined}>
			<Radio.Indicator size="xs" />
			<span className={classes.cardText}>
				<strong>{title}</strong>
				<span>{text}</span>
			</span>
		</Radio.Card>
	);
	return (
		<Radio.Group
			label="Encryption"
			value={choice.mode}
			onChange={(value) => onChange({ ...choice, mode: value as EncryptionChoice['mode'] })}
			error={errors.encryptionKeyId}
		>
			<div className={classes.cards}>
				{card('none', none.title, none.text)}
				{card('new', 'With a password of its own', 'Names, content and structure are hidden from whoever reads the backup files.')}
				{choice.mode === 'new' && (
					<div className={classes.cardBody}>
						<PasswordFields
							password={choice.password}
							repeated={choice.repeated}
							errors={{ password: errors['encryptionKeyId.password'], repeated: errors['encryptionKeyId.repeated'] }}
							onChange={(change) => onChange({ ...choice, ...change })}
						/>
						<p className={classes.warn}>
							Who loses both the password and the recovery key loses these backups: nobody else can open them. The recovery key is shown once, after saving.
						</p>
					</div>
				)}
				{hasKeys && card('existing', 'With a key that exists', 'The same password and recovery key open the backups of all its users.')}
				{choice.mode === 'existing' && (
					<div className={classes.cardBody}>
						<Select
							label="Key"
							placeholder="Choose a key"
							data={withChosen(
								(keys.data ?? []).map((key) => ({ value: key.id, label: `${keyTitle(key)} (${shortId(key.id)})` })),
								choice.keyId,
							)}
							value={choice.keyId}
							onChange={(keyId) => onChange({ ...choice, keyId })}
							error={errors['encryptionKeyId.key']}
							allowDeselect={false}
						/>
					</div>
				)}
			</div>
			{keys.error ? <ErrorPanel failure={errorShapeOf(keys.error)} onRetry={() => void keys.refetch()} /> : null}
			{note ? <p className={classes.note}>{note}</p> : null}
		</Radio.Group>
	);
}

type Option = { readonly value: string; readonly label: string };
/** A key that is chosen and not in the list (any more) stands there all the same: it must not look like none. */
const withChosen = (options: readonly Option[], keyId: string | null): Option[] =>
	keyId === null || options.some(({ value }) => value === keyId) ? [...options] : [...options, { value: keyId, label: `Key ${shortId(keyId)}` }];
