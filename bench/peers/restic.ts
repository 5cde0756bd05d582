import { basename, dirname, join } from 'node:path';
import { measure } from '../measure.ts';
import type { Peer, Place } from './peer.ts';

const environment = ({ repository, state }: Place): Record<string, string> => ({
	RESTIC_REPOSITORY: repository,
	RESTIC_PASSWORD: 'bench',
	RESTIC_CACHE_DIR: join(state, 'cache'),
});

export function createRestic(): Peer {
	return {
		name: 'restic',
		note: 'always encrypted; compression auto',
		async version() {
			const { output } = await measure({ program: 'restic', args: ['version'] });
			return output.split(' ')[1] ?? output;
		},
		prepare: (place) => [{ program: 'restic', args: ['init', '--quiet'], env: environment(place) }],
		backUp: (place) => {
			const { kind, path } = place.subject;
			// Relative, so that the restored content lies directly in the target.
			const [cwd, what] = kind === 'tree' ? [path, '.'] : [dirname(path), basename(path)];
			return { program: 'restic', args: ['backup', '--quiet', what], cwd, env: environment(place) };
		},
		restore: (place, target) => ({ program: 'restic', args: ['restore', 'latest', '--quiet', '--target', target], env: environment(place) }),
		restored: ({ subject }, target) => (subject.kind === 'tree' ? target : join(target, basename(subject.path))),
	};
}
