import type { ReactNode } from 'react';
import classes from './sparkline.module.css';

export type SparkPoint = { readonly value: number; readonly tone?: 'ok' | 'warn' | 'bad' | 'quiet' | 'busy' };

/** A word-sized bar chart from zero. Heights follow the square root, so that a full does not flatten the increments beside it. */
export function Sparkline({
	points,
	label,
	width = 96,
	height = 20,
}: {
	readonly points: readonly SparkPoint[];
	readonly label: string;
	readonly width?: number;
	readonly height?: number;
}): ReactNode {
	const max = Math.max(1, ...points.map(({ value }) => value));
	const step = Math.min(width / Math.max(points.length, 1), 8);
	return (
		<svg className={classes.spark} width={width} height={height} role="img" aria-label={label}>
			<title>{label}</title>
			{points.map(({ value, tone }, i) => {
				const bar = value === 0 ? 1 : Math.max(1.5, Math.sqrt(value / max) * (height - 1));
				// biome-ignore lint/suspicious/noArrayIndexKey: a bar is its position
				return <rect key={i} data-tone={tone} x={i * step} y={height - bar} width={Math.max(1, step - 1)} height={bar} rx={0.5} />;
			})}
		</svg>
	);
}
