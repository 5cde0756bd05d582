/** The contract over real folders, a database in memory and a fake data plane. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { EngineError, silentLog } from '../../base/index.ts';
import type { EngineApi, JobSettingsInput, JobSummary, Repository, RepositorySettingsInput, Session, SourceSpec } from '../../contract/index.ts';
import { isFinal, jobSettings, repositorySettings } from '../../contract/index.ts';
import { createDevices, createMachines, type DeviceServing } from '../../infra/index.ts';
import { startScheduler } from '../../jobs/index.ts';
import { openJobSite } from '../../jobs/testing/job-site.ts';
import { openPlatform, type Platform, type VolumePort } from '../../platform/index.ts';
import type { HypervisorControl } from '../../source/index.ts';
import { createApi } from '../index.ts';

const unreachable = async (): Promise<never> => {
	throw new EngineError('source.unreachable', 'Nobody is there.');
};
const noHypervisor: HypervisorControl = {
	describe: unreachable,
	machines: unreachable,
	dropCheckpoints: unreachable,
	checkpoints: unreachable,
	holdStill: unreachable,
};
const nobodyServes: DeviceServing = { serve: async () => undefined, stop: async () => undefined, states: async () => [], uri: (name) => `nbd+unix:///${name}` };

export async function openApiSite(t: TestContext, options: { readonly disks?: VolumePort; readonly hypervisor?: HypervisorControl } = {}) {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-api-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const source: SourceSpec = { kind: 'folder', path: join(root, 'documents') };
	await mkdir(source.path);
	const site = await openJobSite(t);
	site.plane.putSource(source, { '/one': 'first', '/folder/two': 'second' });
	const scheduler = startScheduler({
		jobs: site.config.jobs,
		states: site.config.schedules,
		clock: site.clock,
		log: silentLog,
		run: async (job, due) => void (await site.runner.runDue(job, due)),
	});
	t.after(() => scheduler[Symbol.asyncDispose]());
	const real = openPlatform();
	const platform: Platform = { ...real, disks: options.disks ?? real.disks };
	const machines = createMachines({ ...site, store: site.config.managed, product: '1.2.3' });
	const api = createApi({
		...site,
		machines,
		gateways: { requireMountServer: async () => undefined },
		devices: createDevices({ store: site.config.devices, serving: nobodyServes, log: silentLog }),
		hostControl: () => options.hypervisor ?? noHypervisor,
		scheduler,
		platform,
		dataFolder: join(root, 'data'),
		startedAt: site.clock.now(),
		version: '1.2.3',
	});
	return { ...site, root, source, api };
}
export type ApiSite = Awaited<ReturnType<typeof openApiSite>>;

export const addRepository = ({ api, root }: ApiSite, more: Partial<RepositorySettingsInput> = {}): Promise<Repository> => {
	const name = more.name ?? 'Local';
	return api.repositories.add(repositorySettings.parse({ name, path: join(root, name), ...more }), {});
};

export const addJob = ({ api, source }: ApiSite, repositoryId: string, more: Partial<JobSettingsInput> = {}): Promise<JobSummary> =>
	api.jobs.create(jobSettings.parse({ name: 'Office', sources: [source], repositoryId, ...more }), {});

export async function ended(api: EngineApi, { sessionId }: { readonly sessionId: string }): Promise<Session> {
	for await (const session of api.sessions.follow({ id: sessionId }, {})) if (isFinal(session.state)) return session;
	throw new Error('the session was not followed to its end');
}
