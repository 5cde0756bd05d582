/** What Holdfast needs of a hypervisor host: the seam between virtual machines and whoever runs them. */
import type { HostFacts, VirtualMachine } from '../../contract/index.ts';

export type HypervisorOptions = { readonly signal?: AbortSignal };

/**
 * All calls may fail with `source.unreachable` (the host does not answer) and `source.refused` (it answers, and says no). Nothing is kept between
 * calls: each says what is so now.
 */
export interface Hypervisor {
	/** Reaches the host and says what it is. */
	describe(options?: HypervisorOptions): Promise<HostFacts>;
	/** All machines that the host knows, running or not, by their names. One that vanishes meanwhile is not in the list. */
	machines(options?: HypervisorOptions): Promise<readonly VirtualMachine[]>;
}

/** Opens hypervisors of one type. */
export type OpenHypervisor = (uri: string) => Hypervisor;
