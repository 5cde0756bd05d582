import { EngineError } from '../base/index.ts';
import type { VolumeWish } from './snapshot-set.ts';
import { isWithin } from './volume.ts';
import type { WriterIdentity } from './writer.ts';

/** The volume that a path lies on: of those mounted above it the nearest. */
const volumeOf = (path: string, wishes: readonly VolumeWish[]): VolumeWish | undefined =>
	wishes
		.filter(({ volume: { mountPoint } }) => mountPoint !== null && isWithin(path, mountPoint))
		.toSorted((a, b) => (b.volume.mountPoint?.length ?? 0) - (a.volume.mountPoint?.length ?? 0))[0];

/**
 * Refuses writers whose files the providers cannot show at one instant.
 * @throws `snapshot.unsupported`
 */
export function refuseManyInstants(writers: readonly WriterIdentity[], wishes: readonly VolumeWish[]): void {
	for (const { title, paths, needsOneInstant } of writers) {
		if (!needsOneInstant) continue;
		const volumes = [...new Set(paths.flatMap((path) => volumeOf(path, wishes) ?? []))];
		const providers = new Set(volumes.map(({ provider }) => provider));
		const [provider] = providers;
		if (!provider) continue;
		const { instant } = provider.capabilities;
		if (providers.size === 1 && (instant === 'set' || provider.isOneInstant?.(volumes.map(({ volume }) => volume)) === true)) continue;
		if (instant === 'volume' && volumes.length === 1) continue;
		const where = volumes.map(({ volume }) => volume.id).join(' and ');
		throw new EngineError(
			'snapshot.unsupported',
			instant === 'file'
				? `${title} needs all of its files at one instant, and ${provider.name} shows each file of ${where} at an instant of its own.`
				: `${title} needs all of its files at one instant, and the snapshots of ${where} are made one after the other.`,
			{ hint: 'Put all files of the application on one volume whose provider makes snapshots of the whole volume, such as a btrfs subvolume.' },
		);
	}
}
