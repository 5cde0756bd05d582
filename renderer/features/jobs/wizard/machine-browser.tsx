import { Button, Select, TextInput } from '@mantine/core';
import { IconServer2 } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import { isMachinePattern, isMeant, type SourceSpec } from '../../../../engine/contract/index.ts';
import { Loaded } from '../../../app/loaded.tsx';
import { Bytes, EmptyState, formatNumber, plural, StatusBadge, type TableColumn, VirtualTable } from '../../../ui/index.ts';
import { capacityOf, type MachineRow, machineStates, useMachines } from '../../inventory/index.ts';
import classes from './wizard.module.css';

const idOf = ({ id }: MachineRow): string => id;
const sourceOf = ({ host, machine }: MachineRow): SourceSpec => ({ kind: 'vm', path: `${host.settings.name}/${machine.name}` });

const columnsWith = (patterns: readonly string[]): readonly TableColumn<MachineRow>[] => [
	{
		id: 'name',
		header: 'Machine',
		width: 'minmax(130px, 2fr)',
		cell: ({ host, machine }) => (
			<span title={`${host.settings.name}/${machine.name}`}>
				{machine.name} <small className={classes.dim}>{host.settings.name}</small>
			</span>
		),
		sortBy: ({ machine }) => machine.name,
		text: ({ host, machine }) => `${machine.name} ${host.settings.name}`,
	},
	{
		id: 'state',
		header: 'State',
		width: '96px',
		cell: ({ machine }) => <StatusBadge status={machineStates[machine.state].status}>{machineStates[machine.state].word}</StatusBadge>,
		sortBy: ({ machine }) => machineStates[machine.state].word,
	},
	{
		id: 'size',
		header: 'Disks',
		width: '84px',
		align: 'end',
		cell: ({ machine }) => <Bytes value={capacityOf(machine)} />,
		sortBy: ({ machine }) => capacityOf(machine),
	},
	{
		id: 'tags',
		header: 'Tags',
		width: 'minmax(70px, 1fr)',
		dropBelow: 430,
		cell: ({ machine }) => machine.tags.map((tag) => `#${tag}`).join(' '),
		text: ({ machine }) => machine.tags.map((tag) => `#${tag}`).join(' '),
	},
	{
		id: 'fits',
		header: 'By pattern',
		width: '96px',
		dropBelow: 520,
		cell: ({ host, machine }) => patterns.find((pattern) => isMeant(pattern, host.settings.name, machine))?.slice(host.settings.name.length + 1) ?? '',
	},
];

/** Virtual machines of all hosts: ticked one by one, or meant by a pattern or a tag, so that new ones are picked up. */
export function MachineBrowser({
	chosen,
	onAdd,
	onRemove,
}: {
	readonly chosen: readonly SourceSpec[];
	readonly onAdd: (sources: readonly SourceSpec[]) => void;
	readonly onRemove: (keys: ReadonlySet<string>) => void;
}): ReactNode {
	const { hosts, rows, silent, isPending } = useMachines();
	const [filter, setFilter] = useState('');
	const [hostName, setHostName] = useState<string | null>(null);
	const [pattern, setPattern] = useState('');
	const machinePaths = useMemo(() => chosen.filter(({ kind }) => kind === 'vm').map(({ path }) => path), [chosen]);
	const columns = useMemo(() => columnsWith(machinePaths.filter(isMachinePattern)), [machinePaths]);
	const selected = useMemo(() => {
		const paths = new Set(machinePaths);
		return new Set(rows.filter((row) => paths.has(sourceOf(row).path)).map(idOf));
	}, [machinePaths, rows]);
	const select = (ids: ReadonlySet<string>): void => {
		const added = rows.filter(({ id }) => ids.has(id) && !selected.has(id)).map(sourceOf);
		const removed = rows.filter(({ id }) => !ids.has(id) && selected.has(id)).map(sourceOf);
		if (added.length > 0) onAdd(added);
		if (removed.length > 0) onRemove(new Set(removed.map(({ path }) => `vm:${path}`)));
	};
	const names = (hosts.data ?? []).map(({ settings }) => settings.name);
	const host = hostName ?? names[0] ?? null;
	const wanted = pattern.trim();
	const path = host === null || wanted === '' || wanted.includes('/') ? null : `${host}/${wanted}`;
	const fitting = path === null ? null : rows.filter((row) => isMeant(path, row.host.settings.name, row.machine)).length;
	const addPattern = (): void => {
		if (path === null) return;
		onAdd([{ kind: 'vm', path }]);
		setPattern('');
	};
	return (
		<div className={classes.machines}>
			<div className={classes.pathBar}>
				<TextInput
					aria-label="Filter virtual machines"
					placeholder="Filter: name, host, tag"
					className={classes.grow ?? ''}
					value={filter}
					onChange={(event) => setFilter(event.currentTarget.value)}
				/>
			</div>
			<Loaded query={hosts}>
				{() => (
					<VirtualTable
						label="Virtual machines"
						rows={rows}
						columns={columns}
						rowId={idOf}
						rowHeight={30}
						filter={filter}
						defaultSort={{ id: 'name', descending: false }}
						selectedIds={selected}
						onSelectionChange={select}
						empty={
							isPending ? null : rows.length > 0 ? (
								<EmptyState title="No machine matches" />
							) : (
								<EmptyState icon={<IconServer2 size={32} stroke={1.2} />} title="No virtual machines">
									{silent.length > 0 ? 'The hosts do not answer. A pattern can be added all the same.' : 'The hosts know none.'}
								</EmptyState>
							)
						}
					/>
				)}
			</Loaded>
			<div className={classes.patternBar}>
				{names.length > 1 ? <Select aria-label="Host of the pattern" w={130} data={names} value={host} allowDeselect={false} onChange={setHostName} /> : null}
				<TextInput
					aria-label="Pattern or tag"
					placeholder="Pattern or tag: *, web-*, #production"
					className={classes.grow ?? ''}
					value={pattern}
					onChange={(event) => setPattern(event.currentTarget.value)}
					onKeyDown={(event) => {
						if (event.key !== 'Enter' || path === null) return;
						event.preventDefault();
						addPattern();
					}}
				/>
				<Button variant="light" disabled={path === null} onClick={addPattern}>
					Add pattern
				</Button>
			</div>
			<div className={classes.browserFoot} role="status">
				{wanted.includes('/')
					? 'Names of machines have no slash.'
					: fitting !== null
						? `Fits ${plural(fitting, 'machine')} now; whatever fits when the job runs is protected.`
						: silent.length > 0
							? `${silent.length === 1 ? silent[0]?.host.settings.name : `${formatNumber(silent.length)} hosts`} cannot be reached: what runs there is not shown.`
							: 'Tick machines, or add a pattern: what fits it when the job runs is protected, new machines too.'}
			</div>
		</div>
	);
}
