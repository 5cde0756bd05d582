import { EngineError } from '../base/index.ts';
import { diskName } from '../block/index.ts';
import {
	type Chain,
	type ChainReference,
	type CheckResult,
	type Download,
	type Downloads,
	type EngineApi,
	isFinal,
	type Point,
	type RepositoryLocation,
	type SessionKind,
} from '../contract/index.ts';
import { requireAbsolute } from '../infra/index.ts';
import { describeHealth, removeChainByHand, sourceKey } from '../jobs/index.ts';
import { chooseDisk } from '../restore/index.ts';
import { diskInFile } from '../source/index.ts';
import { findPoint, loadInventory, matchesFilter } from './inventory.ts';
import type { ApiParts } from './parts.ts';
import { previewChains } from './preview.ts';

type Areas = Pick<EngineApi, 'chains' | 'points' | 'restore'>;

/** Points asked at the same time for one path: enough to hide latency, few enough to leave the repository to others. */
const STATS_AT_ONCE = 4;

/** Sessions whose result says what is broken. */
const checkKinds: ReadonlySet<SessionKind> = new Set(['check', 'verify', 'health', 'repair']);

/** Everything that reads restore points. */
export function createPointsApi(parts: ApiParts): Areas & { readonly downloads: Downloads } {
	const { config, sessions, reading, maintenance, healthSessions, chainUse, plane, machines } = parts;
	const locate = async (reference: string) => {
		const { point, repository, inventory } = await findPoint(parts, reference);
		return { point, repository, inventory, place: { repository: repository.settings, pointId: point.id } };
	};

	async function findChain({ id, repositoryId }: ChainReference) {
		const { chains, repositories } = await loadInventory(parts);
		const [chain, other] = chains.filter((candidate) => candidate.id === id && (repositoryId === undefined || candidate.repositoryId === repositoryId));
		if (chain !== undefined && other !== undefined) {
			throw new EngineError('usage.invalid', `The chain ${id} lies in the repositories “${chain.repository}” and “${other.repository}”.`, {
				hint: 'Name the repository that is meant.',
				data: { field: 'repositoryId' },
			});
		}
		const repository = repositories.find((candidate) => candidate.id === chain?.repositoryId);
		if (chain === undefined || repository === undefined)
			throw new EngineError('not-found.chain', `There is no chain ${id}.`, { hint: 'List the chains to see their ids.', data: { id } });
		return { repository, chain, chainId: id, jobId: chain.jobId, title: `${chain.job}/${chain.object}` };
	}

	/** @throws `not-found.disk`; `usage.invalid` where it must be said which */
	async function chooseMachineDisk(place: { repository: RepositoryLocation; pointId: string }, disk: string | null, signal: AbortSignal | undefined) {
		const { entries } = await plane.browse({ ...place, path: '/', offset: 0, limit: 5000 }, { signal });
		const disks = entries.flatMap(({ type, name }) => (type === 'file' ? (diskInFile(name) ?? []) : []));
		return chooseDisk(disks, disk, place.pointId);
	}

	/** Absolute, by the rules of the machine that it is a path of. `not-found.machine`, `usage.invalid` */
	async function targetOn(machineId: string | undefined, to: string): Promise<string> {
		const { status = null } = machineId === undefined ? {} : await machines.get(machineId);
		return requireAbsolute(to, 'to', status?.platform);
	}

	return {
		chains: {
			async list(filter) {
				const { chains, views } = await loadInventory(parts);
				const { object } = filter;
				const holds = (chain: Chain) =>
					views.get(chain.repositoryId)?.chains.some(({ id, objects }) => id === chain.id && objects.some((own) => sourceKey(own) === object));
				// A chain may hold several objects: it matches each of them.
				return chains.filter((chain) => matchesFilter(chain, { ...filter, object: undefined }) && (object === undefined || holds(chain)));
			},
			async check(reference) {
				return { sessionId: (await reading.check(await findChain(reference))).id };
			},
			async compact(reference) {
				return { sessionId: (await maintenance.compact(await findChain(reference))).id };
			},
			async remove({ pointCount, ...reference }) {
				return removeChainByHand(parts, { ...(await findChain(reference)), pointCount });
			},
			async repair(reference) {
				const found = await findChain(reference);
				return { sessionId: (await healthSessions.repair({ ...found, isCurrent: found.chain.isCurrent })).id };
			},
			async health(reference) {
				const { repository, chain } = await findChain(reference);
				const createdAt = Math.min(...chain.files.map((file) => file.createdAt));
				return describeHealth(await config.health.get(repository.id, chain.id), { id: chain.id, createdAt });
			},
			preview: (query) => previewChains(parts, query),
			async checkResult({ sessionId }) {
				const session = await sessions.record(sessionId);
				if (!checkKinds.has(session.kind)) throw new EngineError('usage.invalid', `The session ${sessionId} is no check.`, { data: { field: 'sessionId' } });
				if (!isFinal(session.state))
					throw new EngineError('busy.chain', `The check of ${session.title} has not ended yet.`, { hint: 'Follow the session until it has.' });
				if (session.result === null)
					throw new EngineError('not-found.session', `The check of ${session.title} ended without a result.`, { hint: session.error?.message });
				return session.result as CheckResult;
			},
		},
		points: {
			async list(filter) {
				const { points } = await loadInventory(parts);
				return points.filter((point) => matchesFilter(point, filter));
			},
			async get({ point }) {
				return (await findPoint(parts, point)).point;
			},
			async browse({ point, path, offset, limit }, { signal }) {
				return plane.browse({ ...(await locate(point)).place, path, offset, limit }, { signal });
			},
			async versions({ point: reference, path }, { signal }) {
				const { point, inventory } = await locate(reference);
				const locations = new Map(inventory.repositories.map(({ id, settings }) => [id, settings]));
				const related = inventory.points.filter((other) => other.restorable && other.object === point.object && other.originJobId === point.originJobId);
				const versions: Awaited<ReturnType<EngineApi['points']['versions']>> = [];
				for (let from = 0; from < related.length; from += STATS_AT_ONCE) {
					const found = await Promise.all(
						related.slice(from, from + STATS_AT_ONCE).map(async (other) => {
							const location = locations.get(other.repositoryId);
							const facts = location ? await plane.stat({ repository: location, pointId: other.id, path }, { signal }) : null;
							return facts && { pointId: other.id, createdAt: other.createdAt, ...facts };
						}),
					);
					versions.push(...found.filter((version) => version !== null));
				}
				return versions;
			},
			async verify({ point: reference }) {
				const { point, repository } = await locate(reference);
				return { sessionId: (await reading.verify({ repository, point })).id };
			},
		},
		restore: {
			async plan({ point, paths, machineId, to, overwrite }, { signal }) {
				const located = await locate(point);
				const target = to === null ? null : await targetOn(machineId, to);
				refuseOtherMachine(located.point, machineId, target);
				return plane.planRestore({ ...located.place, paths, machineId: machineId ?? null, to: target, overwrite }, { signal });
			},
			async files(input) {
				const { point, repository } = await locate(input.point);
				const to = input.to === null ? null : await targetOn(input.machineId, input.to);
				refuseOtherMachine(point, input.machineId, to);
				return { sessionId: (await reading.restoreFiles({ repository, point, input: { ...input, to } })).id };
			},
			async disk(input, { signal }) {
				const { point, repository, place } = await locate(input.point);
				const to = await targetOn(input.machineId, input.to);
				const disk = point.objectKind === 'vm' ? await chooseMachineDisk(place, input.disk, signal) : input.disk;
				if (point.objectKind !== 'vm') refuseOtherDisk(point, disk);
				const format = input.format ?? (/\.qcow2$/i.test(to) ? 'qcow2' : 'raw');
				return { sessionId: (await reading.restoreDisk({ repository, point, input: { ...input, disk, to, format } })).id };
			},
			async vm(input, { signal }) {
				const to = input.to === null ? null : requireAbsolute(input.to, 'to');
				const { point, repository } = await locate(input.point);
				return { sessionId: (await reading.restoreVm({ repository, point, input: { ...input, to } }, { signal })).id };
			},
			async planVm(input, { signal }) {
				const to = input.to === null ? null : requireAbsolute(input.to, 'to');
				const { point, repository } = await locate(input.point);
				return reading.planVm({ repository, point, input: { ...input, to } }, { signal });
			},
		},
		downloads: {
			async open({ point, paths }, { signal }) {
				const found = await locate(point);
				const use = chainUse.tryRead(found.point.chainId);
				if (use === undefined) {
					throw new EngineError('busy.chain', `The chain of the restore point ${found.point.id} is being changed in place.`, {
						hint: 'Try again when the backup or the compaction that works on it has ended. A restore to a folder waits by itself.',
					});
				}
				return holdWhileRead(plane.openDownload({ ...found.place, paths }, { signal }), use, signal);
			},
		},
	};
}

/** Where it was is a place of one machine; what stands at the same path of another is something else. */
function refuseOtherMachine({ machine }: Point, machineId: string | undefined, to: string | null): void {
	if (to !== null || machine?.id === machineId) return;
	const [where, hint] = machine
		? [`on the machine “${machine.name}”`, `Restore it there with "--on ${machine.name}", or into a folder`]
		: ['on the machine of the backup server', 'Restore it there, or into a folder of the machine'];
	throw new EngineError('usage.conflict', `It was ${where}: where it was is no place of another machine.`, {
		hint: `${hint}.`,
		data: { field: 'to', ...(machine && { machine }) },
	});
}

function refuseOtherDisk(point: Point, disk: string | null): void {
	if (point.objectKind !== 'disk') {
		throw new EngineError('usage.invalid', `${point.object} is a folder, not a disk.`, { hint: 'Restore files of it instead.', data: { field: 'point' } });
	}
	const path = point.object.slice('disk:'.length);
	if (disk === null || disk === path || disk === diskName(path)) return;
	throw new EngineError('not-found.disk', `The restore point ${point.id} holds no disk “${disk}”.`, {
		hint: `It holds ${diskName(path)}.`,
		data: { field: 'disk' },
	});
}

/** Lets go of the chain when the content has been read, when it is given up, and when the caller goes away before it has begun. */
async function holdWhileRead(opening: Promise<Download>, use: Disposable, signal: AbortSignal | undefined): Promise<Download> {
	const release = (): void => use[Symbol.dispose]();
	signal?.addEventListener('abort', release, { once: true });
	try {
		const { content, ...head } = await opening;
		return {
			...head,
			content: (async function* () {
				try {
					yield* content;
				} finally {
					signal?.removeEventListener('abort', release);
					release();
				}
			})(),
		};
	} catch (error) {
		release();
		throw error;
	}
}
