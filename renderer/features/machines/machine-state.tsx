import type { ReactNode } from 'react';
import type { Machine } from '../../../engine/contract/index.ts';
import { StatusBadge } from '../../ui/index.ts';

export const MachineState = ({ machine }: { readonly machine: Machine }): ReactNode => (
	<StatusBadge status={machine.state === 'online' ? 'ready' : 'unreachable'} {...(machine.problem && { title: machine.problem.message })}>
		{machine.state === 'online' ? 'Online' : 'Offline'}
	</StatusBadge>
);
