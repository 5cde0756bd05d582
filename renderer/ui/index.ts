/**
 * Parts that every page shares. They know numbers, states and layout, nothing of backup, and speak to no server.
 * Every part works with the keyboard and in both colour schemes; colours come from `app/theme.css`.
 */
export { ConfirmDialog, type ConfirmDialogProps } from './confirm-dialog.tsx';
export {
	bytesPerSecOf,
	formatBytes,
	formatDate,
	formatDateTime,
	formatDayMonth,
	formatDuration,
	formatFull,
	formatHour,
	formatLimit,
	formatNumber,
	formatRate,
	formatTime,
	formatTimeAgo,
	formatWeekdayTime,
	megabytesPerSecOf,
	plural,
} from './format.ts';
export { notifyDone, notifyFailure } from './notify.tsx';
export { useNow } from './now.ts';
export { EmptyState, ErrorPanel, Facts, type Failure, PageHeader, Section } from './panels.tsx';
export { Sparkline, type SparkPoint } from './sparkline.tsx';
export { SplitView } from './split-view.tsx';
export { type Conflict, type SettingRow, StaleRevision } from './stale-revision.tsx';
export { type Status, StatusBadge, StatusIcon, statusWord } from './status.tsx';
export { type GridColumn, type SortState, TableGrid, type TableGridProps } from './table-grid.tsx';
export { TallList, type TallListHandle } from './tall-list.tsx';
export { Bytes, Count, Duration, Rate, TimeAgo, Unknown } from './values.tsx';
export { type TableColumn, VirtualTable, type VirtualTableProps } from './virtual-table.tsx';
