import { Radio, Select, Switch } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useRef } from 'react';
import type { QuiesceMode, Volume } from '../../../../engine/contract/index.ts';
import { useTRPC } from '../../../client.ts';
import { instantWords, providerTitle } from '../../inventory/index.ts';
import { quiesceWords } from '../job-words.ts';
import { Databases } from './databases.tsx';
import type { StepProps } from './job-wizard.tsx';
import { ReadFrom } from './read-from.tsx';
import { Reader } from './reader.tsx';
import classes from './wizard.module.css';
import { Writers } from './writers.tsx';

const none: readonly Volume[] = [];

/** What the data is read from, and who holds still for it. */
export function StepConsistency(props: StepProps): ReactNode {
	const { draft, change, errors } = props;
	const hasMachines = draft.sources.some(({ kind }) => kind === 'vm');
	const isOutside = draft.sources.length === 0 || draft.sources.some(({ kind }) => kind !== 'vm');
	const modes = (['online', 'offline', 'crash'] as const).filter((mode) => mode !== 'offline' || hasMachines || draft.quiesce === 'offline');
	return (
		<div className={classes.form} data-wide>
			<SnapshotMode {...props} />
			<Reader {...props} />
			<Radio.Group
				label="Applications and guests"
				description={hasMachines ? 'Guests of virtual machines are asked through their guest agent; scripts in them are named below.' : 'They are named below.'}
				value={draft.quiesce}
				onChange={(value) => change({ quiesce: value as QuiesceMode })}
				error={errors.quiesce}
			>
				<div className={classes.repositories}>
					{modes.map((mode) => (
						<Choice key={mode} value={mode} isChosen={draft.quiesce === mode} title={quiesceWords[mode].title} text={quiesceWords[mode].does} />
					))}
				</div>
			</Radio.Group>
			<Switch
				label="Fail rather than be less consistent than asked for"
				description="Otherwise the run goes on with what can be had: the point says how consistent it is, and the session why, as a warning."
				checked={draft.requireConsistent}
				onChange={(event) => change({ requireConsistent: event.currentTarget.checked })}
				error={errors.requireConsistent}
			/>
			{isOutside || draft.writers.length > 0 ? <Writers of="writers" {...props} /> : null}
			{hasMachines || draft.guestWriters.length > 0 ? <Writers of="guestWriters" {...props} /> : null}
			<Databases {...props} />
		</div>
	);
}

function SnapshotMode({ draft, change, errors }: StepProps): ReactNode {
	const trpc = useTRPC();
	const { data: volumes = none } = useQuery(trpc.volumes.list.queryOptions({ rescan: false }));
	const instants = new Map(volumes.flatMap(({ providers }) => providers.map(({ name, instant }) => [name, instant] as const)));
	const isNamed = draft.snapshot !== 'auto' && draft.snapshot !== 'none';
	const names = [...new Set([...instants.keys(), ...(isNamed ? [draft.snapshot] : [])])];
	// The provider comes back when somebody looks at another mode and returns.
	const named = useRef(isNamed ? draft.snapshot : null);
	const mode = isNamed ? 'named' : draft.snapshot;
	const choose = (next: string): void => {
		const snapshot = next === 'named' ? (named.current ?? names[0]) : next;
		if (snapshot !== undefined) change({ snapshot });
	};
	return (
		<div className={classes.stack}>
			<Radio.Group label="What folders and disks are read from" value={mode} onChange={choose} error={errors.snapshot}>
				<div className={classes.repositories}>
					<Choice
						value="auto"
						isChosen={mode === 'auto'}
						title="A snapshot, where one can be made"
						text="Each volume by the provider that shows most at one instant. What no provider can show is read live, and the point says so."
					/>
					<Choice
						value="named"
						isChosen={mode === 'named'}
						isDisabled={names.length === 0}
						title="A snapshot of one provider, or nothing"
						text="The run fails where that provider can do nothing: there is never a point that was read live."
					/>
					<Choice
						value="none"
						isChosen={mode === 'none'}
						title="Live"
						text="Files go on changing while they are read: they may not fit each other, as after a power cut. One that changes under the reading is read again once, then kept with a warning. Applications are not asked to hold still."
					/>
				</div>
			</Radio.Group>
			{isNamed ? (
				<Select
					label="Provider"
					data={names.map((name) => {
						const instant = instants.get(name);
						return { value: name, label: `${providerTitle(name)}${instant === undefined ? '' : `: ${instantWords[instant]}`}` };
					})}
					value={draft.snapshot}
					allowDeselect={false}
					onChange={(snapshot) => {
						if (snapshot === null) return;
						named.current = snapshot;
						change({ snapshot });
					}}
				/>
			) : null}
			<ReadFrom draft={draft} volumes={volumes} />
		</div>
	);
}

function Choice({
	value,
	title,
	text,
	isChosen,
	isDisabled = false,
}: {
	readonly value: string;
	readonly title: string;
	readonly text: string;
	readonly isChosen: boolean;
	readonly isDisabled?: boolean;
}): ReactNode {
	return (
		<Radio.Card value={value} className={classes.repository ?? ''} data-chosen={isChosen || undefined} disabled={isDisabled}>
			<Radio.Indicator size="xs" />
			<span className={classes.repositoryText}>
				<strong>{title}</strong>
				<span>{text}</span>
			</span>
		</Radio.Card>
	);
}
