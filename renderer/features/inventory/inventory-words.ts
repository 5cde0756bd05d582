import {
	type Device,
	type HostFacts,
	isMeant,
	type JobSummary,
	type ProtectedObject,
	parseMachinePath,
	type VirtualMachine,
	type Volume,
} from '../../../engine/contract/index.ts';
import { formatBytes, plural } from '../../ui/format.ts';
import type { Status } from '../../ui/status.tsx';

/** A job that protects something, and how well. */
export type Cover = { readonly jobId: string; readonly job: string; readonly state: ProtectedObject['state'] };

type Jobs = readonly Pick<JobSummary, 'id' | 'settings'>[];

/** Which jobs protect a virtual machine: it may be named, or fit a pattern or a tag of theirs. */
export function machineCovers(
	jobs: Jobs,
	objects: readonly ProtectedObject[],
): (host: string, machine: Pick<VirtualMachine, 'name' | 'tags'>) => readonly Cover[] {
	const byHost = new Map<string, { readonly jobId: string; readonly job: string; readonly isEnabled: boolean; readonly path: string }[]>();
	for (const { id, settings } of jobs)
		for (const { kind, path } of settings.sources) {
			if (kind !== 'vm') continue;
			const { host } = parseMachinePath(path);
			const entry = { jobId: id, job: settings.name, isEnabled: settings.enabled, path };
			byHost.set(host, [...(byHost.get(host) ?? []), entry]);
		}
	const states = new Map(objects.map(({ jobId, object, state }) => [`${jobId} ${object}`, state]));
	return (host, machine) => {
		const covers = new Map<string, Cover>();
		for (const { jobId, job, isEnabled, path } of byHost.get(host) ?? []) {
			if (!isMeant(path, host, machine)) continue;
			// One that fits since the last run has no point yet.
			const state = states.get(`${jobId} vm:${host}/${machine.name}`) ?? (isEnabled ? 'never' : 'paused');
			covers.set(jobId, { jobId, job, state });
		}
		return [...covers.values()];
	};
}

const best: readonly ProtectedObject['state'][] = ['protected', 'overdue', 'failing', 'never', 'paused'];

/** Of several jobs, the one that protects best. */
export const coverStatus = (covers: readonly Cover[]): ProtectedObject['state'] | null =>
	best.find((state) => covers.some((each) => each.state === state)) ?? null;

export type PlacedSource = { readonly jobId: string; readonly job: string; readonly kind: string; readonly path: string };

const isWithin = (path: string, folder: string): boolean => folder === '/' || path === folder || path.startsWith(`${folder}/`);

/** Sources of jobs on the server's own machine by the volume that they lie on, as their paths are written: links are the engine's affair. */
export function sourcesByVolume(jobs: Jobs, volumes: readonly Pick<Volume, 'id'>[]): ReadonlyMap<string, readonly PlacedSource[]> {
	const known = new Set(volumes.map(({ id }) => id));
	const placed = new Map<string, PlacedSource[]>();
	for (const { id: jobId, settings } of jobs)
		for (const { kind, path } of settings.sources) {
			if (kind === 'vm' || settings.machineId !== null || !path.startsWith('/')) continue;
			let holder: string | null = path;
			while (holder !== null && !known.has(holder)) holder = holder === '/' ? null : holder.slice(0, holder.lastIndexOf('/')) || '/';
			if (holder !== null && isWithin(path, holder)) placed.set(holder, [...(placed.get(holder) ?? []), { jobId, job: settings.name, kind, path }]);
		}
	return placed;
}

export const instantWords: Readonly<Record<Volume['providers'][number]['instant'], string>> = {
	set: 'all volumes of a job at one instant',
	volume: 'the volume at one instant',
	file: 'each file at an instant of its own',
};

export const providerTitles: Readonly<Record<string, string>> = {
	btrfs: 'btrfs snapshot',
	reflink: 'clones of files (reflink)',
	cow: 'copy-on-write by Holdfast (cow)',
	libvirt: 'backup by the hypervisor (libvirt)',
};
export const providerTitle = (name: string): string => providerTitles[name] ?? name;

/** `btrfs snapshot`, `live`; whether that was chosen by hand. */
export const takenText = ({ provider, choice }: Pick<Volume, 'provider' | 'choice'>): string =>
	`${provider === null ? 'live' : providerTitle(provider)}${choice === 'auto' ? '' : ', chosen'}`;

export const machineStates: Readonly<Record<VirtualMachine['state'], { readonly status: Status; readonly word: string }>> = {
	running: { status: 'ready', word: 'Running' },
	paused: { status: 'paused', word: 'Paused' },
	off: { status: 'never', word: 'Off' },
	saved: { status: 'paused', word: 'Saved' },
	crashed: { status: 'failed', word: 'Crashed' },
};

export const agentWords: Readonly<Record<VirtualMachine['guestAgent'], string>> = { connected: 'Answers', silent: 'Does not answer', absent: 'None' };

export const capacityOf = ({ disks }: Pick<VirtualMachine, 'disks'>): number => disks.reduce((sum, { capacityBytes }) => sum + (capacityBytes ?? 0), 0);

export const factsText = ({ hostName, product, processors, memoryBytes }: HostFacts): string =>
	`${hostName}: ${product}, ${plural(processors, 'processor')}, ${formatBytes(memoryBytes)} memory`;

/** What overwritten blocks take, over all snapshots of a device. */
export const cachedBytes = ({ snapshots }: Pick<Device, 'snapshots'>): number => snapshots.reduce((sum, { cachedBytes }) => sum + cachedBytes, 0);

export function deviceState({ state, problem, snapshots }: Device): { readonly status: Status; readonly word: string } {
	if (problem) return { status: 'failed', word: 'Not served' };
	if (state === 'not-served') return { status: 'paused', word: 'Not served' };
	if (snapshots.some((snapshot) => snapshot.problem)) return { status: 'warning', word: 'Snapshot lost' };
	return snapshots.length > 0 ? { status: 'busy', word: 'Being read' } : { status: 'ready', word: 'Served' };
}
