import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from '../measure.ts';
import type { Peer, Place } from './peer.ts';

const root = join(import.meta.dirname, '..', '..');
const job = 'bench';

/** The command line as users run it: a process of its own each time, so the start of the program is in the figures. */
export function createHoldfast(): Peer {
	const holdfast = ({ state }: Place, ...args: string[]): Command => ({
		program: process.execPath,
		args: [join(root, 'engine', 'cli', 'holdfast.js'), '--data', join(state, 'data'), '--json', ...args],
	});
	return {
		name: 'holdfast',
		note: 'encrypted; compression optimal; start of the program included',
		async version() {
			return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
		},
		prepare(place) {
			const passwordFile = join(place.state, 'password');
			writeFileSync(passwordFile, 'bench\n');
			const source = `${place.subject.kind === 'tree' ? 'folder' : 'disk'}:${place.subject.path}`;
			return [
				holdfast(place, 'repository', 'add', 'bench', '--path', place.repository, '--encrypt', '--password-file', passwordFile),
				holdfast(place, 'job', 'add', job, '--source', source, '--repository', 'bench'),
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
