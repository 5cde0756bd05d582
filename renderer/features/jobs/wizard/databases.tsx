import { Select } from '@mantine/core';
import type { ReactNode } from 'react';
import { type DatabaseChoice, type DatabaseKind, databaseFacts, databaseKinds } from '../../../../engine/contract/index.ts';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

const words = { include: 'Included', exclude: 'Excluded' } as const;

/** What becomes of databases that are met in folders, and that no application above holds still. */
export function Databases({ draft, change }: Pick<StepProps, 'draft' | 'change'>): ReactNode {
	const set = (kind: DatabaseKind, choice: DatabaseChoice | null): void => {
		const { [kind]: _, ...others } = draft.databases;
		change({ databases: choice === null ? others : { ...others, [kind]: choice } });
	};
	return (
		<section aria-label="Databases" className={classes.stack}>
			<h3>Databases in folders that none of these holds still</h3>
			<div className={classes.hint}>
				They are recognised by their files. What is done as usual is said as a warning of the session; what is chosen here is not.
			</div>
			<div className={classes.databases}>
				{databaseKinds.map((kind) => {
					const { title, usual, caution } = databaseFacts[kind];
					return (
						<Select
							key={kind}
							label={title}
							size="xs"
							allowDeselect={false}
							data={[
								{ value: 'usual', label: `As usual: ${words[usual].toLowerCase()}${caution === null ? '' : ', with a warning'}` },
								{ value: 'include', label: words.include },
								{ value: 'exclude', label: words.exclude },
							]}
							value={draft.databases[kind] ?? 'usual'}
							onChange={(value) => set(kind, value === 'include' || value === 'exclude' ? value : null)}
						/>
					);
				})}
			</div>
		</section>
	);
}
