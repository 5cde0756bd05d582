import { Button } from '@mantine/core';
import { type ReactNode, useMemo, useState } from 'react';
import type { ProtectedObject } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { Bytes, formatFull, formatTimeAgo, plural, Section, StatusBadge, type TableColumn, TimeAgo, Unknown, useNow, VirtualTable } from '../../ui/index.ts';
import classes from './objects.module.css';

const urgency: Record<ProtectedObject['state'], number> = { overdue: 0, never: 1, failing: 2, protected: 3, paused: 4 };
const rowHeight = 32;
const atFirst = 8;
/** One or two more are not worth a click. */
const atMost = 10;

/** Each object against its own objective: a green job does not make an old point young. */
function Due({ object }: { readonly object: ProtectedObject }): ReactNode {
	const now = useNow();
	if (object.dueAt === null) return <Unknown title="No objective: run by hand only" />;
	const isLate = object.dueAt < now;
	return (
		<span title={formatFull(object.dueAt)} data-late={isLate || undefined} className={classes.due}>
			{formatTimeAgo(object.dueAt, now)}
		</span>
	);
}

const columns: readonly TableColumn<ProtectedObject>[] = [
	{
		id: 'object',
		header: 'Object',
		width: 'minmax(150px, 3fr)',
		cell: ({ object }) => <span title={object}>{object.slice(object.indexOf(':') + 1)}</span>,
		sortBy: ({ object }) => object,
	},
	{ id: 'job', header: 'Job', width: 'minmax(90px, 2fr)', cell: ({ job }) => job, sortBy: ({ job }) => job },
	{ id: 'state', header: 'State', width: '108px', cell: ({ state }) => <StatusBadge status={state} />, sortBy: ({ state }) => urgency[state] },
	{
		id: 'point',
		header: 'Newest point',
		width: '118px',
		cell: ({ lastPointAt }) => <TimeAgo at={lastPointAt} none="None" />,
		sortBy: ({ lastPointAt }) => lastPointAt,
	},
	{ id: 'due', header: 'Next one due', width: '100px', cell: (object) => <Due object={object} />, sortBy: ({ dueAt }) => dueAt },
	{
		id: 'verified',
		header: 'Verified',
		dropBelow: 690,
		width: '118px',
		cell: ({ lastVerifiedAt }) => <TimeAgo at={lastVerifiedAt} none="Never" />,
		sortBy: ({ lastVerifiedAt }) => lastVerifiedAt,
	},
	{
		id: 'size',
		header: 'Size',
		dropBelow: 840,
		width: '76px',
		align: 'end',
		cell: ({ sourceBytes }) => <Bytes value={sourceBytes || null} />,
		sortBy: ({ sourceBytes }) => sourceBytes,
	},
];

export function Objects({ objects }: { readonly objects: readonly ProtectedObject[] }): ReactNode {
	const [isOpen, setOpen] = useState(false);
	// The worst first; a column's heading sorts otherwise.
	const worstFirst = useMemo(() => objects.toSorted((a, b) => urgency[a.state] - urgency[b.state] || (a.dueAt ?? Infinity) - (b.dueAt ?? Infinity)), [objects]);
	const rows = useMemo(() => (isOpen ? worstFirst : worstFirst.slice(0, worstFirst.length <= atMost ? atMost : atFirst)), [worstFirst, isOpen]);
	return (
		<Section title="Protected objects">
			<div className={classes.table} style={{ height: 34 + Math.min(rows.length, 14) * rowHeight }}>
				<VirtualTable
					label="Protected objects"
					rows={rows}
					columns={columns}
					rowId={({ jobId, object }) => `${jobId} ${object}`}
					rowHeight={rowHeight}
					onOpen={({ jobId }) => navigate(`/jobs/${encodeURIComponent(jobId)}`)}
				/>
			</div>
			{objects.length > atMost && (
				<Button variant="subtle" size="compact-xs" mt={6} onClick={() => setOpen(!isOpen)}>
					{isOpen ? 'Show fewer' : `Show ${plural(objects.length - atFirst, 'more', 'more')}`}
				</Button>
			)}
		</Section>
	);
}
