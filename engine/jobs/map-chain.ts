import { type Clock, EngineError, type Log } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import type { ChainMapping, JobSettings, RepositorySettings, SourceSpec } from '../contract/index.ts';
import type { Catalogue } from './catalogue.ts';
import { forecastRuns } from './chain-forecast.ts';
import type { ChainUse } from './chain-use.ts';
import { findCurrentChain, planMode, renewAfterPoints } from './full-or-increment.ts';
import { keyIdFor } from './keys.ts';
import { covers, knownObjects } from './machine-objects.ts';
import type { ChainRecord, ChainStore } from './ports.ts';
import type { Sessions } from './sessions.ts';
import { sourceKey } from './source-key.ts';

export type MappingFacts = {
	readonly job: Entity<JobSettings>;
	readonly repository: Entity<RepositorySettings>;
	readonly chain: ChainRecord;
	/** All chains of the repository. */
	readonly chains: readonly ChainRecord[];
	/** Names of the jobs of this installation, by id. */
	readonly jobNames: ReadonlyMap<string, string>;
	readonly nowMs: number;
};

/** What becomes of the chain when the job takes it over. Pure. @throws `usage.conflict` when the job would not go on with it, saying why and what to do */
export function planMapping(facts: MappingFacts): ChainMapping {
	const { job, repository, chain, chains, nowMs } = facts;
	const { settings } = job;
	refuseUnfit(facts);
	const { singleFile } = repository.settings;
	const mapped: ChainRecord = { ...chain, job: { id: job.id, name: settings.name } };
	const present = [...chains.filter((other) => other.job.id === job.id), mapped];
	const objects = objectsOfRun(facts);
	const current = findCurrentChain(present, objects, { singleFile });
	if (current !== mapped) {
		throw refusal(
			`“${settings.name}” has a newer chain of ${objects.map(sourceKey).join(', ')} already, begun ${isoTime(current?.createdAt)}: its runs go on with that one.`,
			`Map a job before its first run, or remove the newer chain first with "holdfast chain remove ${current?.id}".`,
		);
	}
	const keyId = keyIdFor(settings, repository.settings);
	const planned = planMode({ settings, keyId, current, objects, singleFile, askedFull: null, nowMs });
	const renewAt = renewAfterPoints(settings, current, nowMs);
	const most = Math.max(0, ...objects.map((object) => chain.points.filter((point) => sourceKey(point.object) === sourceKey(object)).length));
	const next =
		planned.requested === 'increment' && renewAt !== null && most >= renewAt
			? ({ mode: 'full', reason: `The chain holds ${most} restore points already and the job keeps ${settings.retainPoints}: a new one begins.` } as const)
			: { mode: planned.requested, reason: planned.reason };
	const [after] = forecastRuns(present, { settings, singleFile, keyId, fullBytes: null, incrementBytes: null }, [nowMs]);
	const left = new Set(after?.chains.flatMap(({ points }) => points.map(({ id }) => id)));
	return {
		chainId: chain.id,
		from: chain.job.name,
		objects: chain.objects.map(sourceKey),
		pointCount: chain.points.length,
		next,
		expiringCount: chain.points.filter(({ id }) => !left.has(id)).length,
		notes: notesOf(facts),
	};
}

const refusal = (message: string, hint: string): EngineError => new EngineError('usage.conflict', message, { hint, data: { field: 'chain' } });
const isoTime = (at: number | undefined): string => (at === undefined ? 'at some time' : new Date(at).toISOString());

/** Per object there is one run, and one chain, for each; otherwise one for all. */
const objectsOfRun = ({ job, repository, chain }: MappingFacts): readonly SourceSpec[] =>
	repository.settings.singleFile ? job.settings.sources.flatMap((source) => knownObjects(source, chain.objects.map(sourceKey))) : chain.objects;

function refuseUnfit({ job, repository, chain, jobNames }: MappingFacts): void {
	const { settings } = job;
	const name = `The chain ${chain.id} of “${chain.job.name}”`;
	if (chain.job.id === job.id) throw refusal(`${name} is this job's own.`, 'There is nothing to do: its runs go on with it.');
	const owner = jobNames.get(chain.job.id);
	if (owner !== undefined)
		throw refusal(`${name} belongs to the job “${owner}” of this installation.`, 'A chain belongs to one job. Remove that job first; its restore points stay.');
	if (chain.adHoc !== undefined)
		throw refusal(`${name} is an ad-hoc full: nothing is ever built on it.`, 'Map the job to an ordinary chain. This one can be restored as it is.');
	const broken = chain.files.find(({ problem }) => problem !== null);
	if (broken !== undefined || chain.points.length === 0)
		throw refusal(
			`${name} cannot be continued: ${broken?.problem ?? 'it holds no restore point.'}`,
			'Run the job: it begins a new chain, and what can be restored stays.',
		);
	if (chain.method !== settings.method) {
		throw refusal(
			`${name} grows by the method ${chain.method}, and the job “${settings.name}” uses ${settings.method}: its next run would begin a new chain with a full.`,
			`Give the job that method first (holdfast job edit "${settings.name}" --method ${chain.method}), then map it.`,
		);
	}
	if ((chain.machine?.id ?? null) !== settings.machineId)
		throw refusal(
			`${name} holds what lies on ${chain.machine ? `the machine “${chain.machine.name}”` : 'the machine of the backup server'}, and the job “${settings.name}” protects another machine: its next run would begin a new chain.`,
			'Let the job protect that machine, or run it: what can be restored stays.',
		);
	const keyId = keyIdFor(settings, repository.settings);
	if (chain.keyId !== keyId) {
		throw refusal(
			`${name} is ${chain.keyId === null ? 'not encrypted' : `encrypted with the key ${chain.keyId}`}, and chains of the job “${settings.name}” are ${keyId === null ? 'not' : 'encrypted with another one'}.`,
			chain.keyId === null
				? `Switch the encryption of the job off first (holdfast job edit "${settings.name}" --no-encrypt), then map it.`
				: `Give the job that key first (holdfast job edit "${settings.name}" --key ${chain.keyId}), then map it.`,
		);
	}
	const wanted = settings.sources.map(sourceKey);
	const fitting = chain.objects.map(sourceKey).filter((object) => settings.sources.some((source) => covers(source, object)));
	const held = chain.objects.map(sourceKey).join(', ');
	if (fitting.length === 0)
		throw refusal(
			`${name} holds ${held}; the job “${settings.name}” protects ${wanted.join(', ')}.`,
			'Add the object to the job with the same kind and path, then map it.',
		);
	const isSingle = chain.objects.length > 1;
	const { singleFile } = repository.settings;
	if (!singleFile && isSingle)
		throw refusal(
			`${name} holds several objects, and the repository “${repository.settings.name}” keeps a chain per object: the next run would begin new chains.`,
			`Let the repository keep one chain per job first (holdfast repository edit "${repository.settings.name}" --single-file).`,
		);
	if (singleFile && !isSingle && settings.sources.length > 1)
		throw refusal(
			`${name} holds one object, and the repository “${repository.settings.name}” keeps all objects of a job in one chain: the next run would begin a new chain.`,
			`Let the repository keep a chain per object first (holdfast repository edit "${repository.settings.name}" --no-single-file).`,
		);
}

function notesOf({ job, repository, chain }: MappingFacts): string[] {
	const { sources } = job.settings;
	const held = chain.objects.map(sourceKey);
	const notes: string[] = [];
	const strays = held.filter((object) => !sources.some((source) => covers(source, object)));
	if (strays.length > 0)
		notes.push(`${strays.join(', ')} is not protected by the job: it gets no new points, and those that there are stay as retention says.`);
	const added = repository.settings.singleFile ? sources.filter((source) => !held.some((object) => covers(source, object))).map(sourceKey) : [];
	if (added.length > 0) notes.push(`${added.join(', ')} is new to the chain and is read in full at the next run.`);
	notes.push(`No other installation may run a job on this chain any more: “${chain.job.name}” would begin a new one.`);
	return notes;
}

export type MappingParts = {
	readonly config: {
		readonly jobs: { get(id: string): Promise<Entity<JobSettings>>; list(): Promise<Entity<JobSettings>[]> };
		readonly repositories: { get(id: string): Promise<Entity<RepositorySettings>> };
	};
	readonly sessions: Pick<Sessions, 'activeOfJob'>;
	readonly catalogue: Catalogue;
	readonly chainStore: ChainStore;
	readonly chainUse: ChainUse;
	readonly clock: Clock;
	readonly log: Log;
};

/**
 * Lets a job go on with a chain that another installation, or a job that was removed, made (REPO-09). `isTrial`: only says what would become of it.
 * `not-found.*`, `usage.conflict`, `busy.job` while the job runs, `busy.chain` while the chain is in use.
 */
export async function mapChain(
	parts: MappingParts,
	asked: { readonly jobId: string; readonly chainId: string; readonly isTrial: boolean },
): Promise<ChainMapping> {
	const { config, sessions, catalogue, chainStore, chainUse, clock, log } = parts;
	const job = await config.jobs.get(asked.jobId);
	const repository = await config.repositories.get(job.settings.repositoryId);
	if (sessions.activeOfJob(job.id) !== undefined)
		throw new EngineError('busy.job', `The job “${job.settings.name}” is running.`, { hint: 'Map it when its session has ended.' });
	const plan = async (): Promise<ChainMapping> => {
		const { chains, error } = await catalogue.refresh(repository.id);
		if (error !== null) throw EngineError.from(error);
		const chain = chains.find(({ id }) => id === asked.chainId);
		if (chain === undefined) {
			throw new EngineError(
				'not-found.chain',
				`There is no chain ${asked.chainId} in the repository “${repository.settings.name}”, into which the job writes.`,
				{
					hint: 'A job goes on with chains of its own repository. List them with "holdfast chain list", or give the job the repository that holds the chain.',
					data: { field: 'chain' },
				},
			);
		}
		const jobNames = new Map((await config.jobs.list()).map(({ id, settings }) => [id, settings.name]));
		return planMapping({ job, repository, chain, chains, jobNames, nowMs: clock.now() });
	};
	const planned = await plan();
	if (asked.isTrial) return planned;
	using seat = chainUse.tryWrite(asked.chainId, `the mapping of “${job.settings.name}”`);
	using alone = seat.tryAlone();
	if (alone === undefined) throw new EngineError('busy.chain', `The chain ${asked.chainId} is being read.`, { hint: 'Try again when that has ended.' });
	try {
		await chainStore.takeOver(repository.settings, asked.chainId, { id: job.id, name: job.settings.name });
	} finally {
		await catalogue.refresh(repository.id);
	}
	log.info({ jobId: job.id, chainId: asked.chainId, from: planned.from }, 'A job took a chain over.');
	return planned;
}
