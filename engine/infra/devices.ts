import { EngineError, type Log, toErrorShape } from '../base/index.ts';
import type { Entity, EntityStore } from '../config/index.ts';
import type { Device, DeviceSettings, ErrorShape } from '../contract/index.ts';
import { requireAbsolute } from './list-places.ts';

/** What serves devices. */
export interface DeviceServing {
	/** @throws `source.*`, `busy.device`, `data-folder.unusable` */
	serve(device: DeviceSettings & { readonly id: string }): Promise<void>;
	/** Nobody reaches it any more, and its snapshots are lost. One that is not served is no error. */
	stop(deviceId: string): Promise<void>;
	states(): Promise<
		readonly {
			readonly id: string;
			readonly sizeBytes: number;
			readonly clients: number;
			readonly snapshots: readonly { readonly cachedBytes: number; readonly failure: ErrorShape | null }[];
		}[]
	>;
	uri(exportName: string): string;
}

export type DevicesParts = {
	readonly store: EntityStore<DeviceSettings>;
	readonly serving: DeviceServing;
	readonly log: Log;
};

export type Devices = ReturnType<typeof createDevices>;

/** Devices that are written through Holdfast. */
export function createDevices({ store, serving, log }: DevicesParts) {
	const problems = new Map<string, ErrorShape>();

	async function describe({ id, revision, settings }: Entity<DeviceSettings>): Promise<Device> {
		const state = (await serving.states()).find((each) => each.id === id);
		return {
			id,
			revision,
			settings,
			state: state ? 'served' : 'not-served',
			problem: problems.get(id) ?? null,
			uri: state ? serving.uri(settings.name) : null,
			sizeBytes: state?.sizeBytes ?? null,
			clients: state?.clients ?? 0,
			snapshots: state?.snapshots.map(({ cachedBytes, failure }) => ({ cachedBytes, problem: failure })) ?? [],
		};
	}

	return {
		/** Serves all that are known. Those that cannot be served say why, and the others are. Never fails. */
		async serveAll(): Promise<void> {
			for (const { id, settings } of await store.list()) {
				try {
					await serving.serve({ id, ...settings });
				} catch (error) {
					log.error({ err: error, device: settings.name }, 'A device cannot be served.');
					problems.set(id, toErrorShape(error));
				}
			}
		},
		list: async (): Promise<Device[]> => Promise.all((await store.list()).map(describe)),
		/** Only a device that can be served is added, and it is from then on. `exists.name`, `usage.conflict`, and what `serve` says. */
		async add(settings: DeviceSettings): Promise<Device> {
			for (const path of [settings.path, settings.cacheFolder]) if (path !== null) requireAbsolute(path, 'path');
			const same = (await store.list()).find((each) => each.settings.path === settings.path);
			if (same !== undefined)
				throw new EngineError('usage.conflict', `${settings.path} is served already, as “${same.settings.name}”.`, { data: { field: 'path' } });
			const entity = await store.insert(settings);
			try {
				await serving.serve({ id: entity.id, ...settings });
			} catch (error) {
				await store.remove(entity.id, entity.revision);
				throw error;
			}
			return describe(entity);
		},
		/** What lies at its path stays. `stale.revision`, `busy.device` while a snapshot of it is read. */
		async remove(id: string, revision: number): Promise<void> {
			const entity = await store.get(id);
			const { snapshots } = await describe(entity);
			if (snapshots.length > 0)
				throw new EngineError('busy.device', `The device “${entity.settings.name}” is being backed up.`, {
					hint: 'Wait for the session to end, or cancel it.',
				});
			await store.remove(id, revision);
			await serving.stop(id);
			problems.delete(id);
		},
	};
}
