/** From the names that people use to what the contract asks for. Names win over ids, since they are what was typed. */
import { EngineError, isEngineError } from '../base/index.ts';
import type { Device, ErrorCode, Host, JobSummary, Machine, Repository, ThrottleRule } from '../contract/index.ts';
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

type Named = { readonly id: string; readonly settings: { readonly name: string } };

/** @param none what to do where there is nothing of the kind @throws EngineError `not-found.*` that names what there is */
function pickNamed<Item extends Named>(items: readonly Item[], wanted: string, code: ErrorCode, noun: string, none: string): Item {
	const found = pick(items, ({ settings }) => settings.name, wanted);
	if (found !== undefined) return found;
	const names = items.slice(0, 10).map(({ settings }) => settings.name);
	const hint = names.length === 0 ? none : `There is: ${names.join(', ')}${items.length > names.length ? ', …' : ''}.`;
	throw new EngineError(code, `There is no ${noun} "${wanted}".`, { hint });
}

export const findJob = async ({ jobs }: Client, name: string): Promise<JobSummary> =>
	pickNamed(await jobs.list.query(), name, 'not-found.job', 'job', 'Create one with "holdfast job add".');

export const findRepository = async ({ repositories }: Client, name: string): Promise<Repository> =>
	pickNamed(await repositories.list.query(), name, 'not-found.repository', 'repository', 'Create one with "holdfast repository add NAME --path DIR".');

export const findThrottle = async ({ throttles }: Client, name: string): Promise<ThrottleRule> =>
	pickNamed(await throttles.list.query(), name, 'not-found.throttle', 'throttling rule', 'Create one with "holdfast throttle add".');

export const findDevice = async ({ devices }: Client, name: string): Promise<Device> =>
	pickNamed(await devices.list.query(), name, 'not-found.device', 'device', 'Add one: see "holdfast device add --help".');

export const findHost = async ({ hosts }: Client, name: string): Promise<Host> =>
	pickNamed(await hosts.list.query(), name, 'not-found.host', 'host', 'Add one: see "holdfast host add --help".');

export const findMachine = async ({ machines }: Client, name: string): Promise<Machine> =>
	pickNamed(await machines.list.query(), name, 'not-found.machine', 'machine', 'Register one: see "holdfast machine token --help".');

/** What is missing from a list because a repository, or a chain in it, could not be read. */
export async function noteUnread(client: Client, output: Output): Promise<void> {
	for (const { settings, problem } of await client.repositories.list.query()) {
		if (!problem) continue;
		output.note(printable(`"${settings.name}": ${problem.message}`));
		if (problem.hint) output.note(printable(`  ${problem.hint}`));
	}
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
