/**
 * Runs the test files, some at a time, each in a process of its own, or with its neighbours if all of them are small, with a deadline of its
 * own: Node's test timeout ends a test, not a process that a forgotten handle keeps alive. Quiet on success; the last line is `N passed, N failed`.
 * Arguments choose files: any part of their path. With `HOLDFAST_TEST_AGAIN=1` what fails is run once more, alone.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { inspect, styleText } from 'node:util';
import { buildRenderer, isRendererStale } from '../electron/build.ts';
import { isBundleFresh } from '../engine/cli/bundle.js';
import { bundleEngine } from './bundle-engine.ts';

const root = join(import.meta.dirname, '..');
const patterns = ['e2e', 'engine', 'electron', 'renderer', 'bench', '.ci'].map((folder) => `${folder}/**/*.test.ts`);
const testTimeoutMs = 300_000;
const fileTimeoutMs = 420_000;
/** In the order of their time, so that the long ones do not stand alone at the end. A file that is not named comes after them. */
const longest = [
	'engine/virtual-machine-guest.test.ts',
	'engine/cli/off-host.test.ts',
	'engine/cli/cli.test.ts',
	'engine/restore/crash.test.ts',
	'engine/source/vm/adapters/libvirt/disk-backup.test.ts',
	'e2e/desktop.test.ts',
	'engine/repository/model.test.ts',
	'e2e/fake/console.test.ts',
	'engine/cli/machine-host.test.ts',
	'engine/restore/bounds.test.ts',
	'engine/cli/remote-network.test.ts',
	'engine/virtual-machines.test.ts',
	'engine/repository/crash.test.ts',
	'engine/repository/full-storage.test.ts',
	'engine/cli/remote-repository.test.ts',
	'engine/cli/remote-restore.test.ts',
	'engine/cli/remote-source.test.ts',
	'e2e/browser.test.ts',
	'engine/virtual-machine-crashes.test.ts',
	'engine/stand-alone-reader.test.ts',
	'engine/repository/dead-room.test.ts',
	'engine/restore/trouble.test.ts',
	'engine/cli/encryption.test.ts',
	'engine/restore/disks.test.ts',
	'e2e/encryption.test.ts',
	'engine/restored-machines.test.ts',
	'engine/block/qcow2.test.ts',
	'engine/cli/chains.test.ts',
	'engine/restore/damage.test.ts',
	'engine/cli/import.test.ts',
	'engine/restore/repair.test.ts',
	'engine/restore/left-out.test.ts',
	'engine/cli/gateway-auto.test.ts',
	'engine/cli/gateway.test.ts',
	'engine/restore/wire.test.ts',
	'engine/restore/everything.test.ts',
	'engine/restore/settings.test.ts',
	'engine/restore/wire-tls.test.ts',
	'engine/source/vm/adapters/libvirt/libvirt.test.ts',
];
/** Folders of small files, which change nothing outside: those of one row run in one process, because starting it takes longer than they do. */
const together = [
	['engine/jobs/'],
	['engine/api/', 'engine/config/', 'engine/contract/', 'engine/format/', 'engine/infra/', 'engine/mover/throttle/'],
	['electron/', 'renderer/'],
] as const;
/** More files than these are not run again. */
const maxFilesAgain = 3;
/** On two processors three: most files wait now and then, for storage or for another process. */
const filesAtOnce = Math.max(3, Math.floor(availableParallelism() / 2));

type Failure = { readonly title: string; readonly text: string };
/** What one process runs. */
type Batch = { readonly title: string; readonly files: readonly [string, ...string[]] };
type BatchResult = {
	readonly batch: Batch;
	readonly passed: number;
	readonly failures: readonly Failure[];
	readonly failed: number;
	readonly skips: readonly string[];
	readonly output: string;
	readonly durationMs: number;
};

/** What `node:test` says of one test, as far as it is used here. */
type TestReport = {
	readonly name: string;
	readonly file?: string;
	readonly line?: number;
	readonly skip?: string | boolean;
	readonly details: { readonly error?: Error & { readonly failureType?: string } };
};

async function runBatch(batch: Batch): Promise<BatchResult> {
	const { files } = batch;
	const isOne = files.length === 1;
	const startedAt = performance.now();
	const failures: Failure[] = [];
	const skips: string[] = [];
	const output: string[] = [];
	const totals = { passed: 0, failed: 0 };
	const stream = run({
		files: [isOne ? join(root, files[0]) : join(import.meta.dirname, 'together.ts')],
		argv: isOne ? [] : files.map((file) => join(root, file)),
		cwd: root,
		isolation: 'process',
		execArgv: ['--import', join(import.meta.dirname, 'bundled-threads.js')],
		timeout: testTimeoutMs,
		signal: AbortSignal.timeout(fileTimeoutMs),
	});
	for await (const event of stream) {
		if (event.type === 'test:fail') {
			const { name, file = files[0], line, details } = event.data as TestReport;
			// A parent that fails only because of its children has nothing to add.
			if (details.error?.failureType !== 'subtestsFailed') {
				failures.push({
					title: `${relative(root, file)}${line === undefined ? '' : `:${line}`}  ${name}`,
					text: inspect(details.error?.cause ?? details.error),
				});
			}
		} else if (event.type === 'test:pass') {
			const { name, file = files[0], skip } = event.data as TestReport;
			if (skip) skips.push(`${relative(root, file)}  ${name}${typeof skip === 'string' ? `: ${skip}` : ''}`);
		} else if (event.type === 'test:stderr' || event.type === 'test:stdout') {
			output.push(event.data.message);
		} else if (event.type === 'test:summary' && event.data.file === undefined) {
			const { counts } = event.data;
			totals.passed = counts.passed + counts.todo;
			totals.failed = counts.tests - counts.passed - counts.todo - counts.skipped;
		}
	}
	return { batch, ...totals, failures, skips, output: output.join(''), durationMs: performance.now() - startedAt };
}

function print({ batch: { title }, passed, failed, failures, skips, output, durationMs }: BatchResult): void {
	const mark = failed > 0 ? styleText('red', '✖') : styleText('green', '✔');
	const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skips.length > 0 && `${skips.length} skipped`].filter(Boolean).join(', ');
	console.log(`${mark} ${title}  ${styleText('dim', `${counts}, ${(durationMs / 1000).toFixed(1)} s`)}`);
	for (const failure of failures) console.log(`\n  ${styleText('red', failure.title)}\n${failure.text.replaceAll(/^/gm, '    ')}\n`);
	if (failed > 0 && output.trim() !== '') console.log(`  Output of ${title}:\n${output.trimEnd().replaceAll(/^/gm, '    ')}\n`);
}

function chosenFiles(parts: readonly string[]): string[] {
	const all = patterns.flatMap((pattern) => globSync(pattern, { cwd: root, exclude: ['**/node_modules/**'] }).sort());
	const rank = (file: string): number => (longest.indexOf(file) + longest.length + 1) % (longest.length + 1);
	const files = all.toSorted((a, b) => rank(a) - rank(b));
	return parts.length === 0 ? files : files.filter((file) => parts.some((part) => file.includes(part)));
}

/** In the order in which they begin. */
function batchesOf(files: readonly string[]): Batch[] {
	const rowOf = (file: string): string => together.find((row) => row.some((folder) => file.startsWith(folder)))?.join(' ') ?? file;
	return [...Map.groupBy(files, rowOf)].map(([row, [first = row, ...others]]) => ({
		title: others.length === 0 ? first : `${others.length + 1} files of ${row}`,
		files: [first, ...others],
	}));
}

const list = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

/**
 * A few files that failed, once more, each alone. What passes then counts as passed and is named: such a test must be mended, but should not stand
 * in the way of a change that has nothing to do with it. Where much fails, the change itself is to blame.
 * @returns the tests that failed before, and passed now
 */
async function runAgain(results: BatchResult[]): Promise<string[]> {
	const before = results.filter(({ failed }) => failed > 0);
	if (before.length > maxFilesAgain) return [];
	const unsteady: string[] = [];
	for (const first of before) {
		console.log(`\nOnce more, alone: ${first.batch.title}`);
		const second = await runBatch(first.batch);
		print(second);
		if (second.failed > 0) continue;
		results[results.indexOf(first)] = second;
		unsteady.push(...first.failures.map(({ title }) => title));
	}
	return unsteady;
}

// Stripping types costs more than most tests; what the processes and threads of one file compiled, the others need not.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'tests');

const files = chosenFiles(process.argv.slice(2));
if (files.length === 0) {
	console.error(`No test file has ${process.argv.slice(2).join(' or ')} in its path.`);
	process.exit(2);
}
if (files.some((file) => file.startsWith('e2e/')) && isRendererStale()) await buildRenderer();
if (!isBundleFresh(root)) await bundleEngine();

const results: BatchResult[] = [];
const waiting = batchesOf(files).values();
await Promise.all(
	Array.from({ length: filesAtOnce }, async () => {
		for (const batch of waiting) {
			const result = await runBatch(batch);
			print(result);
			results.push(result);
		}
	}),
);

const unsteady = process.env.HOLDFAST_TEST_AGAIN === '1' ? await runAgain(results) : [];
const skips = results.flatMap((result) => result.skips);
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
if (skips.length > 0) console.log(`\nSkipped:\n${list(skips)}`);
if (unsteady.length > 0) console.log(`\nUnsteady, to be mended (failed beside other tests, passed alone):\n${list(unsteady)}`);
const failures = results.flatMap((result) => result.failures);
if (failures.length > 0) console.log(`\nFailed:\n${list(failures.map(({ title }) => title))}`);
console.log(`\n${passed} passed, ${failed} failed${skips.length > 0 ? `, ${skips.length} skipped` : ''}`);
// Whatever a test file left running in its own process is not waited for.
process.exit(failed === 0 ? 0 : 1);
