/** Restore points as faces see them, and the forms in which people name one. Pure. */
import { EngineError } from '../base/index.ts';
import type { Chain, ChainHealth, Origin, Point } from '../contract/index.ts';
import type { CatalogueView } from './catalogue.ts';
import { describeHealth, placesIn } from './chain-health.ts';
import type { Outlook } from './outlook.ts';
import type { ChainRecord, PointRecord } from './ports.ts';
import { currentChainIds } from './retention.ts';
import { sourceKey } from './source-key.ts';

/** What the repository cannot know: which of its jobs are ours, and what was verified. */
export type PointContext = {
	readonly repositoryName: string;
	/** Names of the jobs of this installation, by id: a chain of any other job has no `jobId`. */
	readonly jobNames: ReadonlyMap<string, string>;
	/** Of those that use this repository: only they go on with a chain in it. */
	readonly jobsHere: ReadonlySet<string>;
	/** Jobs that this installation had once. */
	readonly formerJobs: ReadonlySet<string>;
	readonly outlook: Outlook;
	/** When points were last read back without damage, by point id. */
	readonly verifiedAt: ReadonlyMap<string, number>;
	/** By the chain's id; null: nothing was ever checked. */
	readonly health: ReadonlyMap<string, ChainHealth>;
};

/** A chain of the catalogue with the repository that it lies in. */
export type LocatedChain = { readonly view: CatalogueView; readonly chain: ChainRecord; readonly context: PointContext };

export function toPoint({ view, chain, context }: LocatedChain, point: PointRecord): Point {
	const problem = point.problem ?? (view.error === null ? null : `The repository “${context.repositoryName}” cannot be reached: ${view.error.message}`);
	return {
		id: point.id,
		chainId: chain.id,
		jobId: context.jobNames.has(chain.job.id) ? chain.job.id : null,
		job: context.jobNames.get(chain.job.id) ?? chain.job.name,
		origin: originOf(chain.job.id, context),
		originJobId: chain.job.id,
		repositoryId: view.repositoryId,
		object: sourceKey(point.object),
		objectKind: point.object.kind,
		...(chain.machine && { machine: chain.machine }),
		createdAt: point.createdAt,
		kind: point.kind,
		consistency: point.consistency,
		mode: point.mode,
		...(point.snapshot && { snapshot: point.snapshot }),
		sessionId: point.sessionId,
		file: point.file,
		storedBytes: point.storedBytes,
		sourceBytes: point.sourceBytes,
		itemCount: point.itemCount,
		warningCount: point.warningCount,
		restorable: problem === null,
		problem,
		verifiedAt: context.verifiedAt.get(point.id) ?? null,
		gfs: [...(context.outlook.gfs.get(point.id) ?? [])],
		keepUntil: chain.adHoc ? chain.adHoc.keepUntil : (context.outlook.keepUntil.get(point.id) ?? null),
		expires: context.outlook.expiringPoints.has(point.id),
		isAdHoc: Boolean(chain.adHoc),
	};
}

const originOf = (jobId: string, { jobNames, formerJobs }: PointContext): Origin =>
	jobNames.has(jobId) ? 'job' : formerJobs.has(jobId) ? 'removed-job' : 'elsewhere';

function healthOf({ id, createdAt }: ChainRecord, { health }: PointContext): Pick<Chain, 'lastCheck' | 'provenAt' | 'unreadSince'> {
	const { checkedAt, provenAt, unreadSince, damaged, unreadable } = health.get(id) ?? describeHealth(undefined, { id, createdAt });
	const lastCheck = checkedAt === null ? null : { at: checkedAt, damagedCount: placesIn(damaged), unreadableCount: placesIn(unreadable) };
	return { lastCheck, provenAt, unreadSince };
}

/** The chains of one repository; what expires is what the next successful run of its job will remove. */
export function toChains(view: CatalogueView, context: PointContext): Chain[] {
	const byJob = Map.groupBy(view.chains, (chain) => chain.job.id);
	return [...byJob].flatMap(([jobId, chains]) => {
		const current = currentChainIds(chains);
		return chains.map(
			(chain): Chain => ({
				id: chain.id,
				jobId: context.jobNames.has(jobId) ? jobId : null,
				job: context.jobNames.get(jobId) ?? chain.job.name,
				origin: originOf(jobId, context),
				originJobId: jobId,
				object: chain.objects.map(sourceKey).join(', '),
				repositoryId: view.repositoryId,
				repository: context.repositoryName,
				method: chain.method,
				isCurrent: context.jobsHere.has(jobId) && current.has(chain.id),
				encrypted: chain.encrypted,
				keyId: chain.keyId,
				adHoc: chain.adHoc ?? null,
				files: chain.files.map((file) => ({
					path: file.path,
					kind: file.kind,
					sizeBytes: file.sizeBytes,
					createdAt: file.createdAt,
					pointIds: [...file.pointIds],
					dependsOn: file.dependsOn,
					problem: file.problem,
					expires: context.outlook.expiringFiles.has(file.path),
				})),
				...healthOf(chain, context),
			}),
		);
	});
}

/**
 * Finds the point that `reference` means: an id, `JOB@latest`, `JOB@2026-11-21T08:00` (newest not after; the engine's own time zone
 * unless it names one), or `JOB/OBJECT@…`. `not-found.point` says what there is; `usage.invalid` when a time is none, or when a job of
 * several objects is named without the object.
 */
export function resolvePoint(reference: string, points: readonly Point[]): Point {
	// A copy of a repository holds the same point: whichever can be restored will do.
	const byId = points.find(({ id, restorable }) => id === reference && restorable) ?? points.find(({ id }) => id === reference);
	if (byId !== undefined) return byId;
	const at = reference.lastIndexOf('@');
	if (at < 0) throw notFound(reference, `There is no restore point ${reference}.`, points);
	const candidates = ofSubject(reference.slice(0, at), reference, points);
	const when = reference.slice(at + 1);
	const notAfter = when === 'latest' ? Number.POSITIVE_INFINITY : parseTime(when, reference);
	const found = candidates.filter(({ createdAt }) => createdAt <= notAfter).toSorted((a, b) => b.createdAt - a.createdAt)[0];
	if (found === undefined) throw notFound(reference, `There is no restore point of ${reference.slice(0, at)} from ${when} or before.`, candidates);
	return found;
}

/** The points of `JOB` or `JOB/OBJECT`. A job's name has no slash, so the first one begins the object. */
function ofSubject(subject: string, reference: string, points: readonly Point[]): Point[] {
	const slash = subject.indexOf('/');
	const job = slash < 0 ? subject : subject.slice(0, slash);
	const named = points.filter((point) => equalNames(point.job, job) || point.originJobId === job);
	if (named.length === 0) throw notFound(reference, `There is no restore point of a job “${job}”.`, points);
	// A job of this installation goes before one of the same name that was imported.
	const own = named.filter(({ jobId }) => jobId !== null);
	const ofJob = own.length > 0 ? own : named;
	const makers = [...new Set(ofJob.map(({ originJobId }) => originJobId))];
	if (makers.length > 1) {
		throw new EngineError('usage.invalid', `There are points of ${makers.length} jobs named “${job}”, which came from different installations.`, {
			hint: `Name the one that is meant by its id, as in ${makers[0]}@latest; "holdfast point list --json" shows them.`,
			data: { field: 'point', jobs: makers },
		});
	}
	const objects = [...new Set(ofJob.map(({ object }) => object))];
	if (slash < 0) {
		if (objects.length === 1) return ofJob;
		throw new EngineError('usage.invalid', `The job “${job}” has several objects: ${objects.join(', ')}.`, {
			hint: `Name one of them, as in ${job}/${objects[0]}@latest.`,
			data: { field: 'point', objects },
		});
	}
	const wanted = subject.slice(slash + 1);
	const ofObject = ofJob.filter(({ object }) => [wanted, `/${wanted}`].some((form) => object === form || object.slice(object.indexOf(':') + 1) === form));
	if (ofObject.length === 0) throw notFound(reference, `The job “${job}” has no restore point of ${wanted}; its objects are ${objects.join(', ')}.`, ofJob);
	return ofObject;
}

const equalNames = (a: string, b: string): boolean => a === b || a.toLowerCase() === b.toLowerCase();

const timeForm = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** A day alone means its end; a minute or a second means all of it, so that what is printed can be typed. */
function parseTime(text: string, reference: string): number {
	const hasTime = text.includes('T');
	// A date alone would be read as UTC: with a time and without a zone it is local.
	const time = timeForm.test(text) ? Date.parse(hasTime ? text : `${text}T23:59:59.999`) : Number.NaN;
	if (Number.isNaN(time)) {
		throw new EngineError('usage.invalid', `“${text}” in ${reference} is not a time.`, {
			hint: 'Write latest, 2026-11-21 or 2026-11-21T08:00.',
			data: { field: 'point' },
		});
	}
	if (!hasTime || text.includes('.')) return time;
	return time + (/T\d{2}:\d{2}:\d{2}/.test(text) ? 999 : 59_999);
}

function notFound(reference: string, message: string, known: readonly Point[]): EngineError {
	const newest = known.toSorted((a, b) => b.createdAt - a.createdAt).slice(0, 5);
	const list = newest.map((point) => `${point.job}/${point.object}@${new Date(point.createdAt).toISOString()} (${point.id})`);
	return new EngineError('not-found.point', message, {
		hint: list.length === 0 ? 'There are no restore points yet.' : `There are: ${list.join('; ')}${known.length > list.length ? '; and more' : ''}.`,
		data: { point: reference, known: newest.map(({ id }) => id) },
	});
}
