import { EngineError } from '../../engine/base/index.ts';
import type { EngineApi, EngineEvent, Volume } from '../../engine/contract/index.ts';
import type { Scenario } from './site.ts';

const GiB = 2 ** 30;
type Offer = Volume['providers'][number];
const offer = (name: string, instant: Offer['instant'], reason: string | null): Offer => ({
	name,
	instant,
	reason,
	isHardware: false,
	isTransportable: false,
});
const notBtrfs = offer('btrfs', 'volume', 'It is not a btrfs file system.');
const noClones = offer('reflink', 'file', 'Its file system cannot clone files.');
const notServed = offer('cow', 'set', 'It is not served by Holdfast: see "holdfast device add".');

type Found = Pick<Volume, 'id' | 'fileSystem' | 'device' | 'sizeBytes' | 'freeBytes' | 'isReadOnly' | 'providers'>;
const found: readonly Found[] = [
	{
		id: '/',
		fileSystem: 'ext4',
		device: '/dev/nvme0n1p2',
		sizeBytes: 118 * GiB,
		freeBytes: 43 * GiB,
		isReadOnly: false,
		providers: [notBtrfs, noClones, notServed],
	},
	{
		id: '/home',
		fileSystem: 'btrfs',
		device: '/dev/nvme0n1p3',
		sizeBytes: 800 * GiB,
		freeBytes: 296 * GiB,
		isReadOnly: false,
		providers: [offer('btrfs', 'volume', null), offer('reflink', 'file', null), notServed],
	},
	{
		id: '/srv',
		fileSystem: 'xfs',
		device: '/dev/sda1',
		sizeBytes: 7400 * GiB,
		freeBytes: 2738 * GiB,
		isReadOnly: false,
		providers: [offer('reflink', 'file', null), notBtrfs, notServed],
	},
	{
		id: '/mnt/nas-branch',
		fileSystem: 'nfs4',
		device: 'nas:/export',
		sizeBytes: null,
		freeBytes: null,
		isReadOnly: false,
		providers: [notBtrfs, noClones, notServed],
	},
];
const crowd = (): Found[] =>
	Array.from({ length: 10_000 }, (_, i) => ({ ...(found[i % 3] as Found), id: `/srv/volumes/${String(i).padStart(5, '0')}`, device: `/dev/mapper/data-${i}` }));

/** Volumes of the made-up site, with what their providers can do. */
export function createFakeVolumes(scenario: Scenario, emit: (event: EngineEvent) => void): EngineApi['volumes'] {
	let scannedAt = Date.now() - 96 * 60_000;
	const volumes = scenario === 'crowded' ? crowd() : scenario === 'empty' ? [] : found;
	const chosen = new Map<string, Pick<Volume, 'choice' | 'maxSnapshots'>>();
	const describe = (volume: Found): Volume => {
		const own = chosen.get(volume.id) ?? { choice: 'auto', maxSnapshots: 4 };
		const best = volume.providers.find(({ reason }) => reason === null)?.name ?? null;
		const named = own.choice === 'none' ? null : own.choice;
		return { ...volume, scannedAt, ...own, provider: own.choice === 'auto' ? best : named };
	};
	return {
		async list({ rescan }) {
			if (rescan) {
				scannedAt = Date.now();
				emit({ kind: 'volume', id: null });
			}
			return volumes.map(describe);
		},
		async change({ id, provider: choice, maxSnapshots }) {
			const volume = volumes.find((each) => each.id === id);
			if (volume === undefined) throw new EngineError('not-found.volume', `There is no volume ${id}.`);
			const old = describe(volume);
			chosen.set(id, { choice: choice ?? old.choice, maxSnapshots: maxSnapshots ?? old.maxSnapshots });
			emit({ kind: 'volume', id });
			return describe(volume);
		},
	};
}
