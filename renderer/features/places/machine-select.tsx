import { Select, type SelectProps } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTRPC } from '../../client.ts';

/** Stands for the machine of the server, which has no id. */
const theServer = 'server';

export type MachineSelectProps = Pick<SelectProps, 'aria-label' | 'className' | 'description' | 'error' | 'label'> & {
	/** Managed machine; null: the one of the server. */
	readonly machineId: string | null;
	readonly onMachine: (machineId: string | null) => void;
};

/** On which machine something lies or goes; shown where there is a choice. */
export function MachineSelect({ machineId, onMachine, ...props }: MachineSelectProps): ReactNode {
	const machines = useQuery(useTRPC().machines.list.queryOptions());
	const names = (machines.data ?? []).map(({ id, settings, state }) => ({
		value: id,
		label: state === 'online' ? settings.name : `${settings.name} (offline)`,
	}));
	if (names.length === 0 && machineId === null) return null;
	const isKnown = machineId === null || names.some(({ value }) => value === machineId);
	return (
		<Select
			{...props}
			data={[{ value: theServer, label: 'This server' }, ...names, ...(isKnown ? [] : [{ value: machineId, label: 'A machine that is not known any more' }])]}
			value={machineId ?? theServer}
			onChange={(value) => value !== null && onMachine(value === theServer ? null : value)}
			allowDeselect={false}
		/>
	);
}
