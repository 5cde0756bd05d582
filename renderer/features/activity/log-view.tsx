import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconAlertTriangleFilled, IconArrowDown, IconCircleXFilled, IconInfoCircle, IconSearch } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import type { LogEntry } from '../../../engine/contract/index.ts';
import { useQueryParam } from '../../app/router.tsx';
import { errorShapeOf } from '../../client.ts';
import { ErrorPanel, formatDuration, formatFull, formatNumber } from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import classes from './log-view.module.css';
import { useSessionLog } from './use-session-log.ts';

const looks = {
	info: { Icon: IconInfoCircle, word: 'Information' },
	warning: { Icon: IconAlertTriangleFilled, word: 'Warning' },
	error: { Icon: IconCircleXFilled, word: 'Error' },
} as const;
type Level = 'info' | 'warning' | 'error';
const rank: Readonly<Record<Level, number>> = { info: 0, warning: 1, error: 2 };

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 1 });

/** What happened, in order. While the session runs the newest entry stays in view, until somebody scrolls up. */
export function LogView({
	sessionId,
	startedAt,
	isLive,
}: {
	readonly sessionId: string;
	readonly startedAt: number | null;
	readonly isLive: boolean;
}): ReactNode {
	const { entries, error, isLoading } = useSessionLog(sessionId, isLive);
	const [severity, setSeverity] = useQueryParam('severity');
	const [search, setSearch] = useState('');
	const [isFollowing, setFollowing] = useState(isLive);
	const level: Level = severity === 'warning' || severity === 'error' ? severity : 'info';
	const counts = useMemo(() => {
		const found = { info: 0, warning: 0, error: 0 };
		for (const entry of entries) found[entry.severity]++;
		return found;
	}, [entries]);
	const shown = useMemo(() => {
		const words = search.trim().toLowerCase();
		return entries.filter(
			(entry) =>
				rank[entry.severity] >= rank[level] && (words === '' || `${entry.message}\n${entry.path ?? ''}\n${entry.code ?? ''}`.toLowerCase().includes(words)),
		);
	}, [entries, level, search]);

	const scroller = useRef<HTMLDivElement>(null);
	const virtualizer = useVirtualizer({
		count: shown.length,
		getScrollElement: () => scroller.current,
		estimateSize: () => 25,
		overscan: 20,
		getItemKey: (index) => shown[index]?.seq ?? index,
	});
	useEffect(() => {
		if (isFollowing && shown.length > 0) virtualizer.scrollToIndex(shown.length - 1, { align: 'end' });
	}, [isFollowing, shown.length, virtualizer]);

	return (
		<div className={classes.log}>
			<div className={classes.tools}>
				<SegmentedControl
					size="xs"
					value={level}
					onChange={(value) => setSeverity(value === 'info' ? null : value)}
					data={[
						{ value: 'info', label: `All ${formatNumber(entries.length)}` },
						{ value: 'warning', label: `Warnings ${formatNumber(counts.warning + counts.error)}` },
						{ value: 'error', label: `Errors ${formatNumber(counts.error)}` },
					]}
					aria-label="Severity"
				/>
				<TextInput
					className={classes.search ?? ''}
					placeholder="Search messages and paths"
					aria-label="Search the log"
					leftSection={<IconSearch size={14} />}
					value={search}
					onChange={(event) => setSearch(event.currentTarget.value)}
				/>
				{isLive && !isFollowing ? (
					<Button variant="default" leftSection={<IconArrowDown size={14} />} onClick={() => setFollowing(true)}>
						Follow
					</Button>
				) : null}
				<Button variant="default" disabled={shown.length === 0} onClick={() => void navigator.clipboard.writeText(shown.map(plainText).join('\n'))}>
					Copy {level === 'info' && search === '' ? 'all' : formatNumber(shown.length)}
				</Button>
			</div>
			{error ? <ErrorPanel failure={errorShapeOf(error)} /> : null}
			<div
				ref={scroller}
				className={classes.scroller}
				role="log"
				aria-label="Events of the session"
				aria-live="off"
				// biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable with the keyboard
				tabIndex={0}
				onWheel={(event) => {
					if (event.deltaY < 0) setFollowing(false);
				}}
				onKeyDown={(event) => {
					if (['ArrowUp', 'PageUp', 'Home'].includes(event.key)) setFollowing(false);
					if (event.key === 'End') setFollowing(isLive);
				}}
			>
				{shown.length === 0 && !error ? (
					<p className={classes.none}>{isLoading ? 'Reading the log…' : entries.length === 0 ? 'Nothing has been written yet.' : 'Nothing matches.'}</p>
				) : null}
				<div className={classes.rows} style={{ height: virtualizer.getTotalSize() }}>
					{virtualizer.getVirtualItems().map((item) => {
						const entry = shown[item.index];
						if (!entry) return null;
						return (
							<div
								key={item.key}
								ref={virtualizer.measureElement}
								data-index={item.index}
								className={classes.row}
								data-severity={entry.severity}
								style={{ transform: `translateY(${item.start}px)` }}
							>
								<Entry entry={entry} startedAt={startedAt} />
							</div>
						);
					})}
				</div>
			</div>
		</div>
	);
}

function Entry({ entry, startedAt }: { readonly entry: LogEntry; readonly startedAt: number | null }): ReactNode {
	const { Icon, word } = looks[entry.severity];
	const since = startedAt === null || entry.at < startedAt ? '' : `\n${formatDuration(entry.at - startedAt)} after the start`;
	return (
		<>
			<time dateTime={new Date(entry.at).toISOString()} title={`${formatFull(entry.at)}${since}`}>
				{clock.format(entry.at)}
			</time>
			<Icon size={14} role="img" aria-label={word} />
			<span className={classes.message}>
				{entry.message} {entry.path === null ? null : <span className={classes.path}>{displayPath(entry.path)}</span>}{' '}
				{entry.code ? <code>{entry.code}</code> : null}
			</span>
		</>
	);
}

const plainText = (entry: LogEntry): string =>
	[new Date(entry.at).toISOString(), entry.severity.toUpperCase(), entry.code, entry.message, entry.path === null ? null : displayPath(entry.path)]
		.filter(Boolean)
		.join(' ');
