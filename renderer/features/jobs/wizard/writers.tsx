import { ActionIcon, Button, NumberInput, Select, TextInput } from '@mantine/core';
import { IconArrowUp, IconPlus, IconX } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';
import { guestWriterKinds, isScript, type WriterFields, type WriterKind, writerKinds, writerLooks, writerParts, writerText } from './writer-spec.ts';

const empty = (kind: WriterKind): WriterFields => ({ kind, place: writerLooks[kind].usual, timeoutS: null, accept: '' });

const lists = {
	writers: {
		label: 'Applications that hold still',
		heading: 'Applications that hold still while the snapshot is made',
		none: 'None. A database whose files are read without it comes back as after a power cut: most recover from that, from a snapshot of one instant, by their logs.',
		add: 'Add an application',
		kinds: writerKinds,
		first: 'script',
	},
	guestWriters: {
		label: 'Scripts in guests',
		heading: 'Scripts in guests that hold applications still while the snapshot is made',
		none: 'None. Guests are only asked to hold their file systems still: databases in them come back as after a power cut. Nothing else in them is contacted.',
		add: 'Add a script in guests',
		kinds: guestWriterKinds,
		first: 'agent',
	},
} as const;

/** Applications that hold still, in the order in which they are frozen. The engine looks at each when the step is left. */
export function Writers({ of, draft, change, errors, warnings }: StepProps & { readonly of: keyof typeof lists }): ReactNode {
	const list = lists[of];
	const writers = draft[of];
	const [typed, setTyped] = useState<WriterFields>(empty(list.first));
	const look = writerLooks[typed.kind];
	const spec = writerText(typed);
	const isNew = typed.place.trim() !== '' && !writers.includes(spec);
	const add = (): void => {
		if (!isNew) return;
		change({ [of]: [...writers, spec] });
		setTyped(empty(typed.kind));
	};
	// Enter adds what is typed; it does not leave the step with it forgotten.
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.key !== 'Enter' || typed.place.trim() === '') return;
		event.preventDefault();
		add();
	};
	const moveUp = (i: number): void => change({ [of]: [...writers.slice(0, i - 1), writers[i] as string, writers[i - 1] as string, ...writers.slice(i + 1)] });
	return (
		<section aria-label={list.label} className={classes.stack}>
			<h3>{list.heading}</h3>
			{writers.length === 0 ? (
				<div className={classes.hint}>{list.none}</div>
			) : (
				<ul className={classes.chosen}>
					{writers.map((writer, i) => {
						const { title, place, note } = writerParts(writer);
						const problem = errors[`${of}.${i}`];
						return (
							<li key={writer}>
								<div className={classes.chosenText}>
									<div className={classes.chosenPath}>
										<span>{title}</span> {place} {note === '' ? null : <span>{note}</span>}
									</div>
									{problem ? (
										<div className={classes.problem} role="alert">
											{problem}
										</div>
									) : null}
								</div>
								{i > 0 ? (
									<ActionIcon variant="subtle" color="gray" size="sm" onClick={() => moveUp(i)} aria-label={`Freeze ${place} earlier`}>
										<IconArrowUp size={14} />
									</ActionIcon>
								) : null}
								<ActionIcon
									variant="subtle"
									color="gray"
									size="sm"
									onClick={() => change({ [of]: writers.filter((each) => each !== writer) })}
									aria-label={`Do not ask ${place}`}
								>
									<IconX size={14} />
								</ActionIcon>
							</li>
						);
					})}
				</ul>
			)}
			{errors[of] ? (
				<div className={classes.problem} role="alert">
					{errors[of]}
				</div>
			) : null}
			{warnings[of] ? <div className={classes.warning}>{warnings[of]}</div> : null}
			<fieldset className={classes.writer} onKeyDown={onKeyDown} aria-label={list.add}>
				<Select
					label="Kind"
					w={170}
					data={list.kinds.map((kind) => ({ value: kind, label: writerLooks[kind].title }))}
					value={typed.kind}
					allowDeselect={false}
					onChange={(kind) => kind && setTyped(empty(kind as WriterKind))}
				/>
				<TextInput
					label={look.placeLabel}
					className={classes.grow ?? ''}
					placeholder={look.placeholder}
					value={typed.place}
					onChange={(event) => setTyped({ ...typed, place: event.currentTarget.value })}
				/>
				{isScript(typed.kind) ? (
					<>
						<NumberInput
							label="At most"
							w={110}
							placeholder="60 s"
							suffix=" s"
							min={1}
							max={3600}
							allowDecimal={false}
							value={typed.timeoutS ?? ''}
							onChange={(value) => setTyped({ ...typed, timeoutS: typeof value === 'number' ? value : null })}
						/>
						<TextInput
							label="Exit codes that are fine"
							w={160}
							placeholder="0"
							value={typed.accept}
							onChange={(event) => setTyped({ ...typed, accept: event.currentTarget.value })}
						/>
					</>
				) : null}
				<Button variant="light" leftSection={<IconPlus size={15} />} disabled={!isNew} onClick={add}>
					Add
				</Button>
			</fieldset>
			<div className={classes.hint}>{look.does}</div>
		</section>
	);
}
