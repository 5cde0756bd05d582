/**
 * `npm run bench`: seeded data, and the same four operations by us and by our peers, each as its own process, page cache warm.
 * The peers take turns at each operation, so that a slow minute of the machine hurts all alike. See `--help`.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { bundleEngine } from '../.ci/bundle-engine.ts';
import { ChainsBench, type ChainsResult } from './chains.ts';
import { type Command, type Measurement, measure } from './measure.ts';
import { type BenchOptions, help, parseOptions } from './options.ts';
import { createBorg } from './peers/borg.ts';
import { createHoldfast } from './peers/holdfast.ts';
import type { Peer, Place, Subject } from './peers/peer.ts';
import { createRestic } from './peers/restic.ts';
import { type BenchReport, formatReport, type Operation, type Sample, type SubjectResult } from './report.ts';
import { firstDifference } from './same-content.ts';
import { changeShare, createDisk, createSmallFiles, createTree, type Workload, type WorkloadSettings } from './workloads.ts';

const peers: readonly Peer[] = [
	createHoldfast(),
	createHoldfast({ compression: 'fast' }),
	createHoldfast({ beside: 'mover' }),
	createHoldfast({ beside: 'server' }),
	createRestic(),
	createBorg('borg', 'lz4'),
	createBorg('borg-zstd', 'zstd,3'),
];

const workloads: Readonly<Record<string, (settings: WorkloadSettings) => Workload>> = { tree: createTree, disk: createDisk, 'tree-300k': createSmallFiles };

const options = readOptions();
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort(new Error(`Ended by ${signal}.`)));

await bundleEngine(); // as an installation has it: a bundle that is older than a source is not used
const scratch = mkdtempSync(join(options.scratch, 'holdfast-bench-'));
try {
	const report = await bench();
	const folder = join(import.meta.dirname, 'results');
	mkdirSync(folder, { recursive: true });
	const file = join(folder, `${report.startedAt.replaceAll(':', '-')}.json`);
	writeFileSync(file, `${JSON.stringify(report, null, '\t')}\n`);
	console.log(`\n${formatReport(report)}\n\nwritten to ${file}`);
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
} finally {
	rmSync(scratch, { recursive: true, force: true });
}

async function bench(): Promise<BenchReport> {
	const startedAt = new Date().toISOString();
	const { present, missing } = options.chains ? { present: [], missing: [] } : await findPeers();
	const subjects: SubjectResult[] = [];
	const chains: ChainsResult[] = [];
	for (const create of options.subjects.map((name) => workloads[name]).filter((one) => one !== undefined)) {
		console.log('making the data …');
		const startedAtMs = performance.now();
		const workload = create({ folder: scratch, scale: options.scale, seed: options.seed });
		console.log(`data for ${workload.name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
		if (options.chains) {
			chains.push(await (await ChainsBench.create({ scratch, runs: options.runs, encrypt: options.encrypt, days: options.days }, abort)).run(workload));
			continue;
		}
		subjects.push(
			await benchWorkload(
				workload,
				present.map(({ peer }) => peer),
			),
		);
	}
	return {
		startedAt,
		machine: {
			processors: cpus().length,
			model: cpus()[0]?.model ?? 'unknown',
			memoryBytes: totalmem(),
			system: `${type()} ${release()}`,
			node: process.versions.node,
		},
		settings: { scale: options.scale, runs: options.runs, seed: options.seed, changeShare, pageCache: 'warm' },
		peers: present.map(({ peer, version }) => ({ name: peer.name, version, note: peer.note })),
		missing,
		subjects,
		chains,
	};
}

/** Wrong usage and the question for help end the program here, before anything exists that must be removed. */
function readOptions(): BenchOptions {
	try {
		const read = parseOptions(process.argv.slice(2));
		for (const name of read.peers) if (!peers.some((peer) => peer.name === name)) throw new Error(`--peers: "${name}" is not known.`);
		for (const name of read.subjects) if (!(name in workloads)) throw new Error(`--subjects: "${name}" is neither tree nor disk.`);
		if (!read.help) return read;
	} catch (error) {
		console.error(error instanceof Error ? error.message : error);
		console.error(help);
		process.exit(2);
	}
	console.log(help);
	process.exit(0);
}

async function findPeers(): Promise<{ present: { peer: Peer; version: string }[]; missing: string[] }> {
	const present: { peer: Peer; version: string }[] = [];
	const missing: string[] = [];
	for (const peer of peers.filter(({ name }) => options.peers.includes(name))) {
		try {
			present.push({ peer, version: await peer.version() });
		} catch {
			missing.push(peer.name);
		}
	}
	return { present, missing };
}

async function benchWorkload({ subject, name, description, operations, change }: Workload, present: readonly Peer[]): Promise<SubjectResult> {
	const all = present.map((peer) => ({ peer, samples: new Map<Operation, Sample[]>(), repositoryBytes: new Map<Operation, number[]>() }));
	warm(subject.path);
	const subjectBytes = allocatedBytes(subject.path);
	for (let run = 1; run <= options.runs; run++) {
		const places = new Map<Peer, Place>();
		using beside = new DisposableStack();
		for (const peer of present) places.set(peer, await prepare(peer, subject, beside));
		for (const operation of operations) {
			if (operation === 'incremental') change();
			for (const { peer, samples, repositoryBytes } of all) {
				const place = places.get(peer) as Place;
				const { seconds, processorSeconds, peakBytes } =
					operation === 'restore' ? await restore(peer, place, { run, subjectBytes }) : await measureQuietly(peer.backUp(place), subjectBytes);
				append(samples, operation, peer.worksElsewhere ? { seconds, processorSeconds: null, peakBytes: null } : { seconds, processorSeconds, peakBytes });
				if (operation === 'full' || operation === 'incremental') append(repositoryBytes, operation, allocatedBytes(place.repository));
				console.log(
					`${name} run ${run}/${options.runs}  ${operation.padEnd(11)}  ${peer.name.padEnd(9)}  ${seconds.toFixed(2)} s${processorSeconds === null ? '' : `  (processor ${processorSeconds.toFixed(2)} s)`}`,
				);
			}
		}
		// All at once: who restores right after the files of another were removed has to look for inodes that ext4 lets go of a minute later only
		for (const folder of ['peers', 'restored']) rmSync(join(scratch, folder), { recursive: true, force: true });
	}
	rmSync(subject.path, { recursive: true });
	return {
		subject: name,
		description,
		series: all.map(({ peer, samples, repositoryBytes }) => ({
			peer: peer.name,
			samples: Object.fromEntries(samples),
			repositoryBytes: Object.fromEntries(repositoryBytes),
		})),
	};
}

async function prepare(peer: Peer, subject: Subject, beside: DisposableStack): Promise<Place> {
	const folder = join(scratch, 'peers', peer.name);
	const place = { repository: join(folder, 'repository'), state: join(folder, 'state'), subject };
	mkdirSync(place.state, { recursive: true });
	if (peer.open) beside.use(await peer.open(place));
	for (const command of peer.prepare(place)) await measure(command, { signal: abort.signal });
	return place;
}

async function restore(peer: Peer, place: Place, { run, subjectBytes }: { readonly run: number; readonly subjectBytes: number }): Promise<Measurement> {
	const target = join(scratch, 'restored', peer.name);
	mkdirSync(target, { recursive: true });
	const measurement = await measureQuietly(peer.restore(place, target), subjectBytes);
	// A fast restore of something else would be no achievement. Once is enough: the later runs do the same.
	const difference = options.verify && run === 1 ? firstDifference(place.subject.path, peer.restored(place, target)) : undefined;
	if (difference !== undefined) throw new Error(`${peer.name} did not restore what was backed up: ${difference}`);
	return measurement;
}

/**
 * What the command before has left to be written must not slow this one down, and no peer must be the one that first makes the machine find the memory for what
 * all of them write: as much as the subject has is written, and removed, before each.
 */
function measureQuietly(command: Command, subjectBytes: number): Promise<Measurement> {
	const path = join(scratch, 'memory');
	const zeros = Buffer.alloc(1 << 20);
	const file = openSync(path, 'w');
	for (let left = subjectBytes; left > 0; left -= zeros.byteLength) writeSync(file, zeros);
	closeSync(file);
	rmSync(path);
	if (process.platform !== 'win32') spawnSync('sync');
	return measure(command, { signal: abort.signal });
}

function warm(path: string, buffer = Buffer.allocUnsafe(1 << 20)): void {
	if (statSync(path).isDirectory()) {
		for (const name of readdirSync(path)) warm(join(path, name), buffer);
		return;
	}
	const file = openSync(path, 'r');
	while (readSync(file, buffer) > 0);
	closeSync(file);
}

function allocatedBytes(path: string): number {
	if (!existsSync(path)) return 0;
	const { blocks, size } = statSync(path);
	const own = process.platform === 'win32' ? size : blocks * 512;
	return statSync(path).isDirectory() ? readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name)), own) : own;
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
	const list = lists.get(key);
	if (list === undefined) lists.set(key, [value]);
	else list.push(value);
}
