import { AreaChart } from '@mantine/charts';
import { type ReactNode, useMemo } from 'react';
import type { Session } from '../../../engine/contract/index.ts';
import { formatDuration, formatRate } from '../../ui/format.ts';
import classes from './throughput-chart.module.css';

const series = [
	{ name: 'readRate', label: 'Read', color: 'var(--hf-chart-1, var(--hf-accent))' },
	{ name: 'transferRate', label: 'Transferred', color: 'var(--hf-chart-2, #12b886)' },
	{ name: 'writeRate', label: 'Stored', color: 'var(--hf-chart-3, #f59f00)' },
];

/** Round steps in binary units, so that the axis reads 0, 5, 10 MiB/s and not 0, 4.29, 8.58. */
function rateTicks(most: number): number[] {
	const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(most, 1)) / Math.log(1024)));
	const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].map((step) => step * unit);
	const step = steps.find((each) => most / each <= 4) ?? most / 4;
	const count = Math.max(1, Math.ceil(most / step));
	return Array.from({ length: count + 1 }, (_, index) => index * step);
}

const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400].map((seconds) => seconds * 1000);

/** At most seven round times from the start on. */
function timeTicks(lastMs: number): number[] {
	const step = timeSteps.find((each) => lastMs / each <= 6) ?? lastMs / 6;
	return Array.from({ length: Math.floor(lastMs / step) + 1 }, (_, index) => index * step);
}

/** Rates over the session's time. The engine thins the samples, so a session of a week has no more of them than one of an hour. */
export function ThroughputChart({
	samples,
	isLive,
	isReading = false,
}: {
	readonly samples: Session['throughput'];
	readonly isLive: boolean;
	/** A check or a verification: nothing is sent or written. */
	readonly isReading?: boolean;
}): ReactNode {
	// recharts keeps a reference and freezes nothing; it gets its own rows.
	const data = useMemo(() => samples.map((sample) => ({ ...sample })), [samples]);
	const yTicks = useMemo(
		() => rateTicks(samples.reduce((most, sample) => Math.max(most, sample.readRate, sample.transferRate, sample.writeRate), 1024)),
		[samples],
	);
	const xTicks = useMemo(() => timeTicks(samples.at(-1)?.offsetMs ?? 0), [samples]);
	if (data.length < 2) {
		return <p className={classes.empty}>{isLive ? 'The first samples come in a moment.' : 'This session was too short to be measured.'}</p>;
	}
	return (
		<AreaChart
			className={classes.chart}
			h={148}
			data={data}
			dataKey="offsetMs"
			series={isReading ? series.slice(0, 1) : series}
			valueFormatter={formatRate}
			withLegend
			withDots={false}
			withGradient={false}
			fillOpacity={0.07}
			strokeWidth={1.5}
			curveType="monotone"
			tickLine="none"
			gridAxis="y"
			legendProps={{ verticalAlign: 'top', height: 24 }}
			xAxisProps={{
				type: 'number',
				domain: [0, 'dataMax'],
				ticks: xTicks,
				interval: 0,
				tickFormatter: (value: number) => (value === 0 ? '0' : formatDuration(value)),
				tickMargin: 4,
			}}
			yAxisProps={{ width: 76, tickFormatter: (value: number) => (value === 0 ? '0' : formatRate(value)), ticks: yTicks, domain: [0, yTicks.at(-1) ?? 1] }}
			tooltipProps={{ labelFormatter: (label) => `after ${formatDuration(Number(label))}`, isAnimationActive: false }}
			areaProps={{ isAnimationActive: false }}
			areaChartProps={{ margin: { top: 0, right: 8, bottom: 0, left: 0 } }}
		/>
	);
}
