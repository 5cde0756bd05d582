import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTRPC } from '../../../client.ts';
import type { StepProps } from './job-wizard.tsx';

const [onHost, automatic] = ['on-host', 'automatic'] as const;

/** Who reads the snapshots; asked where there is a proxy, and something that it could read. */
export function Reader({ draft, change, errors }: Pick<StepProps, 'draft' | 'change' | 'errors'>): ReactNode {
	const machines = useQuery(useTRPC().machines.list.queryOptions());
	const proxies = (machines.data ?? []).filter(({ settings }) => settings.roles.includes('proxy'));
	const couldBe = proxies.length > 0 && draft.machineId === null && draft.sources.some(({ kind }) => kind !== 'folder');
	if (draft.mode === 'on-host' && !couldBe) return null;
	const isKnown = draft.proxyId === null || proxies.some(({ id }) => id === draft.proxyId);
	return (
		<Select
			label="Who reads the snapshots"
			description="Off-host another machine reads, compresses and encrypts: virtual machines, and devices that Holdfast serves. They are shown to it through TLS."
			data={[
				{ value: onHost, label: 'The machine that makes them' },
				{ value: automatic, label: 'Off-host: the proxy with the most room' },
				...proxies.map(({ id, settings, state }) => ({ value: id, label: `Off-host: ${settings.name}${state === 'online' ? '' : ' (offline)'}` })),
				...(isKnown ? [] : [{ value: draft.proxyId as string, label: 'Off-host: a machine that is no proxy any more' }]),
			]}
			value={draft.mode === 'on-host' ? onHost : (draft.proxyId ?? automatic)}
			onChange={(value) => {
				if (value === onHost) change({ mode: 'on-host', proxyId: null });
				else if (value !== null) change({ mode: 'off-host', proxyId: value === automatic ? null : value });
			}}
			allowDeselect={false}
			error={errors.mode ?? errors.proxyId}
		/>
	);
}
