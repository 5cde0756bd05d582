import { type KeyboardEvent, type ReactNode, useId, useMemo, useState } from 'react';
import type { Chain } from '../../../engine/contract/index.ts';
import { formatBytes, plural } from '../../ui/index.ts';
import { chainSize, neededBy, needs, segments } from './chain-layout.ts';
import classes from './chain-list.module.css';
import { fileText, kindWord } from './chain-words.ts';

/** The files of a chain side by side, by age and to scale. The pointer or the arrow keys choose one; what it needs and what needs it stands out. */
export function ChainBar({
	chain,
	pxPerByte,
	pointed,
	onPoint,
	onEnter,
}: {
	readonly chain: Chain;
	readonly pxPerByte: number;
	readonly pointed: string | null;
	readonly onPoint: (path: string | null) => void;
	readonly onEnter: () => void;
}): ReactNode {
	const { files } = chain;
	const id = useId();
	const [isFocused, setFocused] = useState(false);
	const laid = useMemo(() => segments(files, pxPerByte), [files, pxPerByte]);
	const last = laid.at(-1);
	const needed = pointed === null ? null : needs(files, pointed);
	const dependent = pointed === null ? null : neededBy(files, pointed);
	const at = files.findIndex(({ path }) => path === pointed);
	const pointAt = (index: number): void => onPoint(files[Math.max(0, Math.min(files.length - 1, index))]?.path ?? null);
	const onKeyDown = (event: KeyboardEvent): void => {
		const targets: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: files.length - 1 };
		const target = targets[event.key];
		if (target !== undefined) pointAt(target);
		else if (event.key === 'Enter' || event.key === ' ') onEnter();
		else if (event.key === 'Escape') onPoint(null);
		else return;
		event.preventDefault();
	};
	return (
		<div className={classes.barScroll}>
			<div
				className={classes.bar}
				style={{ width: last ? last.x + last.width : 0 }}
				role="listbox"
				aria-orientation="horizontal"
				aria-label={`${plural(files.length, 'file')}, ${formatBytes(chainSize(chain))}`}
				aria-activedescendant={isFocused && at >= 0 ? `${id}-${at}` : undefined}
				tabIndex={0}
				onFocus={() => {
					setFocused(true);
					if (pointed === null) pointAt(files.length - 1);
				}}
				onBlur={() => {
					setFocused(false);
					onPoint(null);
				}}
				onKeyDown={onKeyDown}
				onPointerLeave={() => !isFocused && onPoint(null)}
			>
				{laid.map(({ file, x, width }, index) => (
					// biome-ignore lint/a11y/useFocusableInteractive: the bar itself holds the focus
					<span
						key={file.path}
						id={`${id}-${index}`}
						role="option"
						aria-selected={index === at}
						// Only who listens needs the words, and there may be very many files.
						aria-label={isFocused ? `${kindWord[file.kind]}${fileText(chain, file)}` : kindWord[file.kind]}
						style={{ left: x, width: Math.max(2, width - 1) }}
						data-kind={file.kind}
						data-expires={file.expires || undefined}
						data-problem={file.problem !== null || undefined}
						data-relation={
							pointed === null ? undefined : index === at ? 'self' : needed?.has(file.path) ? 'needed' : dependent?.has(file.path) ? 'dependent' : 'none'
						}
						onPointerEnter={() => onPoint(file.path)}
					/>
				))}
			</div>
		</div>
	);
}
