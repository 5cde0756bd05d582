import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import type { Chain, Repository, Session } from '../../../engine/contract/index.ts';
import { formatBytes, plural, StatusBadge } from '../../ui/index.ts';
import { EncryptedMark } from '../keys/index.ts';
import { ChainActions } from './chain-actions.tsx';
import { ChainBar } from './chain-bar.tsx';
import { ChainFiles } from './chain-files.tsx';
import { chainSize, pointCount } from './chain-layout.ts';
import classes from './chain-list.module.css';
import { chainMark, fileText, kindWord, methodWord, objectText, spanText } from './chain-words.ts';
import { CompactionProgress } from './compaction-progress.tsx';

export type ChainRowProps = {
	/** Its files by age. */
	readonly chain: Chain;
	/** All of the repository, this one included. */
	readonly chains: readonly Chain[];
	readonly repository: Repository;
	/** The session that writes it anew at the moment. */
	readonly compaction: Session | undefined;
	readonly pxPerByte: number;
	readonly isOpen: boolean;
	readonly onToggle: () => void;
};

/** A chain in two lines and a bar; opened, its files and what can be done to it. Pointing at a file shows what it needs and what needs it. */
export function ChainRow({ chain, chains, repository, compaction, pxPerByte, isOpen, onToggle }: ChainRowProps): ReactNode {
	const [pointed, setPointed] = useState<string | null>(null);
	const file = pointed === null ? undefined : chain.files.find((each) => each.path === pointed);
	const broken = chain.files.filter((each) => each.problem !== null).length;
	const mark = chainMark(chain);
	return (
		<article className={classes.chain} aria-label={`Chain of ${chain.job}, ${objectText(chain.object)}`}>
			<button type="button" className={classes.head} aria-expanded={isOpen} onClick={onToggle}>
				{isOpen ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />}
				<strong>{chain.job}</strong>
				<span className={classes.object} title={objectText(chain.object)}>
					{objectText(chain.object)}
				</span>
				{mark === null ? null : (
					<span className={classes.mark} data-quiet={!chain.isCurrent || undefined}>
						{mark}
					</span>
				)}
				{chain.encrypted ? <EncryptedMark keyId={chain.keyId} /> : null}
				{broken > 0 ? <StatusBadge status="damaged">{plural(broken, 'file')} damaged</StatusBadge> : null}
				<span className={classes.facts}>
					{plural(pointCount(chain), 'point')} in {plural(chain.files.length, 'file')} · {methodWord[chain.method]}
				</span>
				<span className={classes.size}>{formatBytes(chainSize(chain))}</span>
			</button>
			<ChainBar chain={chain} pxPerByte={pxPerByte} pointed={pointed} onPoint={setPointed} onEnter={onToggle} />
			<p className={classes.line}>
				{file ? (
					<>
						<strong>{kindWord[file.kind]}</strong>
						{fileText(chain, file)}
						{file.problem === null ? null : <span className={classes.problem}>. {file.problem}</span>}
					</>
				) : (
					<span className={classes.span}>{spanText(chain)}</span>
				)}
			</p>
			{compaction ? <CompactionProgress session={compaction} /> : null}
			{isOpen ? (
				<div className={classes.opened}>
					<ChainActions chain={chain} chains={chains} repository={repository} isCompacting={compaction !== undefined} />
					<ChainFiles chain={chain} pointed={pointed} onPoint={setPointed} />
				</div>
			) : null}
		</article>
	);
}
