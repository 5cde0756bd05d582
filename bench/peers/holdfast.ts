import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from '../measure.ts';
import type { Peer, Place } from './peer.ts';

const root = join(import.meta.dirname, '..', '..');
const job = 'bench';
const machine = 'far';
const names = { mover: 'holdfast-tls', server: 'holdfast-server' };
const notes = { mover: '; through a data mover, over loopback and TLS', server: '; a server is running and does the work' };

/**
 * The command line as users run it: a process of its own each time, so the start of the program is in the figures.
 * @param options `beside`: `mover`: the repository is held by a data mover, a process of its own, and reached over loopback and TLS; `server`: a backup server
 * runs on the data folder, as on most machines it does, and does the work
 */
export function createHoldfast({
	beside,
	compression = 'optimal',
}: {
	readonly beside?: 'mover' | 'server';
	readonly compression?: 'optimal' | 'fast';
} = {}): Peer {
	const holdfast = ({ state }: Place, ...args: string[]): Command => ({
		program: process.execPath,
		args: [join(root, 'engine', 'cli', 'holdfast.js'), '--data', join(state, 'data'), '--json', ...args],
	});
	return {
		name: beside ? names[beside] : compression === 'fast' ? 'holdfast-fast' : 'holdfast',
		note: `encrypted; compression ${compression}; start of the program included${beside ? notes[beside] : ''}`,
		worksElsewhere: beside === 'server',
		async version() {
			return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
		},
		...(beside && { open: (place: Place) => start[beside](place, (...args) => holdfast(place, ...args)) }),
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
					...(beside === 'mover' ? ['--on', machine] : []),
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

type Holdfast = (...args: string[]) => Command;

/** A data mover that is paired with the engine of the place. */
async function startMover({ state }: Place, holdfast: Holdfast): Promise<Disposable> {
	const run = (...args: string[]): { readonly token?: string } => {
		const command = holdfast(...args);
		return JSON.parse(execFileSync(command.program, command.args, { encoding: 'utf8' }));
	};
	const { token = '' } = run('machine', 'token');
	const { program, args } = holdfast('mover', 'start', '--listen', '127.0.0.1:0', '--pair', token);
	const child = spawn(program, [...args, '--data', join(state, 'mover')], { stdio: ['ignore', 'pipe', 'inherit'] });
	try {
		run('machine', 'add', machine, '--address', (await announcement(child)).mover?.address ?? '', '--token', token, '--role', 'repository');
	} catch (error) {
		child.kill();
		throw error;
	}
	return { [Symbol.dispose]: () => void child.kill() };
}

async function startServer(_: Place, holdfast: Holdfast): Promise<Disposable> {
	const { program, args } = holdfast('server', 'start', '--listen', '127.0.0.1:0');
	const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
	await announcement(child);
	return { [Symbol.dispose]: () => void child.kill() };
}

const start = { mover: startMover, server: startServer };

/** What a program that goes on running says first. */
async function announcement({ stdout }: ChildProcess): Promise<{ readonly mover?: { readonly address: string } }> {
	if (stdout !== null) for await (const line of createInterface({ input: stdout })) return JSON.parse(line);
	throw new Error('It did not start.');
}
