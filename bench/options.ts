import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

export const help = `npm run bench -- [options]
  --scale N        share of the full size (2 GiB tree of 20,000 files, 4 GiB disk); default 1
  --runs N         runs of each operation, of which the median counts; default 3, with --tree-300k 1
  --subjects LIST  of tree,disk; default both
  --tree-300k      instead: a tree of 300,000 small files, full and unchanged only; some minutes for each peer
  --chains         instead: merge, reverse, synthetic full and compact beside plain copies, and the room of many days
  --encrypt        with --chains: encrypted ones
  --days N         with --chains: days of change, of which a week is kept; at least 8, default 30
  --peers LIST     of holdfast,holdfast-fast,holdfast-tls,holdfast-server,restic,borg,borg-zstd; default holdfast,restic,borg
  --seed N         another seed gives other data of the same kind; default 1
  --scratch DIR    folder for data and repositories (about 20 GiB at full size), emptied at the end; default the temporary folder
  --no-verify      do not compare what was restored with the source`;

export type BenchOptions = {
	readonly help: boolean;
	readonly scale: number;
	readonly runs: number;
	readonly seed: number;
	readonly chains: boolean;
	readonly encrypt: boolean;
	readonly days: number;
	readonly subjects: readonly string[];
	readonly peers: readonly string[];
	readonly scratch: string;
	readonly verify: boolean;
};

/** Throws an error that names the option. */
export function parseOptions(args: readonly string[]): BenchOptions {
	const { values } = parseArgs({
		args: [...args],
		options: {
			help: { type: 'boolean', default: false },
			scale: { type: 'string', default: '1' },
			runs: { type: 'string' },
			seed: { type: 'string', default: '1' },
			subjects: { type: 'string', default: 'tree,disk' },
			chains: { type: 'boolean', default: false },
			encrypt: { type: 'boolean', default: false },
			days: { type: 'string', default: '30' },
			'tree-300k': { type: 'boolean', default: false },
			peers: { type: 'string', default: 'holdfast,restic,borg' },
			scratch: { type: 'string', default: tmpdir() },
			verify: { type: 'boolean', default: true },
		},
		allowNegative: true,
	});
	return {
		help: values.help,
		scale: positive('--scale', values.scale),
		runs: Math.ceil(positive('--runs', values.runs ?? (values['tree-300k'] ? '1' : '3'))),
		seed: positive('--seed', values.seed),
		chains: values.chains,
		encrypt: values.encrypt,
		days: atLeast(8, '--days', values.days), // the first merge comes when a week is full
		subjects: values['tree-300k'] ? ['tree-300k'] : values.subjects.split(','),
		peers: values.peers.split(','),
		scratch: values.scratch,
		verify: values.verify,
	};
}

function atLeast(least: number, option: string, text: string): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < least) throw new Error(`${option}: "${text}" is not a whole number of ${least} or more.`);
	return value;
}

function positive(option: string, text: string): number {
	const value = Number(text);
	if (!Number.isFinite(value) || value <= 0) throw new Error(`${option}: "${text}" is not a number above zero.`);
	return value;
}
