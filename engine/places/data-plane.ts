import { EngineError } from '../base/index.ts';
import type { ItemWarning, OverwriteRule, RepositoryLocation } from '../contract/index.ts';
import type { DataPlane, MachineRestoration } from '../jobs/index.ts';
import {
	type Bandwidth,
	backUp,
	type Direction,
	deafObserver,
	type GivenBack,
	type HostOutcome,
	type HostWork,
	isRemotePlace,
	type LimitedWork,
	loadWire,
	maintainChain,
	type SourceMachine,
	type TaskObserver,
	type TaskOptions,
	type TaskShares,
	underLimits,
} from '../mover/index.ts';
import { type FoundInChain, type FoundPoint, findPoint, type RepositoryFolder } from '../repository/index.ts';
import { checkChain, type Look, type PointPlace, restoreDisk, restoreFiles, restoreMachine, restoreThere, verifyPoint } from '../restore/index.ts';
import { atPlace } from './at-place.ts';
import type { Gateway, Gateways } from './gateways.ts';
import type { Place, Places } from './places.ts';
import { showSources } from './shown-sources.ts';

type AtRepository = { readonly repository: RepositoryLocation };
type AtPoint = AtRepository & { readonly pointId: string };

/** What this machine does with a repository that lies here, and a machine that holds one does when it is asked to. */
export function workHere(
	work: HostWork,
	repositoryPath: RepositoryFolder,
	observer: TaskObserver,
	options: TaskOptions & { readonly shares: TaskShares },
): Promise<HostOutcome<HostWork['kind']>> {
	const { shares } = options;
	switch (work.kind) {
		case 'step':
			return maintainChain({ repositoryPath, chainId: work.chainId, step: work.step, shares }, observer, options);
		case 'check':
			return checkChain({ repositoryPath, chainId: work.chainId, part: work.part, shares }, observer, options);
		case 'verify':
			return verifyPoint({ repositoryPath, pointId: work.pointId, found: work.found, shares }, observer, options);
	}
}

const chosenOf = ({ paths, to, overwrite }: { paths: readonly string[]; to: string | null; overwrite: OverwriteRule }) => ({
	paths: [...paths],
	to,
	overwrite,
});

const sayRestoration = ({ host, name, definition, newId, disks, nvramTo, memoryTo, losesState, overwrite, powerOn }: MachineRestoration): GivenBack => ({
	kind: 'machine',
	...{ host, name, definition, newId, nvramTo, memoryTo, losesState, overwrite, powerOn },
	disks: disks.map((disk) => ({ name: disk.name, to: disk.to })),
});

function tell({ note, warning }: Gateway, observers: readonly TaskObserver[]): void {
	for (const observer of observers) {
		if (note !== null) observer.info(note);
		if (warning !== null) observer.warning(warning);
	}
}

const notSeenYet = ({ repository: { path } }: AtRepository): ItemWarning => ({
	code: 'repository.unreachable',
	message: `The restore point is written, and the machine that the repository was added on does not see it in ${path} yet. Mount the share there so that it keeps nothing in mind of folders (actimeo=0), and read the repository again.`,
	path,
});

export function createDataPlane(places: Places, gateways: Gateways, look: Look, bandwidth: Bandwidth): DataPlane {
	/** Work on a repository, under the limits of what is under way there and on the way there. */
	async function under<const Observers extends readonly TaskObserver[], Result>(
		{ repository }: AtRepository,
		{ place, source = null }: { readonly place: Place; readonly source?: SourceMachine | null },
		directions: readonly Direction[],
		observers: Observers,
		work: LimitedWork<Observers, Result>,
	): Promise<Result> {
		const link = await places.linkTo(place, source);
		return underLimits(
			bandwidth,
			directions.map((direction) => ({ direction, repository, link })),
			observers,
			work,
		);
	}

	/** What needs nothing but the repository is done on the machine that it is reached through. */
	async function workThere<Kind extends HostWork['kind']>(
		at: AtRepository & { readonly place?: Place },
		directions: readonly Direction[],
		work: Extract<HostWork, { kind: Kind }>,
		observer: TaskObserver,
		options: TaskOptions,
	): Promise<HostOutcome<Kind>> {
		const place = at.place ?? (await places.open(at.repository));
		return under(at, { place }, directions, [observer], async (shares, [limited]) => {
			if (!isRemotePlace(place)) return (await workHere(work, place, limited, { ...options, shares })) as HostOutcome<Kind>;
			const { workOnHost } = await loadWire();
			return await workOnHost<Kind>(place, work, limited, { ...options, shares });
		});
	}

	/** The data mover of a machine that is not this one. `not-found.machine` */
	async function sourceOf(machineId: string): Promise<SourceMachine> {
		const source = await places.source(machineId);
		if (source === null) throw new Error('Defect: this machine is nowhere else');
		return source;
	}

	/** Payload goes from where the repository is to the machine that it is written on. */
	async function giveBackThere(machineId: string, at: AtPoint, what: GivenBack, observer: TaskObserver, options: TaskOptions): Promise<void> {
		const via = await sourceOf(machineId);
		using gateway = await gateways.open(at.repository, { id: machineId, name: via.mover.name }, { does: 'read', ...options });
		tell(gateway, [observer]);
		const task = { via, repositoryPath: await places.open(at.repository), readAt: gateway.place, pointId: at.pointId, what };
		await under(at, { place: gateway.place, source: via }, ['read'], [observer], (shares, [limited]) => restoreThere({ ...task, shares }, limited, options));
	}

	/** Points are looked up where chains are worked on: what another machine shows of a folder may be a while old. */
	const lookUp = async ({ repository, pointId }: AtPoint, { signal }: TaskOptions) =>
		atPlace(await places.open(repository), (place) => findPoint(place, pointId), signal);

	/** What is written on this machine. */
	async function giveBackHere<Input extends AtPoint, Result>(
		input: Input,
		observer: TaskObserver,
		options: TaskOptions,
		restore: (task: Omit<Input, 'repository'> & PointPlace & { readonly shares: TaskShares }, observers: readonly [TaskObserver]) => Promise<Result>,
	): Promise<Result> {
		const { repository, ...rest } = input;
		using gateway = await gateways.open(repository, null, { does: 'read', ...options });
		tell(gateway, [observer]);
		const found = async (): Promise<FoundPoint> => {
			const { point, files, keys } = await lookUp(input, options);
			return { point, files, keys };
		};
		const task = { ...rest, repositoryPath: gateway.place, found: gateway.isElsewhere ? await found() : undefined };
		return await under(input, { place: gateway.place }, ['read'], [observer], (shares, limited) => restore({ ...task, shares }, limited));
	}

	const opened = async <Input extends AtRepository>({ repository, ...input }: Input) => ({ ...input, repositoryPath: await places.open(repository) });

	return {
		async backUp({ connectionCount, machine, proxy, reader, ...run }, observers, options) {
			// other runs read of the repository no more than what they compare with
			const isReading = run.method === 'reverse' || run.requested === 'synthetic';
			const worker = proxy ?? machine ?? reader ?? null;
			using gateway = await gateways.open(run.repository, worker, { does: 'write', connectionCount, ...options });
			const { place } = gateway;
			tell(gateway, observers);
			const source = await places.source(worker?.id ?? null, { connectionCount });
			await using shown = proxy && source ? await showSources(run.sources ?? [], source) : null;
			const sources = shown?.sources ?? run.sources;
			const made = await under(run, { place, source }, isReading ? ['read', 'write'] : ['write'], observers, async (shares, limited, named) => {
				const { repository: _, ...rest } = run;
				const outcomes = await backUp(
					{ ...rest, sources, repositoryPath: place, shares, ...(machine && { machine }), ...(source && { via: source }) },
					limited,
					options,
				);
				return outcomes.map((outcome) => ({ ...outcome, bottleneck: named(outcome.bottleneck) }));
			});
			const pointIds = made.map(({ pointId }) => pointId);
			const isSeen = !gateway.isElsewhere || (await gateways.settle(run.repository, pointIds, options));
			if (!isSeen && !options.signal?.aborted) observers[0]?.warning(notSeenYet(run));
			return made;
		},
		async restoreFiles({ machineId, ...input }, observer, options) {
			if (machineId !== null) return giveBackThere(machineId, input, { kind: 'files', ...chosenOf(input) }, observer, options);
			return giveBackHere(input, observer, options, (task, [limited]) => restoreFiles(task, limited, options));
		},
		async restoreDisk({ machineId, ...input }, observer, options) {
			const { disk, to, format, overwrite } = input;
			if (machineId !== null) return giveBackThere(machineId, input, { kind: 'disk', disk, to, format, overwrite }, observer, options);
			return giveBackHere(input, observer, options, (task, [limited]) => restoreDisk(task, limited, options));
		},
		restoreMachine: (input, observer, options) => giveBackHere(input, observer, options, (task, [limited]) => restoreMachine(task, limited, options)),
		bringBackMachine: ({ machineId, restoration, ...at }, observer, options) => giveBackThere(machineId, at, sayRestoration(restoration), observer, options),
		async verifyPoint(input, observer, options) {
			using gateway = await gateways.open(input.repository, null, { does: 'verify', ...options });
			tell(gateway, [observer]);
			const found = async (): Promise<FoundInChain> => {
				const { point, files, chain } = await lookUp(input, options);
				return { point, files, chainId: chain.id };
			};
			const work = { kind: 'verify', pointId: input.pointId, found: gateway.isElsewhere ? await found() : undefined } as const;
			return await workThere({ ...input, place: gateway.place }, ['read'], work, observer, options);
		},
		checkChain: ({ part = null, ...input }, observer, options) =>
			workThere(input, ['read'], { kind: 'check', chainId: input.chainId, part }, observer, options),
		runStep: (input, observer, options) => workThere(input, ['read', 'write'], { kind: 'step', chainId: input.chainId, step: input.step }, observer, options),
		async planRestore({ machineId, ...input }, options) {
			if (machineId === null) return look.plan(await opened(input), options);
			const via = await sourceOf(machineId);
			using gateway = await gateways.open(input.repository, { id: machineId, name: via.mover.name }, { does: 'read', ...options });
			const { repositoryPath, pointId } = await opened(input);
			const plan = await restoreThere(
				{ via, repositoryPath, readAt: gateway.place, pointId, what: { kind: 'plan', ...chosenOf(input) } },
				deafObserver,
				options,
			);
			if (plan === null) throw new EngineError('connection.lost', `The data mover ${via.mover.name} does not say what it would do.`);
			return plan;
		},
		browse: async (input, options) => look.browse(await opened(input), options),
		stat: async (input, options) => look.stat(await opened(input), options),
		openDownload: async (input, options) => look.openDownload(await opened(input), options),
		measure: (input, options) => look.measure(input, options),
	};
}
