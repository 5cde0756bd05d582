import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceSpec, Volume } from '../../../../engine/contract/index.ts';
import { forecastReading } from './forecast-reading.ts';

const volume = (id: string, provider: string | null, instant: 'volume' | 'file' = 'volume'): Volume => ({
	id,
	fileSystem: null,
	device: null,
	sizeBytes: null,
	freeBytes: null,
	isReadOnly: false,
	providers: provider === null ? [] : [{ name: provider, reason: null, instant, isHardware: false, isTransportable: false }],
	choice: 'auto',
	provider,
	maxSnapshots: 4,
	scannedAt: 0,
});
const folder = (path: string): SourceSpec => ({ kind: 'folder', path });
const outcomes = (sources: SourceSpec[], snapshot: string, requireConsistent = false): string[] =>
	forecastReading(
		{ sources, machineId: null, snapshot, requireConsistent },
		[volume('/', null), volume('/home', 'btrfs'), volume('/srv', 'reflink', 'file')],
		[{ settings: { name: 'Db', path: '/vm/db.img', cacheFolder: null, cacheLimitBytes: null }, state: 'served' }],
	).map(({ outcome }) => outcome);

test('SNAP-05: what a run reads from is told by the volume that a source lies on, and by what the job asks for', () => {
	const sources = [folder('/home/anna'), folder('/srv'), folder('/homes'), folder('/'), { kind: 'disk' as const, path: '/vm/db.img' }];
	assert.deepEqual(outcomes(sources, 'auto'), ['snapshot', 'partly', 'live', 'live', 'snapshot']);
	assert.deepEqual(outcomes(sources, 'btrfs'), ['snapshot', 'fails', 'fails', 'fails', 'fails']);
	assert.deepEqual(outcomes(sources, 'none'), ['live', 'live', 'live', 'live', 'live']);
	assert.deepEqual(outcomes(sources, 'auto', true), ['snapshot', 'partly', 'fails', 'fails', 'snapshot']);
	assert.deepEqual(
		outcomes(
			[
				{ kind: 'vm', path: 'Lab/*' },
				{ kind: 'disk', path: 'nbd://host/x' },
			],
			'auto',
		),
		[],
	);
});
