import { Button, TextInput } from '@mantine/core';
import { IconGauge, IconPlus, IconSearch, IconServer2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Machine } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import type { PageProps } from '../../app/pages.tsx';
import { Link, navigate } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { EmptyState, PageHeader, plural, SplitView, type TableColumn, TimeAgo, VirtualTable } from '../../ui/index.ts';
import { MachineDetails } from './machine-details.tsx';
import { AddMachineDialog } from './machine-dialogs.tsx';
import { MachineState } from './machine-state.tsx';
import { addressText, rolesText } from './machine-words.ts';
import classes from './machines.module.css';

const placeOf = (id: string): string => `/infrastructure/machines/${encodeURIComponent(id)}`;

const columns: readonly TableColumn<Machine>[] = [
	{
		id: 'name',
		header: 'Machine',
		width: 'minmax(170px, 1.4fr)',
		cell: (machine) => (
			<span className={classes.nameCell}>
				<Link to={placeOf(machine.id)} tabIndex={-1} className={classes.rowLink ?? ''}>
					{machine.settings.name}
				</Link>
				<span className={classes.dim}>{addressText(machine.settings.address)}</span>
			</span>
		),
		sortBy: ({ settings }) => settings.name,
		text: ({ settings }) => `${settings.name} ${addressText(settings.address)}`,
	},
	{ id: 'state', header: 'State', width: '110px', cell: (machine) => <MachineState machine={machine} />, sortBy: ({ state }) => state },
	{
		id: 'roles',
		header: 'Roles',
		width: 'minmax(120px, 1fr)',
		cell: ({ settings }) => rolesText(settings.roles),
		sortBy: ({ settings }) => rolesText(settings.roles),
		text: ({ settings }) => rolesText(settings.roles),
	},
	{ id: 'seen', header: 'Seen', width: '130px', cell: ({ seenAt }) => <TimeAgo at={seenAt} none="never" />, sortBy: ({ seenAt }) => seenAt },
];

/** The machines that are managed from here. */
export function MachinesPage({ params }: PageProps): ReactNode {
	const trpc = useTRPC();
	const machines = useQuery(trpc.machines.list.queryOptions());
	const [isAdding, setAdding] = useState(false);
	const [filter, setFilter] = useState('');
	const shown = machines.data?.find(({ id }) => id === params.id);
	const offline = machines.data?.filter(({ state }) => state === 'offline').length ?? 0;
	const add = <Button onClick={() => setAdding(true)}>Add machine</Button>;
	return (
		<>
			<PageHeader
				title="Machines"
				detail={machines.data && machines.data.length > 0 ? `${plural(machines.data.length, 'machine')}${offline > 0 ? ` · ${offline} offline` : ''}` : ''}
			>
				<Button variant="default" leftSection={<IconGauge size={15} />} onClick={() => navigate('/infrastructure')}>
					Throttling rules
				</Button>
				<TextInput
					leftSection={<IconSearch size={14} />}
					placeholder="Filter"
					aria-label="Filter machines"
					value={filter}
					onChange={(event) => setFilter(event.currentTarget.value)}
				/>
				<Button leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
					Add machine
				</Button>
			</PageHeader>
			<Loaded query={machines}>
				{(data) =>
					data.length === 0 ? (
						<EmptyState icon={<IconServer2 size={36} stroke={1.4} />} title="No other machine is managed from here" action={add}>
							A machine is registered once, by a token, before it can have a role or be looked into. That holds also for the machine that this console runs on.
							On it runs a data mover, which keeps nothing but its certificate.
						</EmptyState>
					) : (
						<SplitView id="machines" defaultWidth={440} details={shown ? <MachineDetails key={shown.id} machine={shown} /> : null}>
							<VirtualTable
								label="Machines"
								rows={data}
								columns={columns}
								rowId={({ id }) => id}
								rowHeight={52}
								filter={filter}
								defaultSort={{ id: 'name', descending: false }}
								activeId={params.id ?? null}
								onActivate={({ id }) => navigate(placeOf(id), { replace: params.id !== undefined })}
								empty={<EmptyState title="No machine matches">Nothing has all of “{filter}” in its name, its address or its roles.</EmptyState>}
							/>
						</SplitView>
					)
				}
			</Loaded>
			{isAdding ? (
				<AddMachineDialog
					onClose={() => setAdding(false)}
					onAdded={({ id }) => {
						setAdding(false);
						navigate(placeOf(id));
					}}
				/>
			) : null}
		</>
	);
}
