/** For tests only: the command line in this process, on a real engine whose data plane is in memory. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { type Clock, silentLog, systemClock } from '../base/index.ts';
import type { SourceSpec } from '../contract/index.ts';
import { openEngine } from '../engine.ts';
import { FakePlane } from '../jobs/testing/fake-plane.ts';
import { type ExitCode, runCommandLine } from './index.ts';

export class Collected extends Writable {
	text = '';
	readonly #heard: { readonly pattern: RegExp; readonly resolve: (match: RegExpExecArray) => void }[] = [];

	override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
		this.text += chunk.toString('utf8');
		for (const { pattern, resolve } of this.#heard) {
			const match = pattern.exec(this.text);
			if (match) resolve(match);
		}
		done();
	}

	/** Resolves once the pattern has been written. */
	hear(pattern: RegExp): Promise<RegExpExecArray> {
		const match = pattern.exec(this.text);
		return match ? Promise.resolve(match) : new Promise((resolve) => this.#heard.push({ pattern, resolve }));
	}
}

export type Run = { readonly stdout: Collected; readonly stderr: Collected; readonly code: Promise<ExitCode> };

export type Site = {
	readonly root: string;
	readonly plane: FakePlane;
	readonly source: SourceSpec;
	/** Instead of the real one, for what the command line itself waits for. */
	clock: Clock;
	/** The engine's clock is ahead of the real one by this. */
	aheadMs: number;
	/** Begins a command and hands over what it says. */
	start(...args: string[]): Run;
	/** Runs a command to its end. */
	run(...args: string[]): Promise<{ code: ExitCode; stdout: string; stderr: string }>;
	/** The same with `--json`: the one document on standard output. */
	// biome-ignore lint/suspicious/noExplicitAny: a document of any command; the tests say what must be in it
	json(...args: string[]): Promise<{ code: ExitCode; document: any; stderr: string }>;
};

/** A site with a folder `documents`, and the working folder above it. */
export async function openSite(t: TestContext): Promise<Site> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const source: SourceSpec = { kind: 'folder', path: join(root, 'documents') };
	await mkdir(source.path);
	const plane = new FakePlane({ now: () => Date.now() });
	plane.putSource(source, { '/a.txt': 'alpha', '/folder/b.txt': 'beta' });
	const start = (...args: string[]): Run => {
		const [stdout, stderr] = [new Collected(), new Collected()];
		const code = runCommandLine(
			args,
			{
				stdout,
				stderr,
				environment: { HOLDFAST_DATA: join(root, 'data') },
				workingFolder: root,
				clock: site.clock,
				rendererFolder: join(root, 'no-console'),
				program: join(root, 'no-program'),
				announce: () => undefined,
				openEngine: (options) =>
					openEngine({ ...options, plane, chainStore: plane, logger: silentLog, clock: { ...systemClock, now: () => Date.now() + site.aheadMs } }),
			},
			'1.2.3',
		);
		return { stdout, stderr, code };
	};
	const run: Site['run'] = async (...args) => {
		const { stdout, stderr, code } = start(...args);
		return { code: await code, stdout: stdout.text, stderr: stderr.text };
	};
	const site: Site = {
		root,
		plane,
		source,
		clock: systemClock,
		aheadMs: 0,
		start,
		run,
		async json(...args) {
			const { code, stdout, stderr } = await run(...args, '--json');
			return { code, document: JSON.parse(stdout), stderr };
		},
	};
	return site;
}

/** A site with the repository Main and the job Web. */
export async function openSiteWithJob(t: TestContext): Promise<Site> {
	const site = await openSite(t);
	for (const args of [
		['repository', 'add', 'Main', '--path', 'backup'],
		['job', 'add', 'Web', '--source', 'folder:documents', '--repository', 'Main'],
	]) {
		const { code, stderr } = await site.run(...args);
		if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
	}
	return site;
}
