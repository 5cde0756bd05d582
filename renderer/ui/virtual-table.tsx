import {
	columnFilteringFeature,
	createFilteredRowModel,
	createSortedRowModel,
	globalFilteringFeature,
	type RowData,
	rowSelectionFeature,
	rowSortingFeature,
	type SortingState,
	tableFeatures,
	useTable,
} from '@tanstack/react-table';
import { type ReactNode, useMemo, useRef, useState } from 'react';
import { type GridColumn, type SortState, TableGrid } from './table-grid.tsx';

export type TableColumn<T> = GridColumn<T> & {
	/** Present: the column can be sorted. Null sorts last, whatever the direction. */
	readonly sortBy?: (row: T) => string | number | null;
	/** Present: the filter looks here. */
	readonly text?: (row: T) => string;
};

const features = tableFeatures({
	columnFilteringFeature,
	globalFilteringFeature,
	rowSelectionFeature,
	rowSortingFeature,
	filteredRowModel: createFilteredRowModel(),
	sortedRowModel: createSortedRowModel(),
});
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export type VirtualTableProps<T extends RowData> = {
	readonly label: string;
	/** Keep it stable between renders: a new array is filtered and sorted again. */
	readonly rows: readonly T[];
	/** Keep it stable between renders, as above. */
	readonly columns: readonly TableColumn<T>[];
	readonly rowId: (row: T) => string;
	/** Every word must occur in the text of some column. */
	readonly filter?: string;
	readonly defaultSort?: SortState;
	readonly rowHeight?: number;
	readonly activeId?: string | null;
	readonly onActivate?: (row: T) => void;
	readonly onOpen?: (row: T) => void;
	readonly selectedIds?: ReadonlySet<string>;
	readonly onSelectionChange?: (ids: ReadonlySet<string>) => void;
	readonly empty?: ReactNode;
};

/** Rows that are all here: sorted, filtered, selected in the page. For lists that the server pages, use `TableGrid` with `rowAt` and `onRange`. */
export function VirtualTable<T extends RowData>({
	rows,
	columns,
	rowId,
	filter = '',
	defaultSort,
	selectedIds,
	onSelectionChange,
	...rest
}: VirtualTableProps<T>): ReactNode {
	const [sorting, setSorting] = useState<SortingState>(defaultSort ? [{ id: defaultSort.id, desc: defaultSort.descending }] : []);
	const anchor = useRef<number | null>(null);

	const definitions = useMemo(
		() =>
			columns.map((column) => ({
				id: column.id,
				accessorFn: (row: T) => column.sortBy?.(row) ?? undefined,
				enableSorting: column.sortBy !== undefined,
				sortUndefined: 'last' as const,
				sortFn: (a: { getValue(id: string): unknown }, b: { getValue(id: string): unknown }, id: string) => {
					const [left, right] = [a.getValue(id), b.getValue(id)];
					return typeof left === 'number' && typeof right === 'number' ? left - right : collator.compare(String(left), String(right));
				},
			})),
		[columns],
	);
	const texts = useMemo(() => columns.flatMap(({ text }) => (text ? [text] : [])), [columns]);
	const table = useTable({
		features,
		columns: definitions,
		data: rows,
		getRowId: rowId,
		state: { sorting, globalFilter: filter.trim().toLowerCase() },
		onSortingChange: setSorting,
		getColumnCanGlobalFilter: (column) => column.id === columns[0]?.id,
		globalFilterFn: (row, _column, words: string) => {
			const haystack = texts
				.map((text) => text(row.original))
				.join('\n')
				.toLowerCase();
			return words.split(/\s+/).every((word) => haystack.includes(word));
		},
	});
	const shown = table.getRowModel().rows;
	const sortable = useMemo(() => new Set(columns.filter(({ sortBy }) => sortBy).map(({ id }) => id)), [columns]);

	const select = (row: T, index: number, range: boolean): void => {
		if (!selectedIds || !onSelectionChange) return;
		const next = new Set(selectedIds);
		const turnOn = !selectedIds.has(rowId(row));
		const from = range && anchor.current !== null ? Math.min(anchor.current, index) : index;
		const to = range && anchor.current !== null ? Math.max(anchor.current, index) : index;
		for (const each of shown.slice(from, to + 1)) turnOn || range ? next.add(each.id) : next.delete(each.id);
		anchor.current = index;
		onSelectionChange(next);
	};
	const sorted = sorting[0];
	return (
		<TableGrid
			{...rest}
			columns={columns}
			count={shown.length}
			rowAt={(index) => shown[index]?.original}
			rowId={rowId}
			sort={sorted ? { id: sorted.id, descending: sorted.desc } : null}
			sortable={sortable}
			onSort={(id) => setSorting(sorted?.id === id ? [{ id, desc: !sorted.desc }] : [{ id, desc: false }])}
			{...(selectedIds && {
				selectedIds,
				onSelect: select,
				onSelectAll: (selected: boolean) => onSelectionChange?.(new Set(selected ? shown.map(({ id }) => id) : [])),
				isAllSelected: shown.length > 0 && shown.every(({ id }) => selectedIds.has(id)),
			})}
		/>
	);
}
