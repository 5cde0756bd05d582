import { EngineError } from '../../base/index.ts';
import type { SnapshotWriter, WriterFactory, WriterIdentity, WriterOptions } from '../../snapshot/index.ts';
import type { HypervisorControl } from './hypervisor.ts';

export type ReachedMachine = { readonly control: HypervisorControl; readonly machineId: string };
export type ReachMachine = (path: string, options: WriterOptions) => Promise<ReachedMachine>;

/**
 * Has the guest's agent hold all file systems of a machine still, after its own hooks have run (QUIESCE-04). What applications in the guest make of that is up to those
 * hooks, so that nothing more than file systems is promised.
 */
export class GuestAgentWriter implements SnapshotWriter {
	readonly spec: string;
	readonly #path: string;
	readonly #reach: ReachMachine;

	/** @param path `HOST/NAME` */
	constructor(path: string, reach: ReachMachine) {
		this.spec = `guest:${path}`;
		this.#path = path;
		this.#reach = reach;
	}

	async identify(): Promise<WriterIdentity> {
		return { title: `the guest agent of ${this.#path}`, paths: [] };
	}

	async prepare(): Promise<void> {}

	async freeze(options: WriterOptions): Promise<void> {
		const count = await this.#hold(true, options);
		if (count === 0) throw new EngineError('snapshot.writer', `The guest agent of ${this.#path} found no file system to hold still.`);
	}

	/** Agents let go by themselves after a while; then nothing is held any more. */
	async thaw(options: WriterOptions): Promise<'held' | 'lost'> {
		return (await this.#hold(false, options)) > 0 ? 'held' : 'lost';
	}

	async postSnapshot(): Promise<readonly []> {
		return [];
	}

	async end(): Promise<void> {}

	async #hold(isHeld: boolean, options: WriterOptions): Promise<number> {
		const { control, machineId } = await this.#reach(this.#path, options);
		return control.holdStill(machineId, isHeld, options);
	}
}

export const guestAgentWriters = (reach: ReachMachine): WriterFactory => ({
	kind: 'guest',
	usage: 'HOST/NAME, a virtual machine that is no source of the job but serves it, by its guest agent',
	open(path) {
		if (!path.includes('/'))
			throw new EngineError('usage.invalid', `guest:${path} names no machine.`, { hint: 'Write guest:HOST/NAME.', data: { field: 'writers' } });
		return new GuestAgentWriter(path, reach);
	},
});
