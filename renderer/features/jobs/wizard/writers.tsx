import { ActionIcon, Button, NumberInput, Select, TextInput } from '@mantine/core';
import { IconArrowUp, IconPlus, IconX } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';
import { type WriterFields, type WriterKind, writerKinds, writerLooks, writerParts, writerText } from './writer-spec.ts';

const empty = (kind: WriterKind): WriterFields => ({ kind, place: writerLooks[kind].usual, timeoutS: null, accept: '' });

/** Applications that hold still, in the order in which they are frozen. The engine looks at each when the step is left. */
export function Writers({ draft, change, errors, warnings }: StepProps): ReactNode {
	const { writers } = draft;
	const [typed, setTyped] = useState<WriterFields>(empty('script'));
	const look = writerLooks[typed.kind];
	const spec = writerText(typed);
	const isNew = typed.place.trim() !== '' && !writers.includes(spec);
	const add = (): void => {
		if (!isNew) return;
		change({ writers: [...writers, spec] });
		setTyped(empty(typed.kind));
	};
	// Enter adds what is typed; it does not leave the step with it forgotten.
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.key !== 'Enter' || typed.place.trim() === '') return;
		event.preventDefault();
		add();
	};
	const moveUp = (i: number): void =>
		change({ writers: [...writers.slice(0, i - 1), writers[i] as string, writers[i - 1] as string, ...writers.slice(i + 1)] });
	return (
		<section aria-label="Applications that hold still" className={classes.stack}>
			<h3>Applications that hold still while the snapshot is made</h3>
			{writers.length === 0 ? (
				<div className={classes.hint}>
					None. A database whose files are read without it comes back as after a power cut: most recover from that, from a snapshot of one instant, by their
					logs.
				</div>
			) : (
				<ul className={classes.chosen}>
					{writers.map((writer, i) => {
						const { title, place, note } = writerParts(writer);
						const problem = errors[`writers.${i}`];
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
									onClick={() => change({ writers: writers.filter((each) => each !== writer) })}
									aria-label={`Do not ask ${place}`}
								>
									<IconX size={14} />
								</ActionIcon>
							</li>
						);
					})}
				</ul>
			)}
			{errors.writers ? (
				<div className={classes.problem} role="alert">
					{errors.writers}
				</div>
			) : null}
			{warnings.writers ? <div className={classes.warning}>{warnings.writers}</div> : null}
			<fieldset className={classes.writer} onKeyDown={onKeyDown} aria-label="Add an application">
				<Select
					label="Kind"
					w={170}
					data={writerKinds.map((kind) => ({ value: kind, label: writerLooks[kind].title }))}
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
				{typed.kind === 'script' ? (
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
