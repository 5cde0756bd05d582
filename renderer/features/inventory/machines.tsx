import { Button, Select } from '@mantine/core';
import { IconPlugConnectedX, IconRefresh, IconServer2, IconShieldPlus } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { Loaded } from '../../app/loaded.tsx';
import { Link, navigate, useQueryParam } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { Bytes, EmptyState, formatBytes, formatNumber, plural, SplitView, StatusBadge, type TableColumn, VirtualTable } from '../../ui/index.ts';
import { CoverCell } from './covers.tsx';
import { FilterField } from './filter-field.tsx';
import { NoHosts } from './hosts.tsx';
import classes from './inventory.module.css';
import type { TabProps } from './inventory-page.tsx';
import { inventoryPlace, protectPlace } from './inventory-places.ts';
import { agentWords, capacityOf, coverStatus, machineStates } from './inventory-words.ts';
import { MachineDetails } from './machine-details.tsx';
import { type MachineRow, useMachines } from './use-machines.ts';

const idOf = ({ id }: MachineRow): string => id;
export const sourceOf = ({ host, machine }: MachineRow): string => `vm:${host.settings.name}/${machine.name}`;

export function MachineHeadline(): ReactNode {
	const { rows } = useMachines();
	if (rows.length === 0) return null;
	const open = rows.filter(({ covers }) => covers.length === 0).length;
	return `${plural(rows.length, 'machine')} · ${open === 0 ? 'all protected' : `${formatNumber(open)} not protected`}`;
}

export function MachineActions(): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [only, setOnly] = useQueryParam('only');
	return (
		<>
			<FilterField label="Filter virtual machines" placeholder="Filter: name, host, tag, job" />
			<Select
				aria-label="Which machines"
				data={[
					{ value: 'all', label: 'All' },
					{ value: 'unprotected', label: 'Not protected' },
				]}
				value={only ?? 'all'}
				allowDeselect={false}
				onChange={(value) => setOnly(value === 'all' ? null : value)}
				w={130}
			/>
			<Button variant="default" leftSection={<IconRefresh size={15} />} onClick={() => void queryClient.invalidateQueries(trpc.hosts.pathFilter())}>
				Rescan
			</Button>
		</>
	);
}

const columns: readonly TableColumn<MachineRow>[] = [
	{
		id: 'name',
		header: 'Machine',
		width: 'minmax(150px, 1.6fr)',
		cell: ({ id, host, machine }) => (
			<span className={classes.nameCell} title={machine.name}>
				<Link to={inventoryPlace('vms', id)} tabIndex={-1} className={classes.rowLink ?? ''}>
					{machine.name}
				</Link>
				<span className={classes.dim}>{host.settings.name}</span>
			</span>
		),
		sortBy: ({ machine }) => machine.name,
		text: ({ host, machine }) => `${machine.name} ${host.settings.name}`,
	},
	{
		id: 'state',
		header: 'State',
		width: '100px',
		cell: ({ machine }) => <StatusBadge status={machineStates[machine.state].status}>{machineStates[machine.state].word}</StatusBadge>,
		sortBy: ({ machine }) => machineStates[machine.state].word,
		text: ({ machine }) => machineStates[machine.state].word,
	},
	{
		id: 'disks',
		header: 'Disks',
		width: '130px',
		dropBelow: 620,
		cell: ({ machine }) => (
			<span title={machine.disks.map(({ name, capacityBytes }) => `${name} ${capacityBytes === null ? '' : formatBytes(capacityBytes)}`).join(', ')}>
				{formatNumber(machine.disks.length)} · <Bytes value={capacityOf(machine)} />
				{machine.disks.some(({ unsupported }) => unsupported !== null) ? ' ⚠' : ''}
			</span>
		),
		sortBy: ({ machine }) => capacityOf(machine),
	},
	{
		id: 'agent',
		header: 'Guest agent',
		width: '124px',
		dropBelow: 760,
		cell: ({ machine }) => agentWords[machine.guestAgent],
		sortBy: ({ machine }) => agentWords[machine.guestAgent],
	},
	{
		id: 'tags',
		header: 'Tags',
		width: 'minmax(90px, 0.8fr)',
		dropBelow: 680,
		cell: ({ machine }) => <span title={machine.tags.join(', ')}>{machine.tags.map((tag) => `#${tag}`).join(' ')}</span>,
		sortBy: ({ machine }) => machine.tags.join(' ') || null,
		text: ({ machine }) => machine.tags.map((tag) => `#${tag}`).join(' '),
	},
	{
		id: 'protected',
		header: 'Protected',
		width: 'minmax(150px, 1.6fr)',
		cell: ({ covers }) => <CoverCell covers={covers} />,
		sortBy: ({ covers }) => coverStatus(covers) ?? '',
		text: ({ covers }) => covers.map(({ job }) => job).join(' '),
	},
];

export function Machines({ activeId }: TabProps): ReactNode {
	const { hosts, rows, silent, isPending } = useMachines();
	const [filter] = useQueryParam('filter');
	const [only] = useQueryParam('only');
	const [host, setHost] = useQueryParam('host');
	const [selectedIds, select] = useState<ReadonlySet<string>>(new Set());
	const shownRows = useMemo(
		() => rows.filter((row) => (only !== 'unprotected' || row.covers.length === 0) && (host === null || row.host.settings.name === host)),
		[rows, only, host],
	);
	// Machines that are gone meanwhile are not protected.
	const selected = useMemo(() => rows.filter(({ id }) => selectedIds.has(id)), [rows, selectedIds]);
	const shown = rows.find(({ id }) => id === activeId);
	const query = new URLSearchParams({ ...(filter && { filter }), ...(only && { only }), ...(host && { host }) });
	return (
		<Loaded query={hosts}>
			{(known) =>
				known.length === 0 ? (
					<NoHosts />
				) : (
					<>
						{silent.length > 0 ? (
							<div className={classes.strip} data-tone="warn" role="status">
								<IconPlugConnectedX size={16} aria-hidden />
								<span>
									{silent.length === 1 ? 'A host does not answer' : `${formatNumber(silent.length)} hosts do not answer`}, and what runs there is not shown:
								</span>
								{silent.slice(0, 4).map(({ host: { id, settings }, problem }) => (
									<Link key={id} to={inventoryPlace('hosts', id)} title={problem.message}>
										{settings.name}
									</Link>
								))}
								{silent.length > 4 ? <span>and {formatNumber(silent.length - 4)} more</span> : null}
							</div>
						) : null}
						{selected.length > 0 ? (
							<div className={classes.strip} role="toolbar" aria-label="Actions for the selected machines">
								<strong>{plural(selected.length, 'machine')} selected</strong>
								<Button size="compact-sm" leftSection={<IconShieldPlus size={14} />} onClick={() => navigate(protectPlace(selected.map(sourceOf)))}>
									Protect them…
								</Button>
								<Button size="compact-sm" variant="subtle" color="gray" onClick={() => select(new Set())}>
									Clear selection
								</Button>
							</div>
						) : null}
						{host !== null ? (
							<div className={classes.strip}>
								<span>
									Only those of <strong>{host}</strong>
								</span>
								<Button size="compact-sm" variant="subtle" color="gray" onClick={() => setHost(null)}>
									Show all
								</Button>
							</div>
						) : null}
						<SplitView id="inventory" details={shown ? <MachineDetails key={shown.id} row={shown} /> : null}>
							<VirtualTable
								label="Virtual machines"
								rows={shownRows}
								columns={columns}
								rowId={idOf}
								rowHeight={48}
								filter={filter ?? ''}
								defaultSort={{ id: 'name', descending: false }}
								activeId={activeId}
								onActivate={({ id }) => navigate(`${inventoryPlace('vms', id)}${query.size > 0 ? `?${query}` : ''}`, { replace: activeId !== null })}
								selectedIds={selectedIds}
								onSelectionChange={select}
								empty={
									isPending ? null : rows.length === 0 ? (
										<EmptyState icon={<IconServer2 size={36} stroke={1.4} />} title="No virtual machines">
											{silent.length === known.length ? 'No host answers at present.' : 'The hosts that answer know none.'}
										</EmptyState>
									) : only === 'unprotected' && shownRows.length === 0 ? (
										<EmptyState title="Every machine is protected by a job" />
									) : (
										<EmptyState title="No machine matches">Nothing has all of “{filter ?? ''}” in its name, its host, its tags or its jobs.</EmptyState>
									)
								}
							/>
						</SplitView>
					</>
				)
			}
		</Loaded>
	);
}
