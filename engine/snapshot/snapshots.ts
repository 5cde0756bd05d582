/** The one door for jobs: what a selection lies on, who makes snapshots of it, and what is read where. */
import { realpath } from 'node:fs/promises';
import { type Clock, EngineError, isEngineError, type Log, toErrorShape } from '../base/index.ts';
import { isNbdUri } from '../block/index.ts';
import type { QuiesceMode, SourceSpec, VolumeChange, Volume as VolumeFacts } from '../contract/index.ts';
import type { VolumePort } from '../platform/index.ts';
import { type Choice, chooseProvider, type Offer, rankOffers } from './choose-provider.ts';
import { isEfiPartition } from './efi-partition.ts';
import { type MachineOptions, type MachineReading, type MachineSite, type MachineWish, openMachine } from './machine.ts';
import { describeReading, type Held, type ObjectReading } from './object-reading.ts';
import type { SelectionExclusions, SnapshotProvider } from './provider.ts';
import { planQuiescence } from './quiesce.ts';
import type { CleanUpReport, Requestor } from './requestor.ts';
import type { SnapshotSet } from './snapshot-set.ts';
import type { Volume } from './volume.ts';
import { blockVolume, type PlacedSource, placePath, roomOf, volumeAt } from './volume-map.ts';
import type { SnapshotWriter, WriterFactory } from './writer.ts';

export type { ObjectReading } from './object-reading.ts';

export type VolumeSettings = { readonly provider: string; readonly maxSnapshots: number };

/** What an administrator chose, by the ids of volumes. */
export interface VolumeSettingsStore {
	all(): Promise<ReadonlyMap<string, VolumeSettings>>;
	put(volumeId: string, settings: VolumeSettings): Promise<void>;
}

/** SNAP-07. */
export const usualVolumeSettings: VolumeSettings = { provider: 'auto', maxSnapshots: 4 };

export type SnapshotsParts = {
	readonly requestor: Requestor;
	/** In the order of preference, all else being equal. */
	readonly providers: readonly SnapshotProvider[];
	readonly writers: readonly WriterFactory[];
	readonly settings: VolumeSettingsStore;
	/** Null: no hypervisor is known here. */
	readonly machines: MachineSite | null;
	readonly disks: Pick<VolumePort, 'mounts' | 'volumes'>;
	/** Whether an image file is written through Holdfast, and so is a volume by itself. */
	readonly isDevice: (path: string) => boolean;
	readonly clock: Clock;
	readonly log: Log;
};

export type ReadWish = {
	readonly sessionId: string;
	readonly sources: readonly SourceSpec[];
	/** `auto`, `none`, or the name of a provider. */
	readonly mode: string;
	readonly quiesce: QuiesceMode;
	readonly requireConsistent: boolean;
	/** `KIND:SPEC`. */
	readonly writers: readonly string[];
	/** Patterns, relative to each source that is a folder. */
	readonly exclude: readonly string[];
};

export type ReadOptions = { readonly signal: AbortSignal; readonly onNote: (message: string, isWarning: boolean) => void };

/** Where the sources of a session are read. Disposing releases the snapshots; `complete` tells writers first that all was read. */
export interface OpenReading extends AsyncDisposable {
	/** In the order of the sources. */
	readonly sources: readonly ObjectReading[];
	/** As of a snapshot set. */
	readonly lost: AbortSignal;
	complete(): Promise<void>;
}

export interface OpenMachine extends AsyncDisposable {
	readonly reading: MachineReading;
	/** As of a snapshot set. */
	readonly lost: AbortSignal;
	complete(): Promise<void>;
}

/** The volumes of a machine, as faces see and change them. */
export type Volumes = Pick<Snapshots, 'volumes' | 'rescan' | 'change'>;

export type SnapshotMaker = { readonly provider: Pick<SnapshotProvider, 'name' | 'capabilities'> | null /** Why there is none. */; readonly reason: string };

const neverLost = new AbortController().signal;

/** A provider answers within so long whether it can protect a volume. */
const offerMs = 10_000;

export class Snapshots {
	readonly #parts: SnapshotsParts;
	#known: Promise<readonly VolumeFacts[]> | null = null;

	constructor(parts: SnapshotsParts) {
		this.#parts = parts;
	}

	/** Volumes of this machine, as of the last scan. */
	volumes(): Promise<readonly VolumeFacts[]> {
		return this.#known ?? this.rescan();
	}

	/** Asks every provider about every volume (SNAP-06). */
	rescan(): Promise<readonly VolumeFacts[]> {
		const scan = this.#scan();
		this.#known = scan;
		scan.catch(() => {
			if (this.#known === scan) this.#known = null;
		});
		return scan;
	}

	/** @throws `not-found.volume`, `usage.invalid` */
	async change({ id, provider, maxSnapshots }: VolumeChange): Promise<VolumeFacts> {
		const volume = (await this.rescan()).find((each) => each.id === id);
		if (volume === undefined)
			throw new EngineError('not-found.volume', `There is no volume ${id}.`, { hint: 'See "holdfast volume list".', data: { field: 'id' } });
		if (provider !== undefined && provider !== 'auto' && provider !== 'none') this.#refuseUnfit(volume, provider);
		const present = (await this.#parts.settings.all()).get(id) ?? usualVolumeSettings;
		await this.#parts.settings.put(id, { provider: provider ?? present.provider, maxSnapshots: maxSnapshots ?? present.maxSnapshots });
		return (await this.rescan()).find((each) => each.id === id) ?? volume;
	}

	/** @throws `usage.invalid` when nobody knows the kind, or the writer does not understand what follows */
	writer(spec: string): SnapshotWriter {
		const [kind = '', rest = ''] = splitOnce(spec);
		const factory = this.#parts.writers.find((each) => each.kind === kind);
		if (factory !== undefined) return factory.open(rest);
		const known = this.#parts.writers.map((each) => `${each.kind}:SPEC (${each.usage})`).join('; ');
		throw new EngineError('usage.invalid', `There is no writer of the kind “${kind}”.`, { hint: `There are ${known}.`, data: { field: 'writers' } });
	}

	/** @throws `usage.invalid` for a mode that is no provider's name */
	refuseUnknownMode(mode: string): void {
		if (mode === 'auto' || mode === 'none' || this.#parts.providers.some(({ name }) => name === mode)) return;
		const names = ['auto', 'none', ...this.#parts.providers.map(({ name }) => name)].join(', ');
		throw new EngineError('usage.invalid', `There is no snapshot provider “${mode}”.`, { hint: `Choose one of ${names}.`, data: { field: 'snapshot' } });
	}

	/** Where one virtual machine is read. Disposing releases its snapshot; `complete` says first that all was read. @throws as `openMachine` */
	async openMachine(wish: MachineWish, options: MachineOptions): Promise<OpenMachine> {
		const { machines, requestor } = this.#parts;
		if (machines === null) throw new EngineError('not-found.vm', `There is no virtual machine ${wish.path}: no hypervisor host is known here.`);
		const { reading, set } = await openMachine({ requestor, machines, writer: (spec) => this.writer(spec) }, wish, options);
		return { reading, lost: set.lost, complete: () => set.complete(), [Symbol.asyncDispose]: () => set[Symbol.asyncDispose]() };
	}

	/** Patterns for virtual machines as the machines that fit them now. */
	async concrete(sources: readonly SourceSpec[]): Promise<readonly SourceSpec[]> {
		return (await this.#parts.machines?.concrete(sources)) ?? sources;
	}

	/** A job takes no more snapshots of these. What cannot be reached keeps what it remembers, which costs it a little room. Never fails. */
	async forget(owner: string, sources: readonly SourceSpec[]): Promise<void> {
		try {
			await this.#parts.machines?.forget(owner, sources);
		} catch (error) {
			this.#parts.log.warn({ err: error, owner }, 'Checkpoints of virtual machines that nobody needs any more could not be dropped.');
		}
	}

	/** When a job is saved, and when it starts. @throws `snapshot.unsupported` when a provider was named for what firmware starts from (VAL-25) */
	async refuseEfi(sources: readonly SourceSpec[], mode: string, signal: AbortSignal = AbortSignal.timeout(offerMs)): Promise<void> {
		if (mode === 'auto' || mode === 'none') return;
		for (const [i, [part]] of (await this.#place(sources)).entries()) {
			if (part === undefined || !(await isEfiPartition(part.volume, { signal }))) continue;
			throw new EngineError('snapshot.unsupported', `${part.volume.id} is an EFI system partition, of which there are no snapshots.`, {
				hint: 'Take it out of the job, or choose the snapshot auto: it is read live then.',
				data: { field: `sources.${i}.path` },
			});
		}
	}

	/**
	 * Who would make the snapshot of each source, in their order: what must be known before a snapshot is given to another machine.
	 * @throws `usage.invalid`
	 */
	async makersOf(sources: readonly SourceSpec[], mode: string, signal: AbortSignal = AbortSignal.timeout(offerMs)): Promise<readonly SnapshotMaker[]> {
		this.refuseUnknownMode(mode);
		const rest = sources.filter(({ kind }) => kind !== 'vm');
		const placed = await this.#place(rest);
		const choices = await this.#choose(placed.flat(), mode, signal);
		return sources.map((source) => {
			if (source.kind === 'vm') return { provider: this.#parts.machines?.provider ?? null, reason: 'No hypervisor host is known here.' };
			const [part] = placed[rest.indexOf(source)] ?? [];
			const choice = part && choices.get(part.volume.id);
			return choice?.provider
				? { provider: choice.provider, reason: '' }
				: { provider: null, reason: choice?.reason ?? 'It lies on no volume that is known here.' };
		});
	}

	/** What an engine that died left; snapshots of this process are not touched. */
	async cleanUp({ withForgotten = false } = {}): Promise<CleanUpReport> {
		const { providers, machines, requestor } = this.#parts;
		return requestor.cleanUp({
			listing: withForgotten ? providers : [],
			provider: (name) => [...providers, ...(machines ? [machines.provider] : [])].find((each) => each.name === name),
			writer: (spec) => {
				try {
					return this.writer(spec);
				} catch {
					return undefined; // of a kind that this version does not have: said by who asks
				}
			},
		});
	}

	/**
	 * Makes the snapshots from which sources are read. Live is no failure, unless a provider was asked for by its name, or consistency is required; then
	 * it says why.
	 * @throws `snapshot.*`, `usage.invalid`, the signal's reason
	 */
	async open(wish: ReadWish, options: ReadOptions): Promise<OpenReading> {
		this.refuseUnknownMode(wish.mode);
		const writers = wish.writers.map((spec) => this.writer(spec));
		const placed = await this.#place(wish.sources);
		await this.refuseEfi(wish.sources, wish.mode, options.signal);
		const choices = await this.#choose(placed.flat(), wish.mode, options.signal);
		for (const [volumeId, choice] of choices) {
			if (choice.provider !== null || wish.mode === 'auto' || wish.mode === 'none') continue;
			throw new EngineError('snapshot.unsupported', choice.reason, {
				hint: 'Choose another provider for the job, or auto.',
				data: { volume: volumeId, provider: wish.mode },
			});
		}
		const roots = wish.sources.flatMap(({ kind }, i) => (kind === 'folder' ? (placed[i]?.[0]?.path ?? []) : []));
		const selection = { parts: placed.flat(), exclusions: { roots, patterns: wish.exclude } };
		const { set, held, reason } = await this.#takeSet(wish, writers, selection, choices, options);
		const sources = placed.map((parts) => describeReading({ requested: wish.mode, parts, choices, held, reason }));
		const live = wish.requireConsistent ? sources.find(({ snapshot }) => snapshot.instant === 'live') : undefined;
		if (live !== undefined) {
			await set?.[Symbol.asyncDispose]();
			throw new EngineError('snapshot.unsupported', `A consistent point is required, and this can be read live only: ${live.snapshot.reason}`, {
				hint: 'Put the data on a volume that a provider can make snapshots of, or do not require consistency.',
			});
		}
		return { sources, lost: set?.lost ?? neverLost, complete: async () => set?.complete(), [Symbol.asyncDispose]: async () => set?.[Symbol.asyncDispose]() };
	}

	#refuseUnfit(volume: VolumeFacts, provider: string): void {
		const offer = volume.providers.find(({ name }) => name === provider);
		if (offer?.reason === null) return;
		const message = offer === undefined ? `There is no snapshot provider “${provider}”.` : `${provider} cannot make snapshots of ${volume.id}: ${offer.reason}`;
		const can = volume.providers.filter(({ reason }) => reason === null).map(({ name }) => name);
		throw new EngineError('usage.invalid', message, { hint: `Choose ${['auto', 'none', ...can].join(' or ')}.`, data: { field: 'provider' } });
	}

	async #scan(): Promise<readonly VolumeFacts[]> {
		const { disks, settings, clock } = this.#parts;
		const [chosen, room] = await Promise.all([settings.all(), disks.volumes()]);
		const lasting = disks.mounts().filter((mount) => mount.isLasting);
		return Promise.all(
			lasting.map(async (mount) => {
				const volume = volumeAt(mount);
				const offers = rankOffers(await this.#offers(volume));
				const own = chosen.get(volume.id) ?? usualVolumeSettings;
				return {
					id: volume.id,
					fileSystem: volume.fileSystem,
					device: volume.device,
					...roomOf(mount, room),
					isReadOnly: volume.isReadOnly,
					providers: offers.map(({ provider: { name, capabilities }, protectable }) => ({
						name,
						reason: protectable.can ? null : protectable.reason,
						instant: capabilities.instant,
						isHardware: capabilities.isHardware,
						isTransportable: capabilities.isTransportable,
					})),
					choice: own.provider,
					provider: chooseProvider(volume.id, offers, own.provider).provider?.name ?? null,
					maxSnapshots: own.maxSnapshots,
					scannedAt: clock.now(),
				};
			}),
		);
	}

	#offers(volume: Volume, signal = AbortSignal.timeout(offerMs)): Promise<readonly Offer[]> {
		return Promise.all(this.#parts.providers.map(async (provider) => ({ provider, protectable: await provider.canProtect(volume, { signal }) })));
	}

	async #place(sources: readonly SourceSpec[]): Promise<readonly (readonly PlacedSource[])[]> {
		const { isDevice, disks } = this.#parts;
		const mounts = disks.mounts();
		return Promise.all(
			sources.map(async ({ kind, path }) => {
				const real = await realpath(path).catch(() => path); // what is not there is said by who reads it
				if (kind === 'disk' && (real.startsWith('/dev/') || isNbdUri(path) || isDevice(real)))
					return [{ path: real, volume: blockVolume(real, path), isLasting: true }];
				return placePath(mounts, real);
			}),
		);
	}

	/** Per volume. What cannot keep data has no choice. */
	async #choose(parts: readonly PlacedSource[], mode: string, signal: AbortSignal): Promise<ReadonlyMap<string, Choice>> {
		const chosen = await this.#parts.settings.all();
		const volumes = new Map(parts.filter(({ isLasting }) => isLasting).map(({ volume }) => [volume.id, volume]));
		const bounded = AbortSignal.any([signal, AbortSignal.timeout(offerMs)]);
		const choices = new Map<string, Choice>();
		for (const volume of volumes.values()) {
			const wanted = mode === 'auto' ? (chosen.get(volume.id)?.provider ?? 'auto') : mode;
			choices.set(volume.id, chooseProvider(volume.id, wanted === 'none' ? [] : await this.#offers(volume, bounded), wanted));
		}
		return choices;
	}

	/** Tries what the rules of quiescence allow, one after the other. */
	async #takeSet(
		wish: ReadWish,
		writers: readonly SnapshotWriter[],
		{ parts, exclusions }: { readonly parts: readonly PlacedSource[]; readonly exclusions: SelectionExclusions },
		choices: ReadonlyMap<string, Choice>,
		{ signal, onNote }: ReadOptions,
	): Promise<{ set: SnapshotSet | null; held: Held; reason: string }> {
		const settings = await this.#parts.settings.all();
		const volumes = [...choices].flatMap(([id, { provider }]) => {
			const own = parts.filter(({ volume }) => volume.id === id);
			const [first] = own;
			if (provider === null || first === undefined) return [];
			const limit = settings.get(id)?.maxSnapshots ?? usualVolumeSettings.maxSnapshots;
			return [{ volume: first.volume, provider, paths: own.map(({ path }) => path), exclusions, limit }];
		});
		const none: Held = { snapshots: new Map(), writers: [], writerViews: [] };
		if (volumes.length === 0) {
			if (writers.length > 0) onNote('Applications were not asked to hold still: nothing of the job can be read from a snapshot.', true);
			return { set: null, held: none, reason: '' };
		}
		const rule = { mode: wish.quiesce, requireConsistent: wish.requireConsistent, can: { online: writers.length > 0, offline: false } };
		const steps = writers.length === 0 ? (['crash'] as const) : planQuiescence(rule);
		let reason = '';
		for (const [i, step] of steps.entries()) {
			const asked = step === 'online' ? writers : [];
			try {
				const set = await this.#parts.requestor.createSet(
					{ sessionId: wish.sessionId, volumes, writers: asked },
					{ signal, onNote: (message, isWarning = false) => onNote(message, isWarning) },
				);
				const snapshots = new Map(volumes.map(({ volume }, at) => [volume.id, set.snapshots[at] as SnapshotSet['snapshots'][number]]));
				return { set, held: { snapshots, writers: set.writers.map(({ title }) => title), writerViews: set.writerViews }, reason };
			} catch (error) {
				if (signal.aborted || !isEngineError(error)) throw error;
				reason = toErrorShape(error).message;
				if (i + 1 < steps.length) onNote(`${reason} The snapshot is made without the applications: it is crash-consistent.`, true);
				else if (wish.mode !== 'auto' || wish.requireConsistent) throw error;
			}
		}
		if (steps.length === 0)
			throw new EngineError('usage.conflict', 'A job that requires consistency cannot be crash-consistent.', { data: { field: 'requireConsistent' } });
		onNote(`${reason} It is read live.`, true);
		return { set: null, held: none, reason };
	}
}

function splitOnce(spec: string): readonly [string, string] {
	const at = spec.indexOf(':');
	return at < 0 ? [spec, ''] : [spec.slice(0, at), spec.slice(at + 1)];
}
