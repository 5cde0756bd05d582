import {
	IconAlertTriangleFilled,
	IconBan,
	IconCircleCheckFilled,
	IconCircleDashed,
	IconCircleXFilled,
	IconClockExclamation,
	IconClockPause,
	IconLoader2,
	IconPlayerPauseFilled,
	IconPlugConnectedX,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './status.module.css';

/** Every state that anything in the console can be in. Colour, icon and word always go together. */
const looks = {
	success: { word: 'Success', tone: 'ok', Icon: IconCircleCheckFilled },
	protected: { word: 'Protected', tone: 'ok', Icon: IconCircleCheckFilled },
	ready: { word: 'Ready', tone: 'ok', Icon: IconCircleCheckFilled },
	warning: { word: 'Warning', tone: 'warn', Icon: IconAlertTriangleFilled },
	overdue: { word: 'Overdue', tone: 'warn', Icon: IconClockExclamation },
	failed: { word: 'Failed', tone: 'bad', Icon: IconCircleXFilled },
	failing: { word: 'Failing', tone: 'bad', Icon: IconCircleXFilled },
	damaged: { word: 'Damaged', tone: 'bad', Icon: IconCircleXFilled },
	full: { word: 'Full', tone: 'bad', Icon: IconCircleXFilled },
	unreachable: { word: 'Unreachable', tone: 'bad', Icon: IconPlugConnectedX },
	interrupted: { word: 'Interrupted', tone: 'bad', Icon: IconPlugConnectedX },
	running: { word: 'Running', tone: 'busy', Icon: IconLoader2 },
	busy: { word: 'Busy', tone: 'busy', Icon: IconLoader2 },
	cancelling: { word: 'Cancelling', tone: 'busy', Icon: IconLoader2 },
	queued: { word: 'Queued', tone: 'quiet', Icon: IconClockPause },
	cancelled: { word: 'Cancelled', tone: 'quiet', Icon: IconBan },
	never: { word: 'Never ran', tone: 'quiet', Icon: IconCircleDashed },
	paused: { word: 'Paused', tone: 'quiet', Icon: IconPlayerPauseFilled },
} as const;

export type Status = keyof typeof looks;
export const statusWord = (status: Status): string => looks[status].word;

export function StatusBadge({ status, children, title }: { readonly status: Status; readonly children?: ReactNode; readonly title?: string }): ReactNode {
	const { word, tone, Icon } = looks[status];
	return (
		<span className={classes.badge} data-tone={tone} title={title}>
			<Icon className={classes.icon} size={15} data-spin={tone === 'busy' || undefined} aria-hidden />
			<span className={classes.word}>{children ?? word}</span>
		</span>
	);
}

/** Only where the word stands beside it anyway, or in a dense chart; still named for a screen reader. */
export function StatusIcon({ status, size = 15 }: { readonly status: Status; readonly size?: number }): ReactNode {
	const { word, tone, Icon } = looks[status];
	return (
		<span className={classes.badge} data-tone={tone} role="img" aria-label={word} title={word}>
			<Icon className={classes.icon} size={size} data-spin={tone === 'busy' || undefined} aria-hidden />
		</span>
	);
}
