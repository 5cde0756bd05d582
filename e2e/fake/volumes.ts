import { EngineError } from '../../engine/base/index.ts';
import type { EngineApi, Volume } from '../../engine/contract/index.ts';

const provider = (name: string, instant: 'volume' | 'file', reason: string | null) => ({ name, instant, reason, isHardware: false, isTransportable: false });
const notBtrfs = provider('btrfs', 'volume', 'it is not a btrfs file system.');

const found: readonly Pick<Volume, 'id' | 'fileSystem' | 'device' | 'providers'>[] = [
	{ id: '/', fileSystem: 'ext4', device: '/dev/nvme0n1p2', providers: [notBtrfs] },
	{ id: '/home', fileSystem: 'btrfs', device: '/dev/nvme0n1p3', providers: [provider('btrfs', 'volume', null)] },
	{ id: '/srv/photos', fileSystem: 'xfs', device: '/dev/sda1', providers: [notBtrfs] },
];

/** Volumes of which nobody makes snapshots: for screens. */
export function createFakeVolumes(): EngineApi['volumes'] {
	let scannedAt = Date.now();
	const chosen = new Map<string, Pick<Volume, 'choice' | 'maxSnapshots'>>();
	const list = (): Volume[] =>
		found.map((volume) => {
			const own = chosen.get(volume.id) ?? { choice: 'auto', maxSnapshots: 4 };
			const best = volume.providers.find(({ reason }) => reason === null)?.name ?? null;
			const named = own.choice === 'none' ? null : own.choice;
			return { ...volume, sizeBytes: 512e9, freeBytes: 201e9, isReadOnly: false, scannedAt, ...own, provider: own.choice === 'auto' ? best : named };
		});
	return {
		async list({ rescan }) {
			if (rescan) scannedAt = Date.now();
			return list();
		},
		async change({ id, provider: choice, maxSnapshots }) {
			const volume = list().find((each) => each.id === id);
			if (volume === undefined) throw new EngineError('not-found.volume', `There is no volume ${id}.`);
			chosen.set(id, { choice: choice ?? volume.choice, maxSnapshots: maxSnapshots ?? volume.maxSnapshots });
			return list().find((each) => each.id === id) ?? volume;
		},
	};
}
