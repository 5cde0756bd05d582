import { Radio } from '@mantine/core';
import { type ReactNode, useRef } from 'react';
import { type ChainMethod, chainMethod } from '../../../../engine/contract/index.ts';
import { methodWords } from '../job-words.ts';
import type { Draft } from './draft.ts';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

type Io = 'read' | 'write';
/**
 * What a method asks of the repository for a block that has changed. Reverse incremental appends the new block to the full, reads the old one there
 * and writes it into the file beside it. Forever forward writes an increment, and at the merge reads the block there and writes it into the full.
 */
const methods: Record<ChainMethod, { readonly does: string; readonly inRun: readonly Io[]; readonly atMerge: readonly Io[]; readonly room: string }> = {
	forward: {
		does: 'A full, then increments with what has changed. From time to time a new full begins a new chain, and the old one goes as a whole.',
		inRun: ['write'],
		atMerge: [],
		room: 'two fulls while chains overlap',
	},
	'forever-forward': {
		does: 'One full, then increments for ever. What is too old is merged into the full after the run, so there is never a second one.',
		inRun: ['write'],
		atMerge: ['read', 'write'],
		room: 'one full',
	},
	reverse: {
		does: 'The full is always the newest state, so that restoring it is fastest. Each run puts what it replaces into a file for the older point.',
		inRun: ['write', 'read', 'write'],
		atMerge: [],
		room: 'one full',
	},
};

const plain = (io: readonly Io[]): string => {
	const count = (kind: Io): number => io.filter((each) => each === kind).length;
	return (['read', 'write'] as const)
		.filter((kind) => count(kind) > 0)
		.map((kind) => `${count(kind)} ${kind}${count(kind) === 1 ? '' : 's'}`)
		.join(' and ');
};

export function MethodChoice({ draft, change, errors }: Pick<StepProps, 'draft' | 'change' | 'errors'>): ReactNode {
	const { method } = draft;
	const isForward = method === 'forward';
	// What only forward incremental has comes back when somebody looks at another method and returns.
	const forwardOnly = useRef<Pick<Draft, 'differential' | 'syntheticFull' | 'gfs'>>(draft);
	const choose = (next: ChainMethod): void => {
		if (isForward) forwardOnly.current = draft;
		const { differential, syntheticFull, gfs } = forwardOnly.current;
		change({ method: next, ...(next === 'forward' ? { differential, syntheticFull, gfs } : { differential: false, syntheticFull: null, gfs: null }) });
	};
	return (
		<Radio.Group
			label="Method"
			description="How the chain of backup files grows. Restoring works the same with each."
			value={method}
			onChange={(value) => choose(value as ChainMethod)}
			error={errors.method ?? (isForward ? undefined : (errors.differential ?? errors.syntheticFull ?? errors.gfs))}
		>
			<div className={classes.repositories}>
				{chainMethod.options.map((each) => (
					<Radio.Card key={each} value={each} className={classes.repository ?? ''} data-chosen={each === method || undefined}>
						<Radio.Indicator size="xs" />
						<span className={classes.repositoryText}>
							<strong>{methodWords[each]}</strong>
							<span>{methods[each].does}</span>
						</span>
						<Cost method={each} />
					</Radio.Card>
				))}
			</div>
		</Radio.Group>
	);
}

function Cost({ method }: { readonly method: ChainMethod }): ReactNode {
	const { inRun, atMerge, room } = methods[method];
	return (
		<span className={classes.cost}>
			<span className={classes.costTotal}>
				{inRun.length}
				{atMerge.length > 0 && ` + ${atMerge.length}`} I/O <span>per changed block</span>
			</span>
			<span>{plain(inRun)} in the run</span>
			{atMerge.length > 0 && <span>{plain(atMerge)} at the merge</span>}
			<span>Room for {room}</span>
		</span>
	);
}
