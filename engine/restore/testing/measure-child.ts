/** For tests only: one backup in a process of its own, measured: its peak of resident memory, and how long its main thread was held up. */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { type BackupRun, backUp } from '../../mover/index.ts';

enableCompileCache();
const run = JSON.parse(process.argv[2] ?? '') as BackupRun;
let items = 0;
let last = performance.now();
let blockedMs = 0;
const tick = setInterval(() => {
	const now = performance.now();
	blockedMs = Math.max(blockedMs, now - last - 10);
	last = now;
}, 10);
const quiet = { activity: () => {}, warning: () => {}, info: () => {}, bottleneck: () => {} };
const outcomes = await backUp(
	run,
	run.objects.map(() => ({
		...quiet,
		counters: ({ doneItems }: { doneItems: number }) => {
			items = doneItems;
		},
	})),
	{},
);
clearInterval(tick);
const peakBytes = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
process.stdout.write(JSON.stringify({ peakBytes, blockedMs, items, counters: outcomes[0]?.counters }));
