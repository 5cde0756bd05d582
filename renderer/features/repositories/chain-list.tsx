import { TextInput } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArchive, IconChevronDown, IconChevronRight, IconLock, IconSearch } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { Chain } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { Bytes, EmptyState, formatBytes, formatDateTime, formatFull, formatNumber, plural, StatusBadge } from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import { type ChainFile, chainSize, expiring, neededBy, needs, segments } from './chain-bar.ts';
import classes from './chain-list.module.css';

const kindWord = { full: 'Full', increment: 'Increment', reverse: 'Reverse increment' } as const;
const methodWord = { forward: 'forward incremental', 'forever-forward': 'forever forward', reverse: 'reverse incremental' } as const;

/** All chains of a repository on one scale: a bar twice as long takes twice the room. */
export function ChainList({ chains }: { readonly chains: readonly Chain[] }): ReactNode {
	const { ref, width } = useElementSize<HTMLDivElement>();
	const [search, setSearch] = useState('');
	const [openId, setOpenId] = useState<string | null>(null);
	const sorted = useMemo(() => {
		const words = search.trim().toLowerCase();
		return chains
			.map((chain) => ({ ...chain, files: chain.files.toSorted((a, b) => a.createdAt - b.createdAt) }))
			.filter((chain) => words === '' || `${chain.job}\n${chain.object}`.toLowerCase().includes(words))
			.toSorted((a, b) => a.job.localeCompare(b.job) || a.object.localeCompare(b.object) || (b.files[0]?.createdAt ?? 0) - (a.files[0]?.createdAt ?? 0));
	}, [chains, search]);
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
					<i data-kind="full" /> full <i data-kind="increment" /> increment <i data-kind="reverse" /> reverse increment <i data-expires /> leaves at the next
					run <i data-problem /> damaged
				</span>
				<span className={classes.leaving}>
					{leaving.files > 0
						? `Retention removes ${plural(leaving.files, 'file')} next: ${formatBytes(leaving.bytes)}, ${plural(leaving.points, 'restore point')}.`
						: 'Retention removes nothing at the next runs.'}
				</span>
			</div>
			<div ref={ref} className={classes.list}>
				{sorted.map((chain) => (
					<ChainRow
						key={chain.id}
						chain={chain}
						pxPerByte={largest === 0 ? 0 : Math.max(0, width - 44) / largest}
						isOpen={chain.id === openId}
						onToggle={() => setOpenId(chain.id === openId ? null : chain.id)}
					/>
				))}
				{sorted.length === 0 ? <p className={classes.none}>No chain matches “{search}”.</p> : null}
			</div>
		</>
	);
}

function ChainRow({
	chain,
	pxPerByte,
	isOpen,
	onToggle,
}: {
	readonly chain: Chain;
	readonly pxPerByte: number;
	readonly isOpen: boolean;
	readonly onToggle: () => void;
}): ReactNode {
	const [hovered, setHovered] = useState<string | null>(null);
	const file = hovered === null ? undefined : chain.files.find((each) => each.path === hovered);
	const points = chain.files.reduce((sum, each) => sum + each.pointIds.length, 0);
	const broken = chain.files.filter((each) => each.problem !== null).length;
	return (
		<article className={classes.chain}>
			<button type="button" className={classes.head} aria-expanded={isOpen} onClick={onToggle}>
				{isOpen ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />}
				<strong>{chain.job}</strong>
				<span className={classes.object}>{displayPath(chain.object)}</span>
				{chain.isCurrent ? <span className={classes.current}>current</span> : null}
				{chain.encrypted ? <IconLock size={14} role="img" aria-label="Encrypted" /> : null}
				{broken > 0 ? <StatusBadge status="damaged">{plural(broken, 'file')} damaged</StatusBadge> : null}
				<span className={classes.facts}>
					{plural(points, 'point')} in {plural(chain.files.length, 'file')} · {methodWord[chain.method]}
				</span>
				<span className={classes.size}>{formatBytes(chainSize(chain))}</span>
			</button>
			<Bar chain={chain} pxPerByte={pxPerByte} hovered={hovered} onHover={setHovered} />
			<p className={classes.line}>{file ? <FileLine chain={chain} file={file} /> : <span className={classes.span}>{spanText(chain)}</span>}</p>
			{isOpen ? <FileTable chain={chain} hovered={hovered} onHover={setHovered} /> : null}
		</article>
	);
}

function Bar({
	chain,
	pxPerByte,
	hovered,
	onHover,
}: {
	readonly chain: Chain;
	readonly pxPerByte: number;
	readonly hovered: string | null;
	readonly onHover: (path: string | null) => void;
}): ReactNode {
	const laid = useMemo(() => segments(chain.files, pxPerByte), [chain.files, pxPerByte]);
	const last = laid.at(-1);
	const needed = hovered === null ? null : needs(chain.files, hovered);
	const dependent = hovered === null ? null : neededBy(chain.files, hovered);
	return (
		<div className={classes.barScroll}>
			<div
				className={classes.bar}
				style={{ width: last ? last.x + last.width : 0 }}
				role="img"
				aria-label={`${plural(chain.files.length, 'file')}, ${formatBytes(chainSize(chain))}; the table below has each`}
				onPointerLeave={() => onHover(null)}
			>
				{laid.map(({ file, x, width }) => (
					<i
						key={file.path}
						style={{ left: x, width: Math.max(2, width - 1) }}
						data-kind={file.kind}
						data-expires={file.expires || undefined}
						data-problem={file.problem !== null || undefined}
						data-relation={
							hovered === null
								? undefined
								: file.path === hovered
									? 'self'
									: needed?.has(file.path)
										? 'needed'
										: dependent?.has(file.path)
											? 'dependent'
											: 'none'
						}
						onPointerEnter={() => onHover(file.path)}
					/>
				))}
			</div>
		</div>
	);
}

function spanText(chain: Chain): string {
	const first = chain.files[0];
	const last = chain.files.at(-1);
	if (!first || !last) return '';
	const { files, bytes, points } = expiring(chain);
	const span = first === last ? formatDateTime(first.createdAt) : `${formatDateTime(first.createdAt)} to ${formatDateTime(last.createdAt)}`;
	return files === 0 ? span : `${span} · the next successful run removes ${plural(files, 'file')} (${formatBytes(bytes)}, ${plural(points, 'point')})`;
}

function FileLine({ chain, file }: { readonly chain: Chain; readonly file: ChainFile }): ReactNode {
	const needed = needs(chain.files, file.path).size - 1;
	const dependent = neededBy(chain.files, file.path).size;
	return (
		<>
			<strong>{kindWord[file.kind]}</strong> of {formatDateTime(file.createdAt)}, {formatBytes(file.sizeBytes)}
			{needed > 0 ? `, needs ${plural(needed, 'file')}` : ''}
			{dependent > 0 ? `, ${dependent === 1 ? 'one file needs' : `${formatNumber(dependent)} files need`} it` : ''}
			{file.expires ? ', leaves at the next successful run' : ''}
			{file.problem === null ? null : <span className={classes.problem}>. {file.problem}</span>}
		</>
	);
}

function FileTable({
	chain,
	hovered,
	onHover,
}: {
	readonly chain: Chain;
	readonly hovered: string | null;
	readonly onHover: (path: string | null) => void;
}): ReactNode {
	return (
		<table className={classes.files} onPointerLeave={() => onHover(null)}>
			<thead>
				<tr>
					<th>File</th>
					<th>Kind</th>
					<th>Made</th>
					<th className={classes.number}>Size</th>
					<th>Points</th>
					<th>Builds on</th>
					<th>State</th>
				</tr>
			</thead>
			<tbody>
				{chain.files.toReversed().map((file) => (
					<tr key={file.path} data-hovered={file.path === hovered || undefined} onPointerEnter={() => onHover(file.path)}>
						<td className={classes.path}>{displayPath(file.path)}</td>
						<td>{kindWord[file.kind]}</td>
						<td title={formatFull(file.createdAt)}>{formatDateTime(file.createdAt)}</td>
						<td className={classes.number}>
							<Bytes value={file.sizeBytes} />
						</td>
						<td>
							{file.pointIds.length === 1 ? (
								<Link to={`/restore/point/${encodeURIComponent(file.pointIds[0] ?? '')}`}>Restore…</Link>
							) : (
								formatNumber(file.pointIds.length)
							)}
						</td>
						<td className={classes.path}>{file.dependsOn === null ? '–' : displayPath(file.dependsOn.slice(file.dependsOn.lastIndexOf('/') + 1))}</td>
						<td>
							{file.problem === null ? (
								file.expires ? (
									<span className={classes.expires}>leaves at the next run</span>
								) : (
									''
								)
							) : (
								<StatusBadge status="damaged">{file.problem}</StatusBadge>
							)}
						</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}
