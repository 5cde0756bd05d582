import { EngineError } from '../base/index.ts';
import type { OverwriteRule, RepositoryLocation } from '../contract/index.ts';
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
import type { RepositoryFolder } from '../repository/index.ts';
import { checkChain, type Look, restoreDisk, restoreFiles, restoreMachine, restoreThere, verifyPoint } from '../restore/index.ts';
import type { Place, Places } from './places.ts';
import { showSources } from './shown-sources.ts';

type AtRepository = { readonly repository: RepositoryLocation };

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
			return verifyPoint({ repositoryPath, pointId: work.pointId, shares }, observer, options);
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

export function createDataPlane(places: Places, look: Look, bandwidth: Bandwidth): DataPlane {
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

	/** What needs nothing but the repository is done on the machine that holds it. */
	async function workThere<Kind extends HostWork['kind']>(
		at: AtRepository,
		directions: readonly Direction[],
		work: Extract<HostWork, { kind: Kind }>,
		observer: TaskObserver,
		options: TaskOptions,
	): Promise<HostOutcome<Kind>> {
		const place = await places.open(at.repository);
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
	async function giveBackThere(
		machineId: string,
		{ repository, pointId }: AtRepository & { readonly pointId: string },
		what: GivenBack,
		observer: TaskObserver,
		options: TaskOptions,
	): Promise<void> {
		const repositoryPath = await places.open(repository);
		const via = await sourceOf(machineId);
		await under({ repository }, { place: repositoryPath, source: via }, ['read'], [observer], (shares, [limited]) =>
			restoreThere({ via, repositoryPath, pointId, what, shares }, limited, options),
		);
	}

	const opened = async <Input extends AtRepository>({ repository, ...input }: Input) => ({ ...input, repositoryPath: await places.open(repository) });

	return {
		async backUp({ connectionCount, machine, proxy, reader, ...run }, observers, options) {
			// other runs read of the repository no more than what they compare with
			const isReading = run.method === 'reverse' || run.requested === 'synthetic';
			const place = await places.open(run.repository, { connectionCount });
			const source = await places.source((proxy ?? machine ?? reader)?.id ?? null, { connectionCount });
			await using shown = proxy && source ? await showSources(run.sources ?? [], source) : null;
			const sources = shown?.sources ?? run.sources;
			return await under(run, { place, source }, isReading ? ['read', 'write'] : ['write'], observers, async (shares, limited, named) => {
				const { repository: _, ...rest } = run;
				const outcomes = await backUp(
					{ ...rest, sources, repositoryPath: place, shares, ...(machine && { machine }), ...(source && { via: source }) },
					limited,
					options,
				);
				return outcomes.map((outcome) => ({ ...outcome, bottleneck: named(outcome.bottleneck) }));
			});
		},
		async restoreFiles({ machineId, ...input }, observer, options) {
			if (machineId !== null) return giveBackThere(machineId, input, { kind: 'files', ...chosenOf(input) }, observer, options);
			const task = await opened(input);
			return under(input, { place: task.repositoryPath }, ['read'], [observer], (shares, [limited]) => restoreFiles({ ...task, shares }, limited, options));
		},
		async restoreDisk({ machineId, ...input }, observer, options) {
			const { disk, to, format, overwrite } = input;
			if (machineId !== null) return giveBackThere(machineId, input, { kind: 'disk', disk, to, format, overwrite }, observer, options);
			const task = await opened(input);
			return under(input, { place: task.repositoryPath }, ['read'], [observer], (shares, [limited]) => restoreDisk({ ...task, shares }, limited, options));
		},
		async restoreMachine(input, observer, options) {
			const task = await opened(input);
			return under(input, { place: task.repositoryPath }, ['read'], [observer], (shares, [limited]) => restoreMachine({ ...task, shares }, limited, options));
		},
		bringBackMachine: ({ machineId, restoration, ...at }, observer, options) => giveBackThere(machineId, at, sayRestoration(restoration), observer, options),
		verifyPoint: (input, observer, options) => workThere(input, ['read'], { kind: 'verify', pointId: input.pointId }, observer, options),
		checkChain: ({ part = null, ...input }, observer, options) =>
			workThere(input, ['read'], { kind: 'check', chainId: input.chainId, part }, observer, options),
		runStep: (input, observer, options) => workThere(input, ['read', 'write'], { kind: 'step', chainId: input.chainId, step: input.step }, observer, options),
		async planRestore({ machineId, ...input }, options) {
			if (machineId === null) return look.plan(await opened(input), options);
			const via = await sourceOf(machineId);
			const { repositoryPath, pointId } = await opened(input);
			const plan = await restoreThere({ via, repositoryPath, pointId, what: { kind: 'plan', ...chosenOf(input) } }, deafObserver, options);
			if (plan === null) throw new EngineError('connection.lost', `The data mover ${via.mover.name} does not say what it would do.`);
			return plan;
		},
		browse: async (input, options) => look.browse(await opened(input), options),
		stat: async (input, options) => look.stat(await opened(input), options),
		openDownload: async (input, options) => look.openDownload(await opened(input), options),
		measure: (input, options) => look.measure(input, options),
	};
}
