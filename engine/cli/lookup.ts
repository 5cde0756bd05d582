/** From the names that people use to what the contract asks for. Names win over ids, since they are what was typed. */
import { EngineError, isEngineError } from '../base/index.ts';
import type { Device, Host, JobSummary, Machine, Repository, ThrottleRule } from '../contract/index.ts';
import type { Client } from './connection.ts';
import { printable } from './format.ts';
import type { Output } from './output.ts';

function pick<Item extends { readonly id: string }>(items: readonly Item[], nameOf: (item: Item) => string, wanted: string): Item | undefined {
	return (
		items.find((item) => nameOf(item) === wanted) ??
		items.find(({ id }) => id === wanted) ??
		items.find((item) => nameOf(item).toLowerCase() === wanted.toLowerCase())
	);
}

const known = (names: readonly string[], none: string): string =>
	names.length === 0 ? none : `There is: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}.`;

export async function findJob(client: Client, name: string): Promise<JobSummary> {
	const jobs = await client.jobs.list.query();
	const job = pick(jobs, ({ settings }) => settings.name, name);
	if (job === undefined) {
		throw new EngineError('not-found.job', `There is no job "${name}".`, {
			hint: known(
				jobs.map(({ settings }) => settings.name),
				'Create one with "holdfast job add".',
			),
		});
	}
	return job;
}

/** What is missing from a list because a repository, or a chain in it, could not be read. */
export async function noteUnread(client: Client, output: Output): Promise<void> {
	for (const { settings, problem } of await client.repositories.list.query()) {
		if (!problem) continue;
		output.note(printable(`"${settings.name}": ${problem.message}`));
		if (problem.hint) output.note(printable(`  ${problem.hint}`));
	}
}

export async function findRepository(client: Client, name: string): Promise<Repository> {
	const repositories = await client.repositories.list.query();
	const repository = pick(repositories, ({ settings }) => settings.name, name);
	if (repository === undefined) {
		throw new EngineError('not-found.repository', `There is no repository "${name}".`, {
			hint: known(
				repositories.map(({ settings }) => settings.name),
				'Create one with "holdfast repository add NAME --path DIR".',
			),
		});
	}
	return repository;
}

export async function findThrottle(client: Client, name: string): Promise<ThrottleRule> {
	const rules = await client.throttles.list.query();
	const rule = pick(rules, ({ settings }) => settings.name, name);
	if (rule === undefined) {
		throw new EngineError('not-found.throttle', `There is no throttling rule "${name}".`, {
			hint: known(
				rules.map(({ settings }) => settings.name),
				'Create one with "holdfast throttle add".',
			),
		});
	}
	return rule;
}

export async function findDevice(client: Client, name: string): Promise<Device> {
	const devices = await client.devices.list.query();
	const device = pick(devices, ({ settings }) => settings.name, name);
	if (device === undefined) {
		throw new EngineError('not-found.device', `There is no device "${name}".`, {
			hint: known(
				devices.map(({ settings }) => settings.name),
				'Add one: see "holdfast device add --help".',
			),
		});
	}
	return device;
}

export async function findHost(client: Client, name: string): Promise<Host> {
	const hosts = await client.hosts.list.query();
	const host = pick(hosts, ({ settings }) => settings.name, name);
	if (host === undefined) {
		throw new EngineError('not-found.host', `There is no host "${name}".`, {
			hint: known(
				hosts.map(({ settings }) => settings.name),
				'Add one: see "holdfast host add --help".',
			),
		});
	}
	return host;
}

export async function findMachine(client: Client, name: string): Promise<Machine> {
	const machines = await client.machines.list.query();
	const machine = pick(machines, ({ settings }) => settings.name, name);
	if (machine === undefined) {
		throw new EngineError('not-found.machine', `There is no machine "${name}".`, {
			hint: known(
				machines.map(({ settings }) => settings.name),
				'Register one: see "holdfast machine token --help".',
			),
		});
	}
	return machine;
}

/** What belongs to a job, or is left of one that is not here (then it goes by the name that it had, or by its id). */
export async function ofJob<Item extends { readonly job: string; readonly jobId: string | null; readonly originJobId: string }>(
	client: Client,
	items: readonly Item[],
	name: string | undefined,
): Promise<Item[]> {
	if (name === undefined) return [...items];
	const left = items.filter(({ job, jobId, originJobId }) => originJobId === name || (jobId === null && job === name));
	const job = await findJob(client, name).catch((error: unknown) => {
		if (left.length > 0 && isEngineError(error, 'not-found.job')) return null;
		throw error;
	});
	return job === null ? left : items.filter(({ jobId }) => jobId === job.id);
}
