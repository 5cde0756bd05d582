import { Button, TextInput } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArchive, IconSearch } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { Chain, Repository } from '../../../engine/contract/index.ts';
import { useQueryParam } from '../../app/router.tsx';
import { EmptyState, formatBytes, formatNumber, plural } from '../../ui/index.ts';
import { chainSize, expiring } from './chain-layout.ts';
import classes from './chain-list.module.css';
import { ChainRow } from './chain-row.tsx';
import { useCompactions } from './use-compactions.ts';

/** So many rows are drawn at once: each may hold hundreds of files. */
const portion = 150;

/** All chains of a repository on one scale: a bar twice as long takes twice the room. */
export function ChainList({ repository, chains }: { readonly repository: Repository; readonly chains: readonly Chain[] }): ReactNode {
	const { ref, width } = useElementSize<HTMLDivElement>();
	const [search, setSearch] = useState('');
	const [openId, setOpenId] = useQueryParam('chain');
	const [limit, setLimit] = useState(portion);
	const compactions = useCompactions();
	const sorted = useMemo(() => {
		const words = search.trim().toLowerCase();
		return chains
			.map((chain) => ({ ...chain, files: chain.files.toSorted((a, b) => a.createdAt - b.createdAt) }))
			.filter((chain) => words === '' || `${chain.job}\n${chain.object}`.toLowerCase().includes(words))
			.toSorted((a, b) => a.job.localeCompare(b.job) || a.object.localeCompare(b.object) || (b.files[0]?.createdAt ?? 0) - (a.files[0]?.createdAt ?? 0));
	}, [chains, search]);
	const shown = sorted.slice(0, Math.max(limit, sorted.findIndex(({ id }) => id === openId) + 1));
	const largest = useMemo(() => chains.reduce((most, chain) => Math.max(most, chainSize(chain)), 0), [chains]);
	const leaving = useMemo(
		() =>
			chains.map(expiring).reduce((sum, each) => ({ files: sum.files + each.files, bytes: sum.bytes + each.bytes, points: sum.points + each.points }), {
				files: 0,
				bytes: 0,
				points: 0,
			}),
		[chains],
	);

	if (chains.length === 0) {
		return (
			<EmptyState icon={<IconArchive size={36} stroke={1.4} />} title="No chain lies here yet">
				A chain is a full backup with the increments that build on it. The first run of a job that stores here begins one.
			</EmptyState>
		);
	}
	return (
		<>
			<div className={classes.tools}>
				<TextInput
					className={classes.search ?? ''}
					placeholder="Search jobs and objects"
					aria-label="Search jobs and objects"
					leftSection={<IconSearch size={14} />}
					value={search}
					onChange={(event) => setSearch(event.currentTarget.value)}
				/>
				<span className={classes.legend} aria-hidden>
					<i data-kind="full" /> full <i data-kind="increment" /> increment <i data-kind="reverse" /> reverse increment <i data-expires /> goes at the next run{' '}
					<i data-problem /> damaged
				</span>
				<span className={classes.leaving}>
					{leaving.files > 0
						? `Retention takes ${plural(leaving.files, 'file')} next: ${formatBytes(leaving.bytes)}, ${plural(leaving.points, 'restore point')}.`
						: 'Retention takes nothing at the next runs.'}
				</span>
			</div>
			<div ref={ref} className={classes.list}>
				{shown.map((chain) => (
					<ChainRow
						key={chain.id}
						chain={chain}
						chains={chains}
						repository={repository}
						compaction={compactions.get(chain.id)}
						pxPerByte={largest === 0 ? 0 : Math.max(0, width - 44) / largest}
						isOpen={chain.id === openId}
						onToggle={() => setOpenId(chain.id === openId ? null : chain.id)}
					/>
				))}
				{sorted.length > shown.length ? (
					<Button variant="subtle" size="compact-sm" my={8} onClick={() => setLimit(shown.length + portion)}>
						Show {formatNumber(Math.min(portion, sorted.length - shown.length))} more of {plural(sorted.length, 'chain')}
					</Button>
				) : null}
				{sorted.length === 0 ? <p className={classes.none}>No chain matches “{search}”.</p> : null}
			</div>
		</>
	);
}
