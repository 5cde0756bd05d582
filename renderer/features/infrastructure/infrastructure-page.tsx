import { ActionIcon, Button, Menu } from '@mantine/core';
import { IconDots, IconGauge, IconPlus, IconServer2 } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { ThrottleRule } from '../../../engine/contract/index.ts';
import type { PageProps } from '../../app/pages.tsx';
import { navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	ConfirmDialog,
	EmptyState,
	ErrorPanel,
	formatLimit,
	notifyFailure,
	PageHeader,
	plural,
	StatusBadge,
	type TableColumn,
	VirtualTable,
} from '../../ui/index.ts';
import classes from './infrastructure.module.css';
import { stateOf, windowsText } from './rule-words.ts';
import { ThrottleDialog } from './throttle-dialog.tsx';

/** How many transfers a rule holds changes without any event. */
const lookAgainMs = 3000;

/** What the backup traffic of the site goes by. `?rule=new` opens the dialog of a rule, `?rule=ID` that of one. */
export function InfrastructurePage(_props: PageProps): ReactNode {
	const trpc = useTRPC();
	const { data, error, refetch } = useQuery(trpc.throttles.list.queryOptions(undefined, { refetchInterval: lookAgainMs }));
	const [asked, ask] = useQueryParam('rule');
	const [leaving, setLeaving] = useState<ThrottleRule | null>(null);
	const edited = data?.find(({ id }) => id === asked) ?? null;
	const columns = useMemo(
		() =>
			[
				...shown,
				{ id: 'actions', header: '', width: '44px', cell: (rule) => <Actions rule={rule} onEdit={() => ask(rule.id)} onRemove={() => setLeaving(rule)} /> },
			] satisfies TableColumn<ThrottleRule>[],
		[ask],
	);
	const add = (
		<Button leftSection={<IconPlus size={15} />} onClick={() => ask('new')}>
			Add rule
		</Button>
	);
	return (
		<>
			<PageHeader title="Throttling rules" detail={data && data.length > 0 ? headline(data) : ''}>
				<Button variant="default" leftSection={<IconServer2 size={15} />} onClick={() => navigate('/infrastructure/machines')}>
					Machines
				</Button>
				{add}
			</PageHeader>
			{error ? (
				<div className={classes.padded}>
					<ErrorPanel failure={errorShapeOf(error)} onRetry={() => void refetch()} />
				</div>
			) : null}
			{data ? (
				<VirtualTable
					label="Throttling rules"
					rows={data}
					columns={columns}
					rowId={idOf}
					rowHeight={44}
					defaultSort={{ id: 'name', descending: false }}
					onOpen={(rule) => ask(rule.id)}
					empty={
						<EmptyState icon={<IconGauge size={36} stroke={1.4} />} title="Nothing is throttled" action={add}>
							A rule caps the backup traffic between two ranges of addresses, always or at some hours: the line to a branch office stays free while people work.
							All sessions that it catches share its limit. A limit of a single repository is set in its own dialog.
						</EmptyState>
					}
				/>
			) : null}
			{asked === 'new' || edited ? <ThrottleDialog key={asked} rule={edited} onClose={() => ask(null)} /> : null}
			{leaving ? <RemoveDialog rule={leaving} onClose={() => setLeaving(null)} /> : null}
		</>
	);
}

const idOf = (rule: ThrottleRule): string => rule.id;

function headline(rules: readonly ThrottleRule[]): string {
	const active = rules.filter(({ isActive }) => isActive).length;
	return `${plural(rules.length, 'rule')}, ${active === 0 ? 'none' : active} in force now`;
}

const shown: readonly TableColumn<ThrottleRule>[] = [
	{
		id: 'name',
		header: 'Rule',
		width: 'minmax(140px, 1.2fr)',
		cell: ({ settings }) => <strong className={classes.name}>{settings.name}</strong>,
		sortBy: ({ settings }) => settings.name,
		text: ({ settings }) => settings.name,
	},
	{
		id: 'between',
		header: 'Between',
		width: 'minmax(230px, 2fr)',
		cell: ({ settings }) => (
			<span className={classes.range} title={`${settings.from} ⇄ ${settings.to}`}>
				<code>{settings.from}</code> <span className={classes.dim}>⇄</span> <code>{settings.to}</code>
			</span>
		),
		text: ({ settings }) => `${settings.from} ${settings.to}`,
	},
	{
		id: 'limit',
		header: 'Limit',
		width: '96px',
		align: 'end',
		cell: ({ settings }) => formatLimit(settings.bytesPerSec),
		sortBy: ({ settings }) => settings.bytesPerSec,
	},
	{
		id: 'when',
		header: 'When',
		width: 'minmax(150px, 1.4fr)',
		cell: ({ settings }) => <span title={windowsText(settings.windows)}>{windowsText(settings.windows)}</span>,
	},
	{
		id: 'state',
		header: 'Now',
		width: '158px',
		cell: (rule) => {
			const { status, text } = stateOf(rule);
			return <StatusBadge status={status}>{text}</StatusBadge>;
		},
		sortBy: (rule) => stateOf(rule).text,
	},
];

function Actions({ rule, onEdit, onRemove }: { readonly rule: ThrottleRule; readonly onEdit: () => void; readonly onRemove: () => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const { id, revision, settings } = rule;
	const update = useMutation(
		trpc.throttles.update.mutationOptions({
			onSettled: () => void queryClient.invalidateQueries(trpc.throttles.pathFilter()),
			onError: (error) => notifyFailure(`“${settings.name}” was not changed`, errorShapeOf(error)),
		}),
	);
	return (
		<Menu position="bottom-end" width={200}>
			<Menu.Target>
				<ActionIcon variant="subtle" color="gray" size={26} aria-label={`Actions of ${settings.name}`} loading={update.isPending}>
					<IconDots size={15} />
				</ActionIcon>
			</Menu.Target>
			<Menu.Dropdown>
				<Menu.Item onClick={onEdit}>Edit…</Menu.Item>
				<Menu.Item onClick={() => update.mutate({ id, revision, settings: { ...settings, enabled: !settings.enabled } })}>
					{settings.enabled ? 'Switch off' : 'Switch on'}
				</Menu.Item>
				<Menu.Divider />
				<Menu.Item color="red" onClick={onRemove}>
					Remove…
				</Menu.Item>
			</Menu.Dropdown>
		</Menu>
	);
}

function RemoveDialog({ rule: { id, revision, settings, transferCount }, onClose }: { readonly rule: ThrottleRule; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const remove = useMutation(
		trpc.throttles.remove.mutationOptions({
			onSuccess: onClose,
			onSettled: () => void queryClient.invalidateQueries(trpc.throttles.pathFilter()),
		}),
	);
	return (
		<ConfirmDialog
			opened
			title={`Remove “${settings.name}”?`}
			confirmLabel="Remove"
			losses={transferCount > 0 ? [`${plural(transferCount, 'transfer')} under way will take all of the network that they can get.`] : []}
			isBusy={remove.isPending}
			failure={remove.error ? errorShapeOf(remove.error) : null}
			onConfirm={() => remove.mutate({ id, revision })}
			onClose={onClose}
		>
			Traffic between {settings.from} and {settings.to} is no longer held to {formatLimit(settings.bytesPerSec)}. To keep the rule for later, switch it off
			instead.
		</ConfirmDialog>
	);
}
