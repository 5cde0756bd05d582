import { basename, dirname, join } from 'node:path';
import { measure } from '../measure.ts';
import type { Peer, Place } from './peer.ts';

const environment = ({ repository, state }: Place): Record<string, string> => ({
	BORG_REPO: repository,
	BORG_PASSPHRASE: 'bench',
	BORG_BASE_DIR: state,
});

export function createBorg(name: string, compression: 'lz4' | 'zstd,3'): Peer {
	return {
		name,
		note: `encrypted (repokey); compression ${compression}`,
		async version() {
			const { output } = await measure({ program: 'borg', args: ['--version'] });
			return output.trim().split(' ')[1] ?? output;
		},
		prepare: (place) => [{ program: 'borg', args: ['init', '--encryption', 'repokey'], env: environment(place) }],
		backUp: (place) => {
			const { kind, path } = place.subject;
			const [cwd, what] = kind === 'tree' ? [path, '.'] : [dirname(path), basename(path)];
			return { program: 'borg', args: ['create', '--compression', compression, '::{now:%Y%m%d%H%M%S.%f}', what], cwd, env: environment(place) };
		},
		restore: (place, target) => ({
			program: 'sh',
			// The name of the newest archive is a question of its own, and what a user would run.
			args: ['-ec', 'exec borg extract --sparse "::$(borg list --short --last 1)"'],
			cwd: target,
			env: environment(place),
		}),
		restored: ({ subject }, target) => (subject.kind === 'tree' ? target : join(target, basename(subject.path))),
	};
}
