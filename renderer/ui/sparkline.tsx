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
	const bar = Math.max(1, step - 1);
	// One path per tone: a table draws hundreds of these while it scrolls.
	const paths = new Map<SparkPoint['tone'], string>();
	for (const [i, { value, tone }] of points.entries()) {
		const size = value === 0 ? 1 : Math.max(1.5, Math.sqrt(value / max) * (height - 1));
		paths.set(tone, `${paths.get(tone) ?? ''}M${(i * step).toFixed(1)} ${height}v${(-size).toFixed(1)}h${bar.toFixed(1)}V${height}z`);
	}
	return (
		<svg className={classes.spark} width={width} height={height} role="img" aria-label={label}>
			<title>{label}</title>
			{[...paths].map(([tone, path]) => (
				<path key={tone ?? ''} data-tone={tone} d={path} />
			))}
		</svg>
	);
}
