import type { ReactNode } from 'react';
import type { Chain } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { Bytes, formatDateTime, formatFull, formatNumber, plural, StatusBadge } from '../../ui/index.ts';
import { type ChainFile, needs } from './chain-layout.ts';
import classes from './chain-list.module.css';
import { fateWord, fileName, kindWord } from './chain-words.ts';

/** Newest first. The files that the pointed one needs are marked. */
export function ChainFiles({
	chain,
	pointed,
	onPoint,
}: {
	readonly chain: Chain;
	readonly pointed: string | null;
	readonly onPoint: (path: string | null) => void;
}): ReactNode {
	const byPath = new Map(chain.files.map((file) => [file.path, file]));
	const basisOf = ({ dependsOn }: ChainFile): string => {
		const basis = dependsOn === null ? undefined : byPath.get(dependsOn);
		return dependsOn === null ? 'nothing' : basis ? `${kindWord[basis.kind].toLowerCase()} of ${formatDateTime(basis.createdAt)}` : fileName(dependsOn);
	};
	const needed = pointed === null ? null : needs(chain.files, pointed);
	return (
		<table className={classes.files} onPointerLeave={() => onPoint(null)}>
			<thead>
				<tr>
					<th>File</th>
					<th>Kind</th>
					<th>Made</th>
					<th className={classes.number}>Size</th>
					<th>Builds on</th>
					<th>Points</th>
					<th>Next</th>
				</tr>
			</thead>
			<tbody>
				{chain.files.toReversed().map((file) => (
					<tr
						key={file.path}
						data-pointed={file.path === pointed || undefined}
						data-needed={(file.path !== pointed && needed?.has(file.path)) || undefined}
						onPointerEnter={() => onPoint(file.path)}
					>
						<td className={classes.path} title={file.path.toWellFormed()}>
							<bdi>{fileName(file.path)}</bdi>
						</td>
						<td>{kindWord[file.kind]}</td>
						<td title={formatFull(file.createdAt)}>{formatDateTime(file.createdAt)}</td>
						<td className={classes.number}>
							<Bytes value={file.sizeBytes} />
						</td>
						<td title={file.dependsOn?.toWellFormed()}>{basisOf(file)}</td>
						<td>
							{file.pointIds.length === 1 ? (
								<Link to={`/restore/point/${encodeURIComponent(file.pointIds[0] ?? '')}`} aria-label={`Restore from ${formatDateTime(file.createdAt)}`}>
									Restore…
								</Link>
							) : (
								formatNumber(file.pointIds.length)
							)}
						</td>
						<td>
							{file.problem === null ? (
								<span className={classes.expires}>{file.expires ? fateWord(chain) : 'stays'}</span>
							) : (
								<StatusBadge status="damaged" title={file.problem}>
									{file.problem}
								</StatusBadge>
							)}
						</td>
					</tr>
				))}
			</tbody>
			<caption className={classes.caption}>{plural(chain.files.length, 'file')}, newest first</caption>
		</table>
	);
}
