// biome-ignore-all lint/a11y/useSemanticElements: the rows stand in a grid that draws only what is in view
import { IconDatabase, IconFile, IconFolder, IconLink, IconQuestionMark } from '@tabler/icons-react';
import { type KeyboardEvent, memo, type ReactNode, type Ref, useEffect, useRef } from 'react';
import type { BrowseEntry } from '../../../engine/contract/index.ts';
import { formatBytes, formatDateTime, formatFull, formatNumber, TallList, type TallListHandle } from '../../ui/index.ts';
import { type Basket, type Picked, type PickState, pickState } from './basket.ts';
import classes from './file-list.module.css';
import { displayPath, joinPath, modeText } from './path-text.ts';
import type { Entries } from './use-entries.ts';

const icons = { file: IconFile, directory: IconFolder, link: IconLink, disk: IconDatabase, other: IconQuestionMark } as const;
const typeWord = { file: 'File', directory: 'Folder', link: 'Symbolic link', disk: 'Disk', other: 'Special file' } as const;

export const pickedFrom = (folder: string, entry: BrowseEntry): Picked => ({
	path: joinPath(folder, entry.name),
	type: entry.type,
	sizeBytes: entry.sizeBytes,
});

/** One folder of a restore point. A million entries are no more work than a screen of them. */
export function FileList({
	path,
	entries,
	basket,
	active,
	onActive,
	onOpenFolder,
	onUp,
	onToggle,
	empty,
	handle,
}: {
	readonly path: string;
	readonly entries: Entries;
	readonly basket: Basket;
	readonly active: number;
	readonly onActive: (index: number) => void;
	readonly onOpenFolder: (path: string) => void;
	readonly onUp: () => void;
	readonly onToggle: (entry: Picked) => void;
	readonly empty: ReactNode;
	readonly handle?: Ref<TallListHandle>;
}): ReactNode {
	const open = (index: number): void => {
		const entry = entries.entryAt(index);
		if (entry?.type === 'directory') onOpenFolder(joinPath(path, entry.name));
	};
	const typed = useRef({ text: '', at: 0 });
	const onKey = (event: KeyboardEvent, at: number): boolean => {
		if (event.key === 'Backspace' || (event.key === 'ArrowUp' && event.altKey)) {
			onUp();
			return true;
		}
		if (event.key === 'ArrowRight' && !event.altKey) {
			open(at);
			return true;
		}
		if (event.key === 'ArrowLeft' && !event.altKey) {
			onUp();
			return true;
		}
		if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return false;
		return jumpTo(event.key, event.timeStamp);
	};
	/** Typing the beginning of a name jumps to it, as far as the entries have arrived. */
	const jumpTo = (key: string, now: number): boolean => {
		typed.current = { text: now - typed.current.at < 800 ? typed.current.text + key.toLowerCase() : key.toLowerCase(), at: now };
		const total = entries.total ?? 0;
		const from = typed.current.text.length > 1 ? active : active + 1;
		for (let step = 0; step < Math.min(total, 5000); step++) {
			const index = (Math.max(from, 0) + step) % total;
			if (entries.entryAt(index)?.name.toLowerCase().startsWith(typed.current.text)) {
				onActive(index);
				list.current?.scrollToRow(index);
				return true;
			}
		}
		return true;
	};
	const list = useRef<TallListHandle>(null);
	const whole = pickState(basket, path);
	// biome-ignore lint/correctness/useExhaustiveDependencies: another folder begins at its top, with the focus in the list
	useEffect(() => {
		list.current?.scrollToRow(0);
	}, [path]);

	return (
		<TallList
			handle={(own) => {
				list.current = own;
				if (typeof handle === 'function') handle(own);
				else if (handle) handle.current = own;
			}}
			label={`Content of ${displayPath(path)}`}
			rowCount={entries.total ?? 0}
			rowHeightPx={28}
			active={active}
			onActive={onActive}
			onOpen={open}
			onPick={(index) => {
				const entry = entries.entryAt(index);
				if (entry) onToggle(pickedFrom(path, entry));
			}}
			onKey={onKey}
			onRange={entries.setRange}
			empty={empty}
			idPrefix="entry"
			header={
				<div className={classes.head}>
					<input
						type="checkbox"
						className={classes.box}
						aria-label="Restore this folder with everything in it"
						title={whole === 'inherited' ? 'Part of a folder that is selected' : 'Everything in this folder'}
						checked={whole === 'picked' || whole === 'inherited'}
						ref={(box) => {
							if (box) box.indeterminate = whole === 'partial';
						}}
						disabled={whole === 'inherited' || entries.total === null}
						onChange={() => onToggle({ path, type: 'directory', sizeBytes: 0 })}
					/>
					<span>Name</span>
					<span className={classes.end}>Size</span>
					<span>Modified</span>
					<span className={classes.wide}>Mode</span>
					<span className={classes.wide}>Owner</span>
				</div>
			}
			row={(index) => {
				const entry = entries.entryAt(index);
				return entry ? (
					<Row entry={entry} path={path} state={pickState(basket, joinPath(path, entry.name))} onOpen={onOpenFolder} onToggle={onToggle} />
				) : (
					<div className={classes.row}>
						<span />
						<span className={classes.placeholder} />
					</div>
				);
			}}
		/>
	);
}

/** Drawn again only when it changes: scrolling through a million rows is mostly moving what is there. */
const Row = memo(function Row({
	entry,
	path,
	state,
	onOpen,
	onToggle,
}: {
	readonly entry: BrowseEntry;
	readonly path: string;
	readonly state: PickState;
	readonly onOpen: (path: string) => void;
	readonly onToggle: (entry: Picked) => void;
}): ReactNode {
	const full = joinPath(path, entry.name);
	const Icon = icons[entry.type];
	const name = displayPath(entry.name);
	return (
		<div className={classes.row} data-picked={state === 'picked' || state === 'inherited' || undefined}>
			<span role="gridcell" tabIndex={-1}>
				<input
					type="checkbox"
					className={classes.box}
					tabIndex={-1}
					aria-label={`Restore ${name}`}
					title={state === 'inherited' ? 'Part of a folder that is selected' : undefined}
					checked={state === 'picked' || state === 'inherited'}
					ref={(box) => {
						if (box) box.indeterminate = state === 'partial';
					}}
					disabled={state === 'inherited'}
					onChange={() => onToggle(pickedFrom(path, entry))}
				/>
			</span>
			<span role="gridcell" tabIndex={-1} className={classes.name}>
				<Icon size={16} stroke={1.6} data-type={entry.type} role="img" aria-label={typeWord[entry.type]} />
				{entry.type === 'directory' ? (
					<button type="button" tabIndex={-1} className={classes.folder} onClick={() => onOpen(full)} title={name}>
						{name}
					</button>
				) : (
					<span className={classes.text} title={name}>
						{name}
						{entry.target === null ? null : <small> → {displayPath(entry.target)}</small>}
					</span>
				)}
			</span>
			<span role="gridcell" tabIndex={-1} className={classes.end} title={entry.type === 'file' ? `${formatNumber(entry.sizeBytes)} bytes` : undefined}>
				{entry.type === 'file' || entry.sizeBytes > 0 ? formatBytes(entry.sizeBytes) : ''}
			</span>
			<span role="gridcell" tabIndex={-1} className={classes.value} title={entry.modifiedAt === null ? undefined : formatFull(entry.modifiedAt)}>
				{entry.modifiedAt === null ? '–' : formatDateTime(entry.modifiedAt)}
			</span>
			<span role="gridcell" tabIndex={-1} className={`${classes.wide} ${classes.mode}`} title={(entry.mode & 0o7777).toString(8).padStart(4, '0')}>
				{modeText(entry.mode)}
			</span>
			<span role="gridcell" tabIndex={-1} className={`${classes.wide} ${classes.value}`} title={entry.owner}>
				{entry.owner}
			</span>
		</div>
	);
});
