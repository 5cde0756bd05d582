/** The thread of one backup run. */
import { runBackup } from './backup-task.ts';
import type { BackupRun } from './task.ts';
import { serveTask } from './thread.ts';

serveTask<BackupRun>(runBackup);
