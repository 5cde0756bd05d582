/** An engine without disks: it implements the whole contract in memory, for looking at screens and for testing them. */
import { Cron } from 'croner';
import { EngineError } from '../../engine/base/index.ts';
import {
	type ChainMapping,
	type Download,
	type Downloads,
	type EngineApi,
	type EngineEvent,
	isFinal,
	jobDraft,
	jobSettings,
	type Point,
	type RevisedServerSettings,
	type Schedule,
	type Session,
	type SessionListItem,
} from '../../engine/contract/index.ts';
import { healthOf, previewOf } from './chains.ts';
import { createFakeDevices } from './devices.ts';
import { FakeState } from './fake-state.ts';
import { browseFolder, findEntry, listPlaces } from './folders.ts';
import { logOf, makeSession } from './history.ts';
import { createFakeHosts } from './hosts.ts';
import { importedChains, importedPoints, importReportOf } from './imported.ts';
import { createFakeKeys, siteKeys } from './keys.ts';
import { browseMachine, planMachine } from './machine-points.ts';
import { createFakeMachines } from './machines.ts';
import { createRandom, hashOf } from './random.ts';
import { type Scenario, timeZone } from './site.ts';
import { createFakeThrottles } from './throttles.ts';
import { createFakeVolumes } from './volumes.ts';

export type FakeEngine = { readonly api: EngineApi; readonly downloads: Downloads; close(): void };

const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
	new Promise((resolve) => {
		setTimeout(resolve, ms);
		signal?.addEventListener('abort', () => resolve(), { once: true });
	});

const listItem = ({ throughput: _, tasks, ...rest }: Session): SessionListItem => ({ ...rest, taskCount: tasks.length });

function runsOf({ cron, timeZone }: Schedule, count: number): number[] {
	try {
		return new Cron(cron, { timezone: timeZone, paused: true }).nextRuns(count).map((at) => at.getTime());
	} catch (error) {
		throw new EngineError('usage.invalid', `“${cron}” is not a schedule: ${error instanceof Error ? error.message : error}.`, { data: { field: 'schedule' } });
	}
}

const mappingOf = (from: string, chainId: string): ChainMapping => ({
	chainId,
	from,
	objects: ['folder:/srv/web'],
	pointCount: 21,
	next: { mode: 'increment', reason: '' },
	expiringCount: 7,
	notes: [`No other installation may run a job on this chain any more: “${from}” would begin a new one.`],
});

const storagePromises = [
	'what was written and synced is read back, at any offset, while it is still being written',
	'a file is changed in place, by writes to different ranges at once, and nothing else in it changes',
	'a replacement is whole and leaves nothing beside it',
	'a file takes a new name, and an existing one only when it may',
	'a new file never overwrites an old one, and what was removed is gone',
];

export function createFakeApi(scenario: Scenario): FakeEngine {
	const state = new FakeState(scenario);
	const emit = ({ kind, id }: EngineEvent): void => state.emit(kind, id);
	const startedAt = Date.now() - 11.3 * 86_400_000;

	/** `JOB@latest` and plain ids. */
	const findPoint = (text: string): Point => {
		const [name, when] = text.split('@');
		for (const [id, { settings }] of state.jobs) {
			const points = state.pointsOf(id);
			const found = when === 'latest' ? (settings.name === name ? points[0] : undefined) : points.find((point) => point.id === text);
			if (found) return found;
		}
		const imported = importedPoints.find(({ id }) => state.hasImports && id === text);
		if (imported) return imported;
		throw new EngineError('not-found.point', `There is no restore point ${text}.`, { hint: 'Retention may have removed it. Choose another point.' });
	};
	const allPoints = (jobId: string | undefined): Point[] =>
		jobId === undefined ? [...state.jobs.keys()].flatMap((id) => state.pointsOf(id)) : state.jobs.has(jobId) ? state.pointsOf(jobId) : [];
	const strangers = <Item extends Pick<Point, 'originJobId' | 'repositoryId'>>(all: readonly Item[], jobId?: string, repositoryId?: string): Item[] =>
		state.hasImports
			? all.filter((each) => (jobId === undefined || each.originJobId === jobId) && (repositoryId === undefined || each.repositoryId === repositoryId))
			: [];

	const maintenance = (kind: Session['kind'], title: string, bytes: number, { lengthMs = 20_000, object = title } = {}): { sessionId: string } => {
		const now = Date.now();
		const id = `s-${kind}-${now.toString(36)}`;
		const site = {
			id,
			temper: 'steady',
			sizeBytes: bytes,
			isRunning: true,
			settings: jobSettings.parse({ name: title, sources: [{ kind: 'folder', path: '/restore' }], repositoryId: 'x' }),
		} as const;
		const session = makeSession({ job: site, id, startedAt: now + 400, isFull: true, state: 'success', trigger: 'manual' });
		return {
			sessionId: state.startSession(
				{ ...session, kind, jobId: null, title, tasks: session.tasks.map((task) => ({ ...task, object, mode: null, pointId: null })) },
				now + 400,
				lengthMs,
			),
		};
	};

	const plan: EngineApi['restore']['plan'] = async ({ paths, to, overwrite, point }) => {
		const random = createRandom(paths.join('\n'));
		const found = findPoint(point);
		const isAll = paths.includes('/');
		const files = isAll ? found.itemCount : random.int(1, 900) * paths.length;
		const bytes = isAll ? found.sourceBytes : files * random.int(20_000, 900_000);
		const clashes = to === null ? Math.floor(files * 0.8) : Math.floor(files * 0.04);
		const overwritten = overwrite === 'always' ? clashes : overwrite === 'newer' ? Math.floor(clashes / 3) : 0;
		const freeBytes = 213 * 2 ** 30;
		return {
			files,
			directories: Math.ceil(files / 14),
			links: Math.floor(files / 60),
			others: 0,
			bytes,
			overwritten,
			kept: clashes - overwritten,
			overwrittenPaths: Array.from(
				{ length: Math.min(100, overwritten) },
				(_, i) => `/srv/shares/finance/Accounts/Invoice ${String(i + 1).padStart(3, '0')}.pdf`,
			),
			freeBytes,
			fits: bytes < freeBytes,
		};
	};

	const hosts = createFakeHosts(scenario, () => [...state.jobs.values()].map(({ settings }) => settings), emit);
	let serverSettings: RevisedServerSettings = { revision: 0, settings: { processing: 'parallel' } };
	const api: EngineApi = {
		system: {
			info: async () => ({
				product: 'Holdfast',
				version: '0.1.0',
				node: process.versions.node,
				platform: 'linux',
				hostName: 'backup01',
				timeZone,
				dataFolder: '/var/lib/holdfast',
				startedAt,
				processors: 8,
				memoryBytes: 32 * 2 ** 30,
				limits: ['Snapshots of volumes are not available yet: files that are open are read as they are.'],
			}),
			overview: async () => state.overview(),
			settings: async () => serverSettings,
			configure: async ({ settings }) => {
				serverSettings = { revision: serverSettings.revision + 1, settings };
				emit({ kind: 'settings', id: null });
				return serverSettings;
			},
			async *events({ signal }) {
				const queue: EngineEvent[] = [];
				let wake = (): void => undefined;
				const stop = state.listen((event) => {
					queue.push(event);
					wake();
				});
				signal?.addEventListener('abort', () => wake(), { once: true });
				try {
					while (!signal?.aborted) {
						const event = queue.shift();
						if (event) yield event;
						else await new Promise<void>((resolve) => (wake = resolve));
					}
				} finally {
					stop();
				}
			},
		},
		jobs: {
			list: async () => [...state.jobs.keys()].map((id) => state.summary(id)),
			get: async ({ id }) => state.summary(id),
			async check(draft) {
				const errors: Record<string, string> = {};
				const warnings: Record<string, string> = {};
				const parsed = jobDraft.safeParse(draft);
				for (const issue of parsed.error?.issues ?? []) errors[issue.path.join('.')] ??= issue.message;
				const { id, name, sources = [], repositoryId, schedule, activeFull, syntheticFull, gfs, method = 'forward' } = draft;
				for (const [otherId, other] of state.jobs)
					if (otherId !== id && name?.trim().toLowerCase() === other.settings.name.toLowerCase())
						errors.name = `Another job is called “${other.settings.name}”.`;
				for (const [i, { kind, path }] of sources.entries()) {
					if (kind === 'vm') continue;
					const place = path.startsWith('/dev/') || /\.(qcow2|raw|img)$/.test(path) ? true : listPlaces(path, Date.now());
					if (!place) errors[`sources.${i}.path`] = `${path} does not exist on this server.`;
					else if (path === '/root') warnings[`sources.${i}.path`] = 'Some folders in it cannot be read by the account that Holdfast runs as.';
					else if (path === '/') warnings[`sources.${i}.path`] = 'The repository lies in it and will be left out.';
				}
				const { snapshot, quiesce, requireConsistent, writers = [] } = draft;
				if (requireConsistent && quiesce === 'crash')
					errors.requireConsistent = 'A job that requires consistency cannot be crash-consistent. Choose one of the two.';
				if (requireConsistent && snapshot === 'none')
					errors.requireConsistent = 'What is read live is not consistent. Choose a snapshot, or do not require consistency.';
				for (const [i, writer] of writers.entries()) if (/^(script|sqlite):[^/]/.test(writer)) errors[`writers.${i}`] = 'It needs the whole path of a script.';
				if (writers.length > 0 && snapshot === 'none') warnings.writers = 'Applications hold still for a snapshot only: reading live, they are not asked to.';
				const repository = repositoryId ? state.repositories.get(repositoryId) : undefined;
				if (repositoryId && !repository) errors.repositoryId = 'This repository does not exist any more.';
				if (repository?.site.state === 'unreachable')
					warnings.repositoryId = `“${repository.settings.name}” does not answer at present. The job can be saved, but not run.`;
				for (const [field, value] of [
					['schedule', schedule],
					['activeFull', activeFull],
					['syntheticFull', syntheticFull],
				] as const) {
					try {
						if (value) runsOf(value, 1);
					} catch (error) {
						errors[field] = error instanceof Error ? error.message : String(error);
					}
				}
				if (gfs && method !== 'forward') errors.gfs = `The method “${method}” has no archive fulls: they are fulls of forward incremental.`;
				else if (gfs && !activeFull && !syntheticFull)
					warnings.gfs = 'Without a schedule for fulls, a full is made only when the chain is renewed: weeks and months may have none to keep.';
				return { errors, warnings };
			},
			async create(input) {
				const id = `job-${hashOf(input.name).toString(36)}${state.jobs.size}`;
				state.jobs.set(id, {
					site: { id, settings: input, temper: 'steady', sizeBytes: 3 * 2 ** 30, isRunning: false },
					settings: input,
					revision: 1,
					lastVerifiedAt: null,
				});
				state.emit('job', id);
				state.emit('overview');
				return state.summary(id);
			},
			async update({ id, revision, settings }) {
				const job = state.job(id);
				if (job.revision !== revision)
					throw new EngineError('stale.revision', `Somebody saved the job “${job.settings.name}” while you were editing it.`, {
						hint: 'Look at both versions and choose.',
						data: { current: state.summary(id) },
					});
				Object.assign(job, { settings, revision: revision + 1 });
				state.emit('job', id);
				return state.summary(id);
			},
			async remove({ id }) {
				if (state.activeSession(id)) throw new EngineError('busy.job', `The job “${state.job(id).settings.name}” is running.`, { hint: 'Cancel it first.' });
				state.jobs.delete(id);
				state.emit('job', id);
				state.emit('overview');
			},
			async setEnabled({ ids, enabled }) {
				for (const id of ids) {
					const job = state.job(id);
					Object.assign(job, { settings: { ...job.settings, enabled }, revision: job.revision + 1 });
					state.emit('job', id);
				}
				state.emit('overview');
			},
			run: async ({ id, full }) => ({ sessionId: state.start(id, { isFull: full !== null }) }),
			async cancel({ id }) {
				const session = state.activeSession(id);
				if (session) state.cancelSession(session.id);
			},
			planMapping: async ({ id, chainId }) => mappingOf(state.job(id).settings.name, chainId),
			map: async ({ id, chainId }) => mappingOf(state.job(id).settings.name, chainId),
			nextRuns: async ({ schedule, count }) => runsOf(schedule, count),
		},
		sessions: {
			async list({ jobId, kinds, states, search, startedFrom, startedTo, offset, limit }) {
				const words = search?.toLowerCase();
				const found = state
					.sessions()
					.filter(
						(session) =>
							(jobId === undefined || session.jobId === jobId) &&
							(!kinds?.length || kinds.includes(session.kind)) &&
							(!states?.length || states.includes(session.state)) &&
							(!words || session.title.toLowerCase().includes(words)) &&
							(startedFrom === undefined || session.queuedAt >= startedFrom) &&
							(startedTo === undefined || session.queuedAt < startedTo),
					);
				return { total: found.length, sessions: found.slice(offset, offset + limit).map(listItem) };
			},
			get: async ({ id }) => state.session(id),
			log: async ({ id, afterSeq, limit }) =>
				logOf(state.session(id))
					.filter(({ seq }) => seq > afterSeq)
					.slice(0, limit),
			async *follow({ id }, { signal }) {
				for (;;) {
					const session = state.session(id);
					yield session;
					if (isFinal(session.state)) return;
					await pause(500, signal);
					if (signal?.aborted) return;
				}
			},
			cancel: async ({ id }) => state.cancelSession(id),
			async retry({ id }) {
				const { jobId, title, kind } = state.session(id);
				return jobId === null ? maintenance(kind, title, 3 * 2 ** 30) : { sessionId: state.start(jobId, { trigger: 'retry' }) };
			},
		},
		repositories: {
			list: async () => [...state.repositories.keys()].map((id) => state.repositoryState(id)),
			get: async ({ id }) => state.repositoryState(id),
			suggest: async () => ({ path: '/backup/Backup', freeBytes: 2750 * 2 ** 30 }),
			async add(asked) {
				const settings = { ...asked, maxTasks: asked.maxTasks ?? 4 };
				if (!settings.path.startsWith('/'))
					throw new EngineError('repository.unreachable', `The folder ${settings.path} cannot be created.`, {
						hint: 'Name a folder by its whole path.',
						data: { field: 'path' },
					});
				const id = `repo-${hashOf(settings.name).toString(36)}`;
				state.repositories.set(id, {
					site: { id, settings, capacityBytes: 4 * 2 ** 40, usedBytes: 0, growthPerDay: 0, state: 'ready' },
					settings,
					revision: 1,
				});
				state.emit('repository', id);
				return state.repositoryState(id);
			},
			async update({ id, revision, settings }) {
				const repository = state.repository(id);
				if (repository.revision !== revision)
					throw new EngineError('stale.revision', `Somebody saved “${repository.settings.name}” meanwhile.`, { data: { current: state.repositoryState(id) } });
				if (settings.gateway === 'auto' && settings.machineId !== repository.settings.machineId)
					throw new EngineError(
						'repository.unreachable',
						`${settings.path} on “Vault” is another repository: of the chains of “${repository.settings.name}” none is there.`,
						{ hint: 'Mount the share that holds it at this path.', data: { field: 'machineId' } },
					);
				if (settings.mountServerId === 'm-vault' && settings.machineId === null)
					throw new EngineError('repository.unreachable', `“Vault” cannot be the mount server: ${settings.path} is not the repository here.`, {
						hint: `Mount the share that holds the repository at ${settings.path} on “Vault”, or let the mount server be chosen (--mount-server auto).`,
						data: { field: 'mountServerId' },
					});
				Object.assign(repository, { settings, revision: revision + 1 });
				state.emit('repository', id);
				return state.repositoryState(id);
			},
			async remove({ id }) {
				const { jobCount, settings } = state.repositoryState(id);
				if (jobCount > 0)
					throw new EngineError('busy.repository', `${jobCount} jobs store in “${settings.name}”.`, { hint: 'Give them another repository first.' });
				state.repositories.delete(id);
				state.emit('repository', id);
			},
			import: async ({ id }) => {
				await pause(500);
				return state.hasImports ? importReportOf(id, state.isLocked) : { repositoryId: id, chains: [], problems: [] };
			},
			checkStorage: async ({ id }) => {
				await pause(700);
				const broken = state.repositoryState(id).state === 'unreachable';
				const error = broken
					? ({ code: 'repository.unreachable', message: 'The folder cannot be reached.', hint: 'Mount its volume, then try again.' } as const)
					: null;
				return { repositoryId: id, promises: storagePromises.map((promise) => ({ promise, error })) };
			},
			async prepare({ id }) {
				await pause(900);
				state.emit('repository', id);
				return state.repositoryState(id);
			},
			check: async ({ id }) => maintenance('health', state.repository(id).settings.name, 900 * 2 ** 30),
			async rescan({ id }) {
				await pause(900);
				state.emit('repository', id);
				return state.repositoryState(id);
			},
		},
		chains: {
			list: async ({ jobId, object, repositoryId }) =>
				[...state.jobs.keys()]
					.filter((id) => (jobId === undefined || id === jobId) && (repositoryId === undefined || state.job(id).settings.repositoryId === repositoryId))
					.flatMap((id) => state.chainsOf(id))
					.concat(strangers(importedChains, jobId, repositoryId))
					.filter((chain) => object === undefined || chain.object === object),
			check: async ({ id }) => maintenance('check', `Check of ${id}`, 180 * 2 ** 30),
			repair: async ({ id }) => maintenance('repair', `Repair of ${id}`, 2 ** 30),
			async health({ id }) {
				const chain = [...state.jobs.keys()].flatMap((jobId) => state.chainsOf(jobId)).find((each) => each.id === id);
				return healthOf(chain, allPoints(undefined));
			},
			async remove({ id, pointCount }) {
				const own = allPoints(undefined).filter(({ chainId }) => chainId === id);
				if (own.length !== pointCount)
					throw new EngineError('usage.conflict', `The chain holds ${own.length} restore points by now, not ${pointCount}.`, {
						hint: 'Look at it again, then decide anew.',
					});
				state.removedChains.add(id);
				state.emit('chain', id);
				return { pointCount, freedBytes: own.reduce((sum, { storedBytes }) => sum + storedBytes, 0) };
			},
			compact: async ({ id }) => maintenance('compact', `Compaction of ${id}`, 180 * 2 ** 30, { object: id }),
			async preview(query) {
				const { jobId } = query;
				return jobId === null ? previewOf(query, null, [], []) : previewOf(query, state.job(jobId).settings, state.chainsOf(jobId), state.pointsOf(jobId));
			},
			checkResult: async ({ sessionId }) => ({
				chain: sessionId,
				readBytes: 180 * 2 ** 30,
				damaged: [
					{
						file: 'Photo library/photos/2026-11-03T0300.hib',
						point: 's-photos-4',
						path: '/2025/Summer/IMG_2041.jpg',
						reason: 'The block at offset 18,874,368 does not have the expected checksum.',
					},
				],
				unreadable: [],
			}),
		},
		points: {
			list: async ({ jobId, object, repositoryId }) =>
				[...allPoints(jobId), ...strangers(importedPoints, jobId, repositoryId)].filter(
					(point) => (object === undefined || point.object === object) && (repositoryId === undefined || point.repositoryId === repositoryId),
				),
			get: async ({ point }) => findPoint(point),
			async browse({ point, path, offset, limit }) {
				const { objectKind, object, sourceBytes, createdAt } = findPoint(point);
				if (objectKind === 'disk')
					return {
						path: '/',
						total: 1,
						entries: [
							{
								name: object.split('/').at(-1) ?? 'disk',
								type: 'disk',
								sizeBytes: sourceBytes,
								modifiedAt: createdAt,
								mode: 0o100600,
								owner: 'root',
								target: null,
							},
						],
					};
				if (objectKind === 'vm') return browseMachine(createdAt);
				const page = browseFolder(path, offset, limit, createdAt);
				if (!page) throw new EngineError('not-found.path', `${path} is not a folder in this restore point.`);
				return page;
			},
			async versions({ point, path }) {
				const { jobId, object, objectKind, createdAt } = findPoint(point);
				const entry = objectKind === 'vm' ? browseMachine(createdAt).entries.find(({ name }) => path === `/${name}`) : findEntry(path, createdAt);
				if (!entry || jobId === null) throw new EngineError('not-found.path', `${path} is not in this restore point.`);
				let { sizeBytes, modifiedAt } = entry;
				return state
					.pointsOf(jobId)
					.filter((each) => each.object === object)
					.map((each, i) => {
						if (i % 3 === 2) [sizeBytes, modifiedAt] = [Math.round(sizeBytes * 0.97), each.createdAt - 5_000_000];
						return { pointId: each.id, createdAt: each.createdAt, sizeBytes, modifiedAt };
					});
			},
			verify: async ({ point }) => maintenance('verify', `Verify ${findPoint(point).job}`, 96 * 2 ** 30),
		},
		restore: {
			plan,
			async files(input) {
				const { bytes } = await plan(input, {});
				return maintenance('restore-files', `Restore from ${findPoint(input.point).job}`, bytes);
			},
			disk: async ({ point }) => maintenance('restore-disk', `Restore a disk of ${findPoint(point).job}`, findPoint(point).sourceBytes, { lengthMs: 40_000 }),
			planVm: async (input) => planMachine(findPoint(input.point), input, hosts),
			vm: async ({ point }) => maintenance('restore-vm', `Restore a machine of ${findPoint(point).job}`, findPoint(point).sourceBytes, { lengthMs: 40_000 }),
		},
		keys: createFakeKeys(
			() => [...state.jobs.keys()].map((id) => state.summary(id)),
			() => [...state.repositories.keys()].map((id) => state.repositoryState(id)),
			scenario === 'normal' ? siteKeys(startedAt) : [],
			() => {
				state.isLocked = false;
				state.emit('repository', null);
			},
		),
		volumes: createFakeVolumes(scenario, emit),
		throttles: createFakeThrottles(scenario, () => state.emit('throttle', null)),
		devices: createFakeDevices(scenario, emit),
		hosts,
		machines: createFakeMachines(scenario === 'empty', emit),
		places: {
			async list({ path }) {
				await pause(60);
				const found = listPlaces(path, Date.now());
				if (!found)
					throw new EngineError('not-found.path', `The folder ${path} does not exist on this server.`, {
						hint: 'Check the spelling, and that the volume is mounted.',
					});
				return found;
			},
			async measure({ source: { path } }, { signal }) {
				await pause(500, signal);
				const random = createRandom(`measure ${path}`);
				const bytes = Math.round(2 ** (26 + random.next() * 14));
				return { bytes, items: Math.ceil(bytes / 240_000), complete: bytes < 2 ** 38 };
			},
		},
	};

	const downloads: Downloads = {
		async open({ paths }): Promise<Download> {
			const text = `This stands for ${paths.join(', ')}.\n`;
			return {
				fileName: paths.length === 1 ? (paths[0]?.split('/').at(-1) ?? 'file') : 'Holdfast.zip',
				mediaType: 'application/octet-stream',
				sizeBytes: text.length,
				content: (async function* () {
					yield new TextEncoder().encode(text);
				})(),
			};
		},
	};
	return { api: scenario === 'error' ? broken(api) : api, downloads, close: () => state.close() };
}

/** Everything fails as it would with a damaged database, except what tells the console where it is. */
function broken(api: EngineApi): EngineApi {
	const fail = async (): Promise<never> => {
		await pause(20);
		throw new EngineError('database.damaged', 'The configuration database /var/lib/holdfast/holdfast.db cannot be read: its page 412 is malformed.', {
			hint: 'Stop the server and restore the database from its newest copy in /var/lib/holdfast/backup. The restore points are not affected.',
		});
	};
	const group = <T extends object>(methods: T): T => Object.fromEntries(Object.keys(methods).map((name) => [name, fail])) as T;
	return {
		...api,
		system: { ...api.system, overview: fail },
		jobs: group(api.jobs),
		sessions: { ...group(api.sessions), follow: api.sessions.follow },
		repositories: group(api.repositories),
		chains: group(api.chains),
		keys: group(api.keys),
		points: group(api.points),
		restore: group(api.restore),
		volumes: group(api.volumes),
		throttles: group(api.throttles),
		devices: group(api.devices),
		hosts: group(api.hosts),
		machines: group(api.machines),
		places: group(api.places),
	};
}
