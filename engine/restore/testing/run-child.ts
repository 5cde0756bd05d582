/** For tests only: one backup in a process of its own, so that it can be killed. Says `go` when it begins and `done` when it has ended. */
import { enableCompileCache } from 'node:module';
import type { BackupRun } from '../../mover/index.ts';
import { backUp } from '../../mover/testing.ts';

enableCompileCache();
const run = JSON.parse(process.argv[2] ?? '') as BackupRun;
const quiet = { counters: () => {}, activity: () => {}, warning: () => {}, info: () => {}, bottleneck: () => {}, mode: () => {} };
process.stdout.write('go\n');
await backUp(
	run,
	run.objects.map(() => quiet),
	{},
);
process.stdout.write('done\n');
