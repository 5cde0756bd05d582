/** For tests only: runs that die by `kill -9`, at a time or at what the repository shows. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { BackupRun } from '../../mover/index.ts';

/** When to kill: some time after the run began, or as soon as `until` holds, which is asked whenever something in `folder` has changed. */
export type Trigger = { readonly afterMs: number } | { readonly folder: string; readonly until: () => boolean };
/** What the repository shows of the run after its death. */
export type Phase = 'nothing yet' | 'no record yet' | 'writing' | 'superblock written' | 'named, not listed' | 'done';

const script = new URL('./run-child.ts', import.meta.url).pathname;

/** Starts the run in a process of its own and kills that process. @returns false when the run was done before */
export function killRun(run: BackupRun, trigger: Trigger): Promise<boolean> {
	const child = spawn(process.execPath, [...process.execArgv, script, JSON.stringify(run)], { stdio: ['ignore', 'pipe', 'pipe'] });
	return new Promise((resolve, reject) => {
		let output = '';
		let errors = '';
		const kill = (): void => void child.kill('SIGKILL');
		let watcher: fs.FSWatcher | undefined;
		child.stderr.on('data', (piece) => {
			errors += piece;
		});
		child.stdout.on('data', (piece) => {
			const isBeginning = output === '';
			output += piece;
			if (!isBeginning || !output.startsWith('go')) return;
			if ('afterMs' in trigger) setTimeout(kill, trigger.afterMs).unref();
			else watcher = fs.watch(trigger.folder, () => trigger.until() && kill());
		});
		child.on('error', reject);
		child.on('close', (code) => {
			watcher?.close();
			if (code !== null && code !== 0) reject(new Error(`the run failed by itself: ${errors}`));
			else resolve(!output.includes('done'));
		});
	});
}

const listing = (folder: string): string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : []);

/** Looks at the folder of a job while a run writes into it, and tells what is new since it was made. */
export class FolderWatch {
	readonly #folder: string;
	readonly #known: ReadonlySet<string>;
	readonly #metadata: string;

	constructor(folder: string) {
		this.#folder = folder;
		this.#known = new Set(listing(folder));
		this.#metadata = this.#readMetadata();
	}

	#readMetadata(): string {
		const name = listing(this.#folder).find((entry) => entry.endsWith('.hbm'));
		return name ? fs.readFileSync(join(this.#folder, name), 'latin1') : '';
	}

	get #fresh(): string[] {
		return listing(this.#folder).filter((name) => !this.#known.has(name));
	}

	/** The file that is being written, with its first bytes; null when there is none. */
	part(): { sizeBytes: number; hasSuperblock: boolean } | null {
		const name = this.#fresh.find((entry) => entry.endsWith('.part'));
		if (!name) return null;
		try {
			const fd = fs.openSync(join(this.#folder, name), 'r');
			try {
				const head = Buffer.alloc(8192);
				fs.readSync(fd, head, 0, head.length, 0);
				return { sizeBytes: fs.fstatSync(fd).size, hasSuperblock: head.includes('HOLDFAST') };
			} finally {
				fs.closeSync(fd);
			}
		} catch {
			return null; // it got its name in between
		}
	}

	isNamed(): boolean {
		return this.#fresh.some((name) => /\.h[bir][kb]$/.test(name));
	}

	phase(): Phase {
		if (this.#readMetadata() !== this.#metadata) return 'done';
		if (this.isNamed()) return 'named, not listed';
		const part = this.part();
		if (!part) return 'nothing yet';
		return part.hasSuperblock ? 'superblock written' : part.sizeBytes > 8192 ? 'writing' : 'no record yet';
	}
}
