/** Sessions that read the repository: restore of files, disks and virtual machines, verification of a point, check of a chain. */
import { type Clock, displayText } from '../base/index.ts';
import type { Entity, HealthStore, VerificationStore } from '../config/index.ts';
import type {
	CheckResult,
	DiskFormat,
	MachinePlan,
	Point,
	RepositorySettings,
	RestoreDiskInput,
	RestoreFilesInput,
	RestoreVmInput,
} from '../contract/index.ts';
import type { Catalogue } from './catalogue.ts';
import { afterCheck, isHurting, sliceCountNow } from './chain-health.ts';
import type { ChainUse } from './chain-use.ts';
import { concludeCheck } from './check-findings.ts';
import { repairHint } from './health-sessions.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import type { DataPlane, JobMachines, RunOptions, TaskObserver } from './ports.ts';
import { describePlan, type MachineRestores } from './restore-machine.ts';
import type { Sessions } from './sessions.ts';
import { type TaskLimit, type TaskSlots, tasksOf, tasksOn } from './slots.ts';

export type ReadingParts = {
	readonly sessions: Sessions;
	readonly plane: DataPlane;
	readonly machineRestores: MachineRestores;
	readonly catalogue: Catalogue;
	readonly chainUse: ChainUse;
	readonly slots: TaskSlots;
	readonly machines: JobMachines;
	readonly verifications: VerificationStore;
	readonly health: HealthStore;
	readonly clock: Clock;
};
type In = { readonly repository: Entity<RepositorySettings> };

/** What such a session was asked; kept with it, so that it can be run again. */
export type ReadingInput =
	| { readonly kind: 'restore-files'; readonly input: RestoreFilesInput }
	| { readonly kind: 'restore-disk'; readonly input: RestoreDiskInput }
	| { readonly kind: 'restore-vm'; readonly input: RestoreVmInput }
	| { readonly kind: 'verify'; readonly pointId: string }
	| { readonly kind: 'check'; readonly repositoryId: string; readonly chainId: string };

export interface ReadingSessions {
	restoreFiles(asked: In & { readonly point: Point; readonly input: RestoreFilesInput }): Promise<LiveSession>;
	restoreDisk(asked: In & { readonly point: Point; readonly input: RestoreDiskInput & { readonly format: DiskFormat } }): Promise<LiveSession>;
	/** Refuses at once what cannot be: see `MachineRestores`. */
	restoreVm(asked: In & { readonly point: Point; readonly input: RestoreVmInput }, options: RunOptions): Promise<LiveSession>;
	/** What `restoreVm` would do, with the same refusals. */
	planVm(asked: In & { readonly point: Point; readonly input: RestoreVmInput }, options: RunOptions): Promise<MachinePlan>;
	verify(asked: In & { readonly point: Point }): Promise<LiveSession>;
	check(asked: In & { readonly chainId: string; readonly jobId: string | null; readonly title: string }): Promise<LiveSession>;
}

type Reading = {
	readonly input: ReadingInput;
	readonly jobId: string | null;
	readonly title: string;
	readonly object: string;
	readonly chainId: string;
	/** Checks wait for a slot of the repository. Somebody who restores does not wait behind backups, but a machine works on no more tasks than it may. */
	readonly slotsIn: readonly TaskLimit[];
	work(observer: TaskObserver, options: RunOptions, session: LiveSession, task: LiveTask): Promise<void>;
};

export function createReadingSessions({
	sessions,
	plane,
	machineRestores,
	catalogue,
	chainUse,
	slots,
	machines,
	verifications,
	health,
	clock,
}: ReadingParts): ReadingSessions {
	async function start(reading: Reading): Promise<LiveSession> {
		// Taken now where that is possible, so that retention which begins before the session does cannot remove the chain under it.
		const use = chainUse.tryRead(reading.chainId);
		try {
			return await sessions.start(
				{
					kind: reading.input.kind,
					jobId: reading.jobId,
					title: reading.title,
					trigger: 'manual',
					attempt: 1,
					input: reading.input,
					objects: [{ object: reading.object, name: reading.title }],
				},
				async (session) => {
					const task = session.tasks[0] as LiveTask;
					const onWait = (reason: string) => session.note('info', `Waiting for ${reason} to end: it changes the chain in place.`);
					using _use = use ?? (await chainUse.read(reading.chainId, { signal: session.signal, onWait }));
					using _slot = await slots.take(reading.slotsIn, { signal: session.signal, onWait: (reason) => task.waits(reason) });
					session.signal.throwIfAborted();
					session.begin();
					task.start(null);
					await reading.work(task, { signal: session.signal }, session, task);
				},
			);
		} catch (error) {
			use?.[Symbol.dispose]();
			throw error;
		}
	}

	async function keepFindings(
		result: CheckResult,
		session: LiveSession,
		task: LiveTask,
		target: 'point' | 'chain',
		targetId: string,
		repository: Entity<RepositorySettings>,
	): Promise<void> {
		session.setResult(result);
		concludeCheck(result, session, task, target === 'chain' ? repairHint : 'Check the chain to see all that is hurt, and to be able to repair it.');
		const [damagedCount, unreadableCount] = [result.damaged.filter(isHurting).length, result.unreadable.length];
		if (target === 'chain') {
			const sliceCount = sliceCountNow(repository.settings, clock.now());
			const before = await health.get(repository.id, targetId);
			await health.put(afterCheck(before, { repositoryId: repository.id, chainId: targetId }, result, { slices: null, sliceCount, at: clock.now() }));
		}
		await session.save();
		await verifications.put({ target, targetId, sessionId: session.id, at: clock.now(), damagedCount, unreadableCount });
		await catalogue.refresh(repository.id);
	}

	const machineOf = async ({ machineId }: { readonly machineId?: string | undefined }) => (machineId === undefined ? null : machines.get(machineId));
	const subject = (point: Point) => `${point.job}/${point.object}`;
	return {
		async restoreFiles({ repository, point, input }) {
			const machine = await machineOf(input);
			return start({
				input: { kind: 'restore-files', input: { ...input, point: point.id } },
				jobId: point.jobId,
				title: subject(point),
				object: point.object,
				chainId: point.chainId,
				slotsIn: machine ? [tasksOn(machine)] : [],
				async work(observer, options, _session, task) {
					const { paths, machineId = null, to, overwrite } = input;
					if (machine) task.info(`Restored on the machine “${machine.name}”, ${to === null ? 'to where it was' : `to ${displayText(to)}`}.`);
					await plane.restoreFiles({ repository: repository.settings, pointId: point.id, paths, machineId, to, overwrite }, observer, options);
					task.succeed(null);
				},
			});
		},
		async restoreDisk({ repository, point, input }) {
			const machine = await machineOf(input);
			return start({
				input: { kind: 'restore-disk', input: { ...input, point: point.id } },
				jobId: point.jobId,
				title: subject(point),
				object: point.object,
				chainId: point.chainId,
				slotsIn: machine ? [tasksOn(machine)] : [],
				async work(observer, options, _session, task) {
					const { disk, machineId = null, to, format, overwrite } = input;
					if (machine) task.info(`Restored on the machine “${machine.name}”, to ${displayText(to)}.`);
					await plane.restoreDisk({ repository: repository.settings, pointId: point.id, disk, machineId, to, format, overwrite }, observer, options);
					task.succeed(null);
				},
			});
		},
		async restoreVm({ repository, point, input }, { signal }) {
			const at = { repository: repository.settings, pointId: point.id };
			const plan = await machineRestores.plan({ repository: repository.settings, point, input }, { signal });
			const machine = plan.host.machineId === null ? null : await machines.get(plan.host.machineId);
			return start({
				input: { kind: 'restore-vm', input: { ...input, point: point.id } },
				jobId: point.jobId,
				title: subject(point),
				object: point.object,
				chainId: point.chainId,
				slotsIn: machine ? [tasksOn(machine)] : [],
				async work(observer, options, _session, task) {
					if (machine) task.info(`Restored on the machine “${machine.name}”, where the host ${plan.host.name} is.`);
					await machineRestores.carryOut(plan, at, observer, options);
					task.succeed(null);
				},
			});
		},
		async planVm({ repository, point, input }, options) {
			return describePlan(await machineRestores.plan({ repository: repository.settings, point, input }, options));
		},
		verify: ({ repository, point }) =>
			start({
				input: { kind: 'verify', pointId: point.id },
				jobId: point.jobId,
				title: subject(point),
				object: point.object,
				chainId: point.chainId,
				slotsIn: tasksOf(repository),
				async work(observer, options, session, task) {
					const result = await plane.verifyPoint({ repository: repository.settings, pointId: point.id }, observer, options);
					await keepFindings(result, session, task, 'point', point.id, repository);
				},
			}),
		check: ({ repository, chainId, jobId, title }) =>
			start({
				input: { kind: 'check', repositoryId: repository.id, chainId },
				jobId,
				title,
				object: chainId,
				chainId,
				slotsIn: tasksOf(repository),
				async work(observer, options, session, task) {
					const result = await plane.checkChain({ repository: repository.settings, chainId }, observer, options);
					await keepFindings(result, session, task, 'chain', chainId, repository);
				},
			}),
	};
}
