import type { ReactNode } from 'react';
import { formatBytes } from '../../ui/index.ts';
import classes from './capacity-bar.module.css';

/** Below these shares of free room the bar warns, and alarms. */
const lowShare = 0.15;
const veryLowShare = 0.05;

/** What our backup files take, what other things take, and what is free, to scale. */
export function CapacityBar({
	capacityBytes,
	freeBytes,
	usedBytes,
}: {
	readonly capacityBytes: number | null;
	readonly freeBytes: number | null;
	readonly usedBytes: number;
}): ReactNode {
	if (capacityBytes === null || freeBytes === null || capacityBytes === 0) {
		return <span className={classes.unknown}>{formatBytes(usedBytes)} at the last look</span>;
	}
	const others = Math.max(0, capacityBytes - freeBytes - usedBytes);
	const share = (bytes: number): string => `${(Math.min(bytes, capacityBytes) / capacityBytes) * 100}%`;
	const freeShare = freeBytes / capacityBytes;
	const tone = freeShare < veryLowShare ? 'bad' : freeShare < lowShare ? 'warn' : 'ok';
	const text = `${formatBytes(usedBytes)} backups, ${formatBytes(others)} other files, ${formatBytes(freeBytes)} free of ${formatBytes(capacityBytes)}`;
	return (
		<span className={classes.capacity} title={text}>
			<span className={classes.bar} data-tone={tone} role="img" aria-label={text}>
				<i className={classes.ours} style={{ width: share(usedBytes) }} />
				<i className={classes.others} style={{ width: share(others) }} />
			</span>
			<span className={classes.text}>
				<span>{formatBytes(freeBytes)} free</span>
				<span>of {formatBytes(capacityBytes)}</span>
			</span>
		</span>
	);
}
