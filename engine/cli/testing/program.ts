/** For tests only: the program on real files in a place of its own, as its own process or in that of the test. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { silentLog, systemClock } from '../../base/index.ts';
import { openEngine } from '../../engine.ts';
import { compareTrees } from '../compare-trees.ts';
import { runCommandLine } from '../index.ts';
import { Collected } from '../testing.ts';

export const program = join(import.meta.dirname, '..', 'holdfast.js');

export type Ended = { code: number; stdout: string; stderr: string };
export type Started = { child: ChildProcess; stdout: Collected; stderr: Collected; ended: Promise<Ended> };
export type Place = {
	root: string;
	start(...args: string[]): Started;
	run(...args: string[]): Promise<Ended>;
	// biome-ignore lint/suspicious/noExplicitAny: a document of any command; the tests say what must be in it
	json(...args: string[]): Promise<Ended & { document: any }>;
};

export async function makePlace(t: TestContext, command: readonly [string, ...string[]] = [process.execPath, program]): Promise<Place> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-program-'));
	t.after(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
	const temporary = join(root, 'tmp');
	await mkdir(temporary);
	const start: Place['start'] = (...args) => {
		const child = spawn(command[0], [...command.slice(1), ...args], {
			cwd: root,
			env: { ...process.env, HOLDFAST_DATA: join(root, 'data'), TMPDIR: temporary },
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		t.after(() => child.kill('SIGKILL'));
		const [stdout, stderr] = [new Collected(), new Collected()];
		child.stdout.pipe(stdout);
		child.stderr.pipe(stderr);
		const ended = new Promise<Ended>((resolve) =>
			child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : -1), stdout: stdout.text, stderr: stderr.text })),
		);
		return { child, stdout, stderr, ended };
	};
	return { root, start, ...endings((args) => start(...args).ended) };
}

/** Commands in the process of the test, with the data folder below `root`. */
const beginIn = (root: string) => (args: readonly string[]) => {
	const [stdout, stderr] = [new Collected(), new Collected()];
	const surroundings = {
		stdout,
		stderr,
		environment: { HOLDFAST_DATA: join(root, 'data') },
		workingFolder: root,
		clock: systemClock,
		rendererFolder: join(root, 'no-console'),
		program,
		announce: () => undefined,
		openEngine: (options: Parameters<typeof openEngine>[0]) => openEngine({ ...options, logger: silentLog }),
	};
	const ended = runCommandLine(args, surroundings, '1.2.3').then((code): Ended => ({ code, stdout: stdout.text, stderr: stderr.text }));
	return { stdout, ended };
};

/** The same in the process of the test, each command on an engine of its own. */
export async function makePlaceInProcess(t: TestContext): Promise<Omit<Place, 'start'>> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-commands-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const begin = beginIn(root);
	return { root, ...endings((args) => begin(args).ended) };
}

/**
 * The same on one engine for all commands: for histories of dozens of commands, of which each would start a process and open an engine of its own.
 */
export async function makeServedPlace(t: TestContext): Promise<Omit<Place, 'start'>> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-served-'));
	const begin = beginIn(root);
	const server = begin(['server', 'start', '--listen', '127.0.0.1:0']);
	t.after(async () => {
		process.emit('SIGTERM');
		await server.ended;
		await rm(root, { recursive: true, force: true, maxRetries: 5 });
	});
	await Promise.race([server.stdout.hear(/#token=/), server.ended.then(({ stderr }) => assert.fail(`the server did not start: ${stderr}`))]);
	return { root, ...endings((args) => begin(args).ended) };
}

const endings = (end: (args: readonly string[]) => Promise<Ended>): Pick<Place, 'run' | 'json'> => ({
	run: (...args) => end(args),
	async json(...args) {
		const ended = await end([...args, '--json']);
		assert.match(ended.stdout, /^[^\n]+\n$/, `${args.join(' ')}: exactly one document\n${ended.stderr}`);
		return { ...ended, document: JSON.parse(ended.stdout) };
	},
});

/** Bytes that do not compress, the same at each run. */
export function noise(seed: string, sizeBytes: number): Buffer {
	const blocks = Array.from({ length: Math.ceil(sizeBytes / 64) }, (_, index) => createHash('sha512').update(`${seed} ${index}`).digest());
	return Buffer.concat(blocks).subarray(0, sizeBytes);
}

export async function makeFolder(folder: string): Promise<void> {
	await mkdir(join(folder, 'deep', 'er'), { recursive: true });
	await writeFile(join(folder, 'text.txt'), 'hello\n'.repeat(1000));
	await writeFile(join(folder, 'deep', 'noise.bin'), noise('folder', 1_500_000));
	await writeFile(join(folder, 'deep', 'er', 'empty'), '');
	await chmod(join(folder, 'deep', 'er', 'empty'), 0o640);
	await symlink('../text.txt', join(folder, 'deep', 'link'));
}

export const sameTree = async (original: string, copy: string): Promise<void> => {
	const { differences } = await compareTrees({ original, copy, skipNames: new Set(), skipPaths: new Set(), changedAfter: Number.POSITIVE_INFINITY });
	assert.deepEqual(differences, []);
};

export async function addJob(place: Pick<Place, 'run'>, source: string, ...options: string[]): Promise<void> {
	assert.equal((await place.run('repository', 'add', 'Main', '--path', 'backup')).code, 0);
	const { code, stderr } = await place.run('job', 'add', 'Web', '--source', source, '--repository', 'Main', ...options);
	assert.equal(code, 0, stderr);
}

/** Runs a command that must succeed, and gives its document. */
// biome-ignore lint/suspicious/noExplicitAny: a document of any command; the tests say what must be in it
export type Succeed = (...args: string[]) => Promise<any>;
export const succeeding =
	(place: Pick<Place, 'json'>): Succeed =>
	async (...args) => {
		const { code, document, stderr } = await place.json(...args);
		assert.equal(code, 0, `${args.join(' ')}: ${stderr} ${JSON.stringify(document)}`);
		return document;
	};
