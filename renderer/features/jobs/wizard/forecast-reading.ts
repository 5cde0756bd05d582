import type { Device, JobSettings, Volume } from '../../../../engine/contract/index.ts';
import { instantWords, providerTitle } from '../../inventory/inventory-words.ts';

export type Forecast = {
	readonly source: string;
	/** `partly`: each file has an instant of its own. */
	readonly outcome: 'snapshot' | 'partly' | 'live' | 'fails';
	readonly text: string;
};

type Reading = Pick<JobSettings, 'sources' | 'machineId' | 'snapshot' | 'requireConsistent'>;

function volumeOf(path: string, byId: ReadonlyMap<string, Volume>): Volume | null {
	for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
		const found = byId.get(at);
		if (found) return found;
	}
	return byId.get('/') ?? null;
}

/**
 * What each folder and disk would be read from. Only what can be known from the page: links in paths, and what is mounted below a folder, are seen when
 * the job runs. Virtual machines are always read from a snapshot of their host.
 */
export function forecastReading(
	{ sources, machineId, snapshot, requireConsistent }: Reading,
	volumes: readonly Volume[],
	devices: readonly Pick<Device, 'settings' | 'state'>[],
): Forecast[] {
	if (machineId !== null) return []; // its volumes are not known here
	const byId = new Map(volumes.map((volume) => [volume.id, volume]));
	const served = new Set(devices.filter(({ state }) => state === 'served').map(({ settings }) => settings.path));
	return sources.flatMap(({ kind, path }): Forecast[] => {
		if (kind === 'vm' || !path.startsWith('/')) return [];
		const isDevice = kind === 'disk' && (served.has(path) || path.startsWith('/dev/'));
		const volume = isDevice ? null : volumeOf(path, byId);
		if (!isDevice && volume === null) return [];
		const offers = isDevice
			? served.has(path)
				? [{ name: 'cow', instant: 'set' as const }]
				: []
			: (volume?.providers.filter(({ reason }) => reason === null) ?? []);
		const wanted = snapshot === 'auto' ? (isDevice ? (offers[0]?.name ?? null) : (volume?.provider ?? null)) : snapshot === 'none' ? null : snapshot;
		const offer = offers.find(({ name }) => name === wanted);
		if (offer) {
			const outcome = offer.instant === 'file' ? 'partly' : 'snapshot';
			return [{ source: path, outcome, text: `${providerTitle(offer.name)}: ${instantWords[offer.instant]}` }];
		}
		if (snapshot !== 'auto' && snapshot !== 'none') return [{ source: path, outcome: 'fails', text: `fails: ${providerTitle(snapshot)} can do nothing here` }];
		if (requireConsistent) return [{ source: path, outcome: 'fails', text: 'fails: only live, and consistency is required' }];
		return [{ source: path, outcome: 'live', text: 'live' }];
	});
}
