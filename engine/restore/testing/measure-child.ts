/** For tests only: one backup in a process of its own, measured: its peak of resident memory, and how long its main thread was busy without a pause. */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { type BackupRun, backUp } from '../../mover/index.ts';

enableCompileCache();
const run = JSON.parse(process.argv[2] ?? '') as BackupRun;
let items = 0;
let blockedMs = 0;
// processor time of this thread between two turns of its loop: a busy machine that gives it none is not our doing
const cpuMs = (): number => {
	const { user, system } = process.threadCpuUsage();
	return (user + system) / 1000;
};
let last = cpuMs();
const tick = setInterval(() => {
	const now = cpuMs();
	blockedMs = Math.max(blockedMs, now - last);
	last = now;
}, 10);
const quiet = { activity: () => {}, warning: () => {}, info: () => {}, bottleneck: () => {}, mode: () => {} };
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
