import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError, isEngineError, toErrorShape } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import {
	type CallOptions,
	type EngineApi,
	isShareAddress,
	type MachineRef,
	mayHoldRepositories,
	mountIt,
	type Repository,
	type RepositoryLocation,
	type RepositorySettings,
} from '../contract/index.ts';
import { defaultTasks, isInside, mountServerOf, realPathOf, requireAbsolute } from '../infra/index.ts';
import { importChains, LEAST_FREE_BYTES, planFullAt, sliceCountOf, usedBytes } from '../jobs/index.ts';
import { type Inventory, loadInventory } from './inventory.ts';
import type { ApiParts } from './parts.ts';

const GROWTH_DAYS = 90;

/** A repository as faces see it. Asks its storage for the room that is left, so it may take as long as that takes. */
export async function describeRepository(
	{ config, chainStore, clock }: Pick<ApiParts, 'config' | 'chainStore' | 'clock'>,
	{ id, revision, settings }: Entity<RepositorySettings>,
	inventory: Inventory,
): Promise<Repository> {
	const view = inventory.views.get(id);
	const nameOf = async (machineId: string | null) => (machineId === null ? null : ((await config.managed.machines.find(machineId))?.settings.name ?? null));
	const [space, medium, growth, machine, mountServer] = await Promise.all([
		chainStore.space(settings).then(
			(room) => ({ ...room, error: null }),
			(error: unknown) => ({ capacityBytes: null, freeBytes: null, error: toErrorShape(error) }),
		),
		chainStore.mediumOf(settings).catch(() => 'unknown' as const), // why is said by the room
		config.usage.list(id, GROWTH_DAYS),
		nameOf(settings.machineId),
		nameOf(mountServerOf(settings)),
	]);
	const problem = space.error ?? view?.error ?? view?.problems[0]?.error ?? null;
	const isUnreachable = (space.error ?? view?.error ?? null) !== null;
	const points = inventory.points.filter(({ repositoryId }) => repositoryId === id);
	// Points come newest first, so the first one of an object is its newest.
	const newest = new Map(points.toReversed().map((point) => [`${point.originJobId} ${point.object}`, point.sourceBytes]));
	return {
		id,
		revision,
		settings,
		machine,
		mountServer,
		medium,
		isDefault: inventory.repositories[0]?.id === id,
		state: isUnreachable ? 'unreachable' : space.freeBytes !== null && space.freeBytes < LEAST_FREE_BYTES ? 'full' : 'ready',
		problem,
		capacityBytes: space.capacityBytes,
		freeBytes: space.freeBytes,
		usedBytes: usedBytes(view?.chains ?? []),
		sourceBytes: [...newest.values()].reduce((sum, size) => sum + size, 0),
		jobCount: inventory.jobs.filter((job) => job.settings.repositoryId === id).length,
		chainCount: view?.chains.length ?? 0,
		pointCount: points.length,
		fullAt: planFullAt(growth, space.freeBytes, clock.now()),
		growth,
	};
}

export function createRepositoriesApi(parts: ApiParts): EngineApi['repositories'] {
	const { config, limits, healthSessions, catalogue, chainStore, gateways, heldKeys, sessions, platform, bus, clock, log, dataFolder } = parts;

	async function get(id: string): Promise<Repository> {
		return describeRepository(parts, await config.repositories.get(id), await loadInventory(parts));
	}

	function announce(id: string): void {
		bus.emit({ kind: 'repository', id });
		bus.emit({ kind: 'overview', id: null });
	}

	/** Refuses a place that cannot be a repository, before anything is created there. @returns it with a path that says the same from everywhere */
	async function checkPlace<Place extends RepositoryLocation>(place: Place, ownId: string | null): Promise<Place> {
		if (isShareAddress(place.path)) throw new EngineError('usage.invalid', `${place.path} is no folder.`, { hint: mountIt, data: { field: 'path' } });
		if (place.machineId === null) {
			const path = requireAbsolute(place.path, 'path');
			await checkFolder(path, ownId);
			return { ...place, path };
		}
		const { settings } = await config.managed.machines.get(place.machineId);
		if (!mayHoldRepositories(settings))
			throw new EngineError('usage.conflict', `The machine “${settings.name}” does not hold repositories.`, {
				hint: `Give it the role first: "holdfast machine set ${settings.name} --role ${[...settings.roles, 'repository'].join(',')}"; gateway instead of repository, if it has the share mounted.`,
				data: { field: 'machineId' },
			});
		const other = (await config.repositories.list()).find(
			({ id, settings: { machineId, path } }) => id !== ownId && machineId === place.machineId && path === place.path,
		);
		if (other) throw takenBy(place.path, other);
		return place; // the rest is known to that machine alone, and it says so
	}

	async function checkFolder(path: string, ownId: string | null): Promise<void> {
		const refuse = (message: string, hint: string) => new EngineError('usage.conflict', message, { hint, data: { field: 'path' } });
		const realPath = await realPathOf(path);
		if (isInside(realPath, await realPathOf(dataFolder)))
			throw refuse(`${path} lies in the data folder of the engine.`, 'Choose a folder of its own, best on another disk.');
		for (const other of await config.repositories.list()) {
			if (other.id === ownId || other.settings.machineId !== null) continue;
			const otherPath = await realPathOf(other.settings.path);
			if (realPath === otherPath) throw takenBy(path, other);
			if (isInside(realPath, otherPath) || isInside(otherPath, realPath)) {
				throw refuse(`${path} and the repository “${other.settings.name}” (${other.settings.path}) lie one inside the other.`, 'Choose a folder beside it.');
			}
		}
		const parent = await stat(dirname(path)).catch(() => undefined); // Whatever the reason: the folder cannot be made there.
		if (parent === undefined || !parent.isDirectory()) {
			throw new EngineError('not-found.path', `The folder ${dirname(path)}, in which the repository would lie, does not exist.`, {
				hint: 'Create it, or mount its volume, then try again.',
				data: { field: 'path', path: dirname(path) },
			});
		}
	}

	async function isInUse(id: string): Promise<boolean> {
		const jobs = await config.jobs.list();
		return sessions.active().some(({ spec }) => jobs.some((job) => job.id === spec.jobId && job.settings.repositoryId === id));
	}

	return {
		async list() {
			const inventory = await loadInventory(parts);
			return Promise.all(inventory.repositories.map((repository) => describeRepository(parts, repository, inventory)));
		},
		get: ({ id }) => get(id),
		async suggest() {
			const volumes = (await platform.disks.volumes()).filter(({ readOnly }) => !readOnly);
			for (const { mountPoint, freeBytes } of volumes.toSorted((a, b) => b.freeBytes - a.freeBytes)) {
				if (await isWritable(mountPoint)) return { path: join(mountPoint, 'Backup'), freeBytes };
			}
			// An ordinary user may write to no volume's root.
			const { bavail, bsize } = await statfs(homedir());
			return { path: join(homedir(), 'Backup'), freeBytes: bavail * bsize };
		},
		async add(settings, { signal }) {
			await refuseTakenName(settings.name);
			sliceCountOf(settings, clock.now());
			if (settings.encryptionKeyId !== null) heldKeys.get(settings.encryptionKeyId);
			const placed = await checkPlace(settings, null);
			const mountServer = await mountServerFor(placed);
			const { medium } = await chainStore.prepare(placed);
			if (mountServer) await tryMountServer(placed, mountServer, { signal, isNew: true });
			const repository = await config.repositories.insert({ ...placed, maxTasks: placed.maxTasks ?? defaultTasks(medium) });
			await limits.reload();
			const view = await catalogue.refresh(repository.id);
			await config.usage.put(repository.id, { at: clock.now(), usedBytes: usedBytes(view.chains) });
			announce(repository.id);
			return get(repository.id);
		},
		async update({ id, revision, settings }, { signal }) {
			const saved = await config.repositories.get(id);
			sliceCountOf(settings, clock.now());
			if (settings.encryptionKeyId !== null) heldKeys.get(settings.encryptionKeyId);
			const isMoved = settings.path !== saved.settings.path || settings.machineId !== saved.settings.machineId;
			const isRelinked = settings.mountServerId !== saved.settings.mountServerId;
			let placed = settings;
			if (saved.revision === revision && (isMoved || isRelinked)) {
				if (isMoved && (await isInUse(id))) throw inUse(saved.settings.name);
				const mountServer = await mountServerFor(settings);
				if (isMoved) {
					placed = await checkPlace(settings, id);
					await prepareMoved(saved, placed);
				}
				if (mountServer) await tryMountServer(placed, mountServer, { signal, isNew: isMoved });
			}
			try {
				await config.repositories.update(id, revision, placed);
			} catch (error) {
				if (!isEngineError(error, 'stale.revision')) throw error;
				throw new EngineError(error.code, error.message, { hint: error.hint, data: { current: await get(id) }, cause: error });
			}
			if (isMoved) await release(saved);
			await limits.reload();
			await catalogue.refresh(id);
			announce(id);
			return get(id);
		},
		async remove({ id, revision }) {
			const { settings } = await config.repositories.get(id);
			const users = (await config.jobs.list()).filter((job) => job.settings.repositoryId === id);
			if (users.length > 0) {
				throw new EngineError('busy.repository', `The repository “${settings.name}” is used by ${users.map((job) => `“${job.settings.name}”`).join(', ')}.`, {
					hint: 'Give these jobs another repository, or remove them first.',
					data: { jobIds: users.map((job) => job.id) },
				});
			}
			await config.repositories.remove(id, revision);
			await release({ id, settings });
			await limits.reload();
			catalogue.forget(id);
			announce(id);
			bus.emit({ kind: 'point', id: null });
		},
		async import({ id, finish }, { signal }) {
			const report = await importChains(parts, await config.repositories.get(id), { isFinishing: finish, signal });
			announce(id);
			return report;
		},
		async prepare({ id }) {
			const { settings } = await config.repositories.get(id);
			if (await isInUse(id)) throw inUse(settings.name);
			await checkPlace(settings, id);
			await chainStore.prepare(settings);
			await catalogue.refresh(id);
			announce(id);
			return get(id);
		},
		async checkStorage({ id }) {
			const { settings } = await config.repositories.get(id);
			return { repositoryId: id, promises: [...(await chainStore.checkStorage(settings))] };
		},
		async check({ id, isWhole }) {
			const session = await healthSessions.check(await config.repositories.get(id), { trigger: 'manual', isWhole });
			if (session === null) {
				const { problem } = await get(id);
				throw new EngineError('not-found.chain', `There is no chain in the repository that could be checked.${problem ? ` ${problem.message}` : ''}`, {
					hint: problem?.hint,
				});
			}
			return { sessionId: session.id };
		},
		async rescan({ id }) {
			await catalogue.refresh(id);
			return get(id);
		},
	};

	/**
	 * The same path on another machine is the same share, which that one has mounted too: it is compared by what is known to lie there, before the
	 * machine that has it now lets go. Any other place may be new.
	 * @throws `repository.unreachable`, `repository.*`
	 */
	async function prepareMoved(saved: Entity<RepositorySettings>, placed: RepositorySettings): Promise<void> {
		const known = new Set((await loadInventory(parts)).views.get(saved.id)?.chains.map((chain) => chain.id));
		const isGatewayChange = known.size > 0 && placed.path === saved.settings.path && placed.machineId !== saved.settings.machineId;
		await chainStore.prepare(placed, { isThere: isGatewayChange });
		if (!isGatewayChange) return;
		const { chains } = await chainStore.list(placed);
		if (chains.some((chain) => known.has(chain.id))) return;
		await release({ id: saved.id, settings: placed });
		const machine = placed.machineId === null ? 'the backup server' : `“${(await config.managed.machines.get(placed.machineId)).settings.name}”`;
		throw new EngineError(
			'repository.unreachable',
			`${placed.path} on ${machine} is another repository: of the chains of “${saved.settings.name}” none is there.`,
			{
				hint: 'Mount the share that holds it at this path.',
				data: { field: 'machineId' },
			},
		);
	}

	/** The machine that shall read for restores what the repository holds; null: the one that it lies on. @throws `usage.conflict`, `not-found.machine` */
	async function mountServerFor({ mountServerId }: Pick<RepositorySettings, 'mountServerId'>): Promise<MachineRef | null> {
		if (mountServerId === null) return null;
		const { id, settings } = await config.managed.machines.get(mountServerId);
		if (settings.roles.includes('mount')) return { id, name: settings.name };
		throw new EngineError('usage.conflict', `The machine “${settings.name}” is no mount server.`, {
			hint: `Give it the role first: "holdfast machine set ${settings.name} --role ${[...settings.roles, 'mount'].join(',')}".`,
			data: { field: 'mountServerId' },
		});
	}

	/** What was prepared for it is let go where it is refused. */
	async function tryMountServer(
		location: RepositoryLocation,
		machine: MachineRef,
		{ signal, isNew }: CallOptions & { readonly isNew: boolean },
	): Promise<void> {
		try {
			await gateways.requireMountServer(location, machine, { signal });
		} catch (error) {
			if (isNew) await release({ id: '', settings: location });
			throw error;
		}
	}

	/** A machine that is away keeps the folder in mind; it lets nobody but us in anyway. */
	async function release({ id, settings }: { readonly id: string; readonly settings: RepositoryLocation }): Promise<void> {
		await chainStore
			.release(settings)
			.catch((error: unknown) => log.warn({ err: error, repositoryId: id }, 'A machine could not be told that it holds a repository no more.'));
	}

	async function refuseTakenName(name: string): Promise<void> {
		const other = await config.repositories.findByName(name);
		if (other === undefined) return;
		throw new EngineError('exists.name', `A repository named “${other.settings.name}” exists already.`, {
			hint: 'Choose another name.',
			data: { field: 'name', id: other.id },
		});
	}
}

const takenBy = (path: string, { settings }: Entity<RepositorySettings>): EngineError =>
	new EngineError('usage.conflict', `${path} is the repository “${settings.name}” already.`, {
		hint: 'Use that one, or choose another folder.',
		data: { field: 'path' },
	});

const inUse = (name: string): EngineError =>
	new EngineError('busy.repository', `The repository “${name}” is in use.`, { hint: 'Wait until its sessions have ended.' });

const isWritable = (path: string): Promise<boolean> =>
	access(path, constants.W_OK).then(
		() => true,
		() => false,
	);
