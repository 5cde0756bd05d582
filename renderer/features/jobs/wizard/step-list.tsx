import { IconAlertCircleFilled, IconCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { DraftProblems } from '../../../../engine/contract/index.ts';
import { plural } from '../../../ui/index.ts';
import { methodWords, readingWord, sourcesText } from '../job-words.ts';
import { describeSchedule } from '../schedule-words.ts';
import { type Draft, errorsOf, type StepId, stepIds, stepTitles } from './draft.ts';
import classes from './wizard.module.css';

function digest(step: StepId, draft: Draft, repositoryName: string): string {
	switch (step) {
		case 'name':
			return draft.name;
		case 'what':
			return sourcesText(draft.sources);
		case 'where':
			return repositoryName;
		case 'chain':
			return `${methodWords[draft.method]}, ${plural(draft.retainPoints, 'point')}`;
		case 'consistency':
			return readingWord(draft);
		case 'schedule':
			return describeSchedule(draft.schedule);
		default:
			return '';
	}
}

export function StepList({
	current,
	visited,
	problems,
	draft,
	repositoryName,
	onStep,
}: {
	readonly current: StepId;
	readonly visited: ReadonlySet<StepId>;
	readonly problems: DraftProblems | null;
	readonly draft: Draft;
	/** Empty while it is not known. */
	readonly repositoryName: string;
	readonly onStep: (step: StepId) => void;
}): ReactNode {
	return (
		<nav className={classes.steps} aria-label="Steps">
			<ol>
				{stepIds.map((step, i) => {
					const isWrong = visited.has(step) && errorsOf(problems, step).length > 0;
					const isDone = visited.has(step) && step !== current && !isWrong;
					return (
						<li key={step}>
							<button
								type="button"
								onClick={() => onStep(step)}
								aria-current={step === current ? 'step' : undefined}
								data-done={isDone || undefined}
								data-wrong={isWrong || undefined}
							>
								<span className={classes.stepMark}>
									{isWrong ? <IconAlertCircleFilled size={18} aria-label="has errors" /> : isDone ? <IconCheck size={14} aria-label="done" /> : i + 1}
								</span>
								<span className={classes.stepText}>
									<span>{stepTitles[step]}</span>
									{visited.has(step) && digest(step, draft, repositoryName) !== '' && (
										<span className={classes.digest}>{digest(step, draft, repositoryName)}</span>
									)}
								</span>
							</button>
						</li>
					);
				})}
			</ol>
		</nav>
	);
}
