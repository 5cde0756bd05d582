import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from '../measure.ts';
import type { Peer, Place } from './peer.ts';

const root = join(import.meta.dirname, '..', '..');
const job = 'bench';
const machine = 'far';

/**
 * The command line as users run it: a process of its own each time, so the start of the program is in the figures.
 * @param options `isRemote`: the repository is held by a data mover, a process of its own, and reached over loopback and TLS
 */
export function createHoldfast({
	isRemote = false,
	compression = 'optimal',
}: {
	readonly isRemote?: boolean;
	readonly compression?: 'optimal' | 'fast';
} = {}): Peer {
	const holdfast = ({ state }: Place, ...args: string[]): Command => ({
		program: process.execPath,
		args: [join(root, 'engine', 'cli', 'holdfast.js'), '--data', join(state, 'data'), '--json', ...args],
	});
	return {
		name: isRemote ? 'holdfast-tls' : compression === 'fast' ? 'holdfast-fast' : 'holdfast',
		note: `encrypted; compression ${compression}; start of the program included${isRemote ? '; through a data mover, over loopback and TLS' : ''}`,
		async version() {
			return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
		},
		...(isRemote && { open: (place: Place) => startMover(place, (...args) => holdfast(place, ...args)) }),
		prepare(place) {
			const passwordFile = join(place.state, 'password');
			writeFileSync(passwordFile, 'bench\n');
			const source = `${place.subject.kind === 'tree' ? 'folder' : 'disk'}:${place.subject.path}`;
			return [
				holdfast(
					place,
					'repository',
					'add',
					'bench',
					'--path',
					place.repository,
					'--encrypt',
					'--password-file',
					passwordFile,
					...(isRemote ? ['--on', machine] : []),
				),
				holdfast(place, 'job', 'add', job, '--source', source, '--repository', 'bench', '--compression', compression),
			];
		},
		backUp: (place) => holdfast(place, 'job', 'run', job),
		restore: (place, target) =>
			place.subject.kind === 'tree'
				? holdfast(place, 'restore', 'files', `${job}@latest`, '/', '--to', target)
				: holdfast(place, 'restore', 'disk', `${job}@latest`, '--to', join(target, basename(place.subject.path))),
		restored: ({ subject }, target) => (subject.kind === 'tree' ? target : join(target, basename(subject.path))),
	};
}

/** A data mover that is paired with the engine of the place. */
async function startMover({ state }: Place, holdfast: (...args: string[]) => Command): Promise<Disposable> {
	const run = (...args: string[]): { readonly token?: string } => {
		const command = holdfast(...args);
		return JSON.parse(execFileSync(command.program, command.args, { encoding: 'utf8' }));
	};
	const { token = '' } = run('machine', 'token');
	const { program, args } = holdfast('mover', 'start', '--listen', '127.0.0.1:0', '--pair', token);
	const child = spawn(program, [...args, '--data', join(state, 'mover')], { stdio: ['ignore', 'pipe', 'inherit'] });
	try {
		run('machine', 'add', machine, '--address', await addressOf(child), '--token', token, '--role', 'repository');
	} catch (error) {
		child.kill();
		throw error;
	}
	return { [Symbol.dispose]: () => void child.kill() };
}

async function addressOf({ stdout }: ChildProcess): Promise<string> {
	if (stdout === null) throw new Error('A data mover tells its address.');
	for await (const line of createInterface({ input: stdout })) return JSON.parse(line).mover.address;
	throw new Error('The data mover did not start.');
}
