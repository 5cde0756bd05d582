import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProviderCapabilities, Volume } from './index.ts';
import { refuseManyInstants } from './one-instant.ts';
import { UnrulyProvider } from './testing/unruly.ts';

const volume = (mountPoint: string): Volume => ({
	id: mountPoint,
	kind: 'file-system',
	mountPoint,
	fileSystem: 'btrfs',
	device: '/dev/vdb',
	root: '/',

	isReadOnly: false,
});
const wishes = (instant: ProviderCapabilities['instant'], ...mountPoints: string[]) => {
	const provider = new UnrulyProvider([], { instant });
	return mountPoints.map((mountPoint) => ({ volume: volume(mountPoint), provider, paths: [mountPoint], limit: 4 }));
};
const database = (...paths: string[]) => [{ title: 'MariaDB', paths, needsOneInstant: true } as const];

test('a writer that needs one instant is refused where its files are not shown at one', () => {
	refuseManyInstants(database('/data/db'), wishes('volume', '/', '/data'));
	refuseManyInstants(database('/data/db', '/log/db'), wishes('set', '/', '/data', '/log'));
	const inOnePool = Object.assign(new UnrulyProvider([]), { isOneInstant: () => true });
	refuseManyInstants(
		database('/data/db', '/log/db'),
		wishes('volume', '/data', '/log').map((wish) => ({ ...wish, provider: inOnePool })),
	);
	refuseManyInstants([{ title: 'PostgreSQL', paths: ['/data/db', '/log/db'] }], wishes('file', '/data', '/log'));
	for (const [instant, paths] of [
		['file', ['/data/db']],
		['volume', ['/data/db', '/log/db']],
	] as const)
		assert.throws(() => refuseManyInstants(database(...paths), wishes(instant, '/', '/data', '/log')), { code: 'snapshot.unsupported', message: /MariaDB/ });
});
