import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Chain } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useTRPC } from '../../client.ts';
import { formatBytes, formatDate, formatDateTime, plural } from '../../ui/index.ts';
import { EncryptedMark } from '../keys/index.ts';
import classes from './job-details.module.css';

const atMost = 6;

/** Every chain of the job as its files, oldest left; the repository's page has the whole story. */
export function ChainSummary({ jobId }: { readonly jobId: string }): ReactNode {
	const trpc = useTRPC();
	const chains = useQuery(trpc.chains.list.queryOptions({ jobId }));
	return (
		<Loaded query={chains} lines={1}>
			{(all) => (
				<ul className={classes.chains}>
					{all
						.toSorted((a, b) => Number(b.isCurrent) - Number(a.isCurrent))
						.slice(0, atMost)
						.map((chain) => (
							<Line key={chain.id} chain={chain} />
						))}
				</ul>
			)}
		</Loaded>
	);
}

function Line({ chain }: { readonly chain: Chain }): ReactNode {
	const largest = Math.max(1, ...chain.files.map(({ sizeBytes }) => sizeBytes));
	const total = chain.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
	const byAge = chain.files.toSorted((a, b) => a.createdAt - b.createdAt);
	return (
		<li>
			<div className={classes.chainLine}>
				<span title={chain.object}>{chain.object}</span>
				<span>
					{chain.adHoc
						? chain.adHoc.keepUntil === null
							? 'ad-hoc, kept'
							: `ad-hoc, until ${formatDate(chain.adHoc.keepUntil)}`
						: chain.isCurrent
							? 'current'
							: 'older'}{' '}
					{chain.encrypted ? <EncryptedMark keyId={chain.keyId} /> : null}· {plural(chain.files.length, 'file')} · {formatBytes(total)}
				</span>
			</div>
			<div className={classes.files}>
				{byAge.map(({ path, kind, sizeBytes, createdAt, problem, expires }) => (
					<i
						key={path}
						data-kind={kind}
						data-problem={problem !== null || undefined}
						data-expires={expires || undefined}
						// The square root keeps small increments visible beside a full.
						style={{ height: `${Math.max(10, Math.sqrt(sizeBytes / largest) * 100)}%` }}
						title={`${kind}, ${formatDateTime(createdAt)}, ${formatBytes(sizeBytes)}${problem ? `\n${problem}` : ''}${expires ? '\nRetention removes it at the next successful run.' : ''}`}
					/>
				))}
			</div>
		</li>
	);
}
