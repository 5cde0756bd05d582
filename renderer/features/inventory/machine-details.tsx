import { Button } from '@mantine/core';
import { IconHistory, IconShieldPlus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link, navigate } from '../../app/router.tsx';
import { Bytes, Facts, formatBytes, plural, Section, StatusBadge } from '../../ui/index.ts';
import { newestPlace } from '../restore/restore-places.ts';
import { CoverSection } from './covers.tsx';
import { DetailsPane } from './details-pane.tsx';
import classes from './inventory.module.css';
import { inventoryPlace, protectPlace } from './inventory-places.ts';
import { agentWords, machineStates } from './inventory-words.ts';
import type { MachineRow } from './use-machines.ts';

export function MachineDetails({ row: { host, machine, covers } }: { readonly row: MachineRow }): ReactNode {
	const source = `vm:${host.settings.name}/${machine.name}`;
	const { status, word } = machineStates[machine.state];
	const held = covers.find(({ state }) => state !== 'never');
	return (
		<DetailsPane
			title={machine.name}
			state={<StatusBadge status={status}>{word}</StatusBadge>}
			onClose={() => navigate(inventoryPlace('vms'), { replace: true })}
			actions={
				<>
					<Button
						variant={covers.length === 0 ? 'filled' : 'default'}
						leftSection={<IconShieldPlus size={15} />}
						onClick={() => navigate(protectPlace([source]))}
					>
						Protect it…
					</Button>
					{held ? (
						<Button variant="default" leftSection={<IconHistory size={15} />} onClick={() => navigate(newestPlace(source, held.jobId))}>
							Restore…
						</Button>
					) : null}
				</>
			}
		>
			<CoverSection covers={covers}>No job protects it: neither by its name, nor by a pattern or a tag.</CoverSection>
			<Section title="Disks">
				{machine.disks.length === 0 ? (
					<p className={classes.text}>It has none.</p>
				) : (
					<ul className={classes.lines}>
						{machine.disks.map(({ name, path, format, capacityBytes, allocatedBytes, unsupported }) => (
							<li key={name}>
								<span>
									<strong>{name}</strong> {format}
								</span>
								<Bytes value={capacityBytes} />
								<small>
									{path ?? 'a disk without a path on the host'}
									{allocatedBytes === null ? '' : `, takes ${formatBytes(allocatedBytes)} there`}
								</small>
								{unsupported === null ? null : <small data-tone="warn">Left out: {unsupported}</small>}
							</li>
						))}
					</ul>
				)}
			</Section>
			<Section title="Machine">
				<Facts
					rows={[
						[
							'Host',
							<Link key="host" to={inventoryPlace('hosts', host.id)}>
								{host.settings.name}
							</Link>,
						],
						['Processors', plural(machine.processors, 'processor')],
						['Memory', formatBytes(machine.memoryBytes)],
						['Guest agent', agentWords[machine.guestAgent]],
						['Tags', machine.tags.map((tag) => `#${tag}`).join(' ') || 'none'],
						['Id', <code key="id">{machine.id}</code>],
					]}
				/>
			</Section>
			{machine.guestAgent === 'connected' || machine.state !== 'running' ? null : (
				<p className={classes.text}>
					Without a guest agent that answers, its points are as after a power cut (crash-consistent). Install qemu-guest-agent in it, with a channel on the
					host.
				</p>
			)}
		</DetailsPane>
	);
}
