import { EngineError } from '../base/index.ts';
import type { Entity, EntityStore, FormerJobStore } from '../config/index.ts';
import type { ImportedChain, ImportProblem, ImportReport, JobSettings, RepositoryLocation, RepositorySettings } from '../contract/index.ts';
import type { Catalogue } from './catalogue.ts';
import type { ChainUse } from './chain-use.ts';
import type { ChainRecord, ChainStore } from './ports.ts';
import { sourceKey } from './source-key.ts';

export type ImportParts = {
	readonly config: { readonly jobs: EntityStore<JobSettings>; readonly formerJobs: FormerJobStore };
	readonly catalogue: Catalogue;
	readonly chainStore: ChainStore;
	readonly chainUse: ChainUse;
};

/**
 * Finds chains that no job of this installation made, and makes lost metadata anew (REPO-09). `isFinishing`: also puts right what died sessions of
 * other installations left, which is right only when none of them works in the repository any more. `repository.*`.
 */
export async function importChains(
	parts: ImportParts,
	{ id: repositoryId, settings }: Entity<RepositorySettings>,
	{ isFinishing, signal }: { readonly isFinishing: boolean; readonly signal?: AbortSignal | undefined },
): Promise<ImportReport> {
	const { config, catalogue, chainStore } = parts;
	const ownJobs = new Set((await config.jobs.list()).map(({ id }) => id));
	const formerJobs = await config.formerJobs.ids();
	const look = () => chainStore.importChains(settings, { ownJobs, signal });
	let { rebuilt, unfinished, problems } = await look();
	const finished: string[] = [];
	const busy: ImportProblem[] = [];
	if (isFinishing && unfinished.length > 0) {
		for (const chainId of unfinished) {
			try {
				await finish(parts, settings, chainId);
				finished.push(chainId);
			} catch (error) {
				if (!(error instanceof EngineError)) throw error;
				busy.push({ path: chainId, reason: 'unfinished', message: error.message, hint: error.hint ?? null });
			}
		}
		const again = await look();
		({ unfinished, problems } = again);
		rebuilt = [...rebuilt, ...again.rebuilt];
	}
	const { chains, error } = await catalogue.refresh(repositoryId);
	if (error !== null) throw EngineError.from(error);
	const stateOf = (id: string): ImportedChain['state'] => (rebuilt.includes(id) ? 'rebuilt' : finished.includes(id) ? 'finished' : 'listed');
	const described = chains
		.filter(({ id, job }) => !ownJobs.has(job.id) || rebuilt.includes(id))
		.map((chain): ImportedChain => {
			const origin = ownJobs.has(chain.job.id) ? 'job' : formerJobs.has(chain.job.id) ? 'removed-job' : 'elsewhere';
			return { ...describe(chain), origin, state: stateOf(chain.id), isUnfinished: unfinished.includes(chain.id) };
		});
	return { repositoryId, chains: described, problems: [...busy, ...problems] };
}

async function finish({ chainStore, chainUse }: ImportParts, location: RepositoryLocation, chainId: string): Promise<void> {
	using seat = chainUse.tryWrite(chainId, 'an import');
	using alone = seat.tryAlone();
	if (alone === undefined) throw new EngineError('busy.chain', `The chain ${chainId} is being read.`, { hint: 'Import again when that has ended.' });
	await chainStore.finishChain(location, chainId);
}

const describe = ({ id, job, objects, method, adHoc, files, points }: ChainRecord): Omit<ImportedChain, 'origin' | 'state' | 'isUnfinished'> => ({
	id,
	job: job.name,
	originJobId: job.id,
	object: objects.map(sourceKey).join(', '),
	method,
	isAdHoc: adHoc !== undefined,
	fileCount: files.length,
	sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
	pointCount: points.length,
	restorableCount: points.filter(({ problem }) => problem === null).length,
	oldestAt: points[0]?.createdAt ?? null,
	newestAt: points.at(-1)?.createdAt ?? null,
});
