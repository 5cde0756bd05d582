import { EngineError } from '../base/index.ts';
import { type Candidate, reachesAll } from './candidate.ts';

/** WAN accelerators on the way of a copy; null: the path is direct. */
export type WanAccelerators = { readonly source: Candidate; readonly target: Candidate };

/** What goes through the gateway. */
export type GatewayWork =
	/**
	 * `proxies`: who works on each machine of the job, in their order; on-host they are the source hosts (PIPE-07).
	 * `perMachineFiles`: each machine has files of its own; otherwise all go through one gateway.
	 */
	| { readonly kind: 'backup'; readonly proxies: readonly Candidate[]; readonly perMachineFiles: boolean }
	/** `side`: whether the copy reads from the share or writes to it. */
	| { readonly kind: 'copy'; readonly side: 'source' | 'target'; readonly mountServer: Candidate; readonly accelerators: WanAccelerators | null }
	| { readonly kind: 'tape' };

export type GatewayRequest = {
	/** Of a simple repository one, of a scale-out repository one per extent. */
	readonly shares: readonly {
		/** Of the repository or extent. */
		readonly id: string;
		/** The machine that the user has chosen; null: automatic. */
		readonly chosen: Candidate | null;
		/** An appliance on Fibre Channel: it is not seen by whoever has no adapter for it. */
		readonly needsChoice?: boolean;
	}[];
	readonly work: GatewayWork;
	readonly backupServer: Candidate;
};

/**
 * Who reads and writes on a share, which can host no mover of its own (GW-01…08, PIPE-07).
 * @returns for each share the gateway of each machine of the job, or one for all of them
 * @throws `infra.no-gateway`
 */
export function chooseGateways({ shares, work, backupServer }: GatewayRequest): Map<string, readonly Candidate[]> {
	return new Map(
		shares.map(({ id, chosen, needsChoice = false }) => {
			if (chosen) return [id, [checked(chosen, id)]];
			if (needsChoice)
				throw new EngineError('infra.no-gateway', 'An appliance on Fibre Channel needs a gateway that is chosen by hand.', {
					hint: 'Choose a managed machine with access to the Fibre Channel in the settings of the repository.',
				});
			return [id, automatic(work, id, backupServer).map((machine) => checked(machine, id))];
		}),
	);
}

function automatic(work: GatewayWork, share: string, backupServer: Candidate): readonly Candidate[] {
	switch (work.kind) {
		case 'backup':
			return work.perMachineFiles ? work.proxies : work.proxies.slice(0, 1);
		case 'copy': {
			const { accelerators, side, mountServer } = work;
			if (accelerators) return [accelerators[side]];
			return [mountServer.isOnline && reachesAll(mountServer, [share]) ? mountServer : backupServer];
		}
		case 'tape':
			return [backupServer];
	}
}

function checked(machine: Candidate, share: string): Candidate {
	if (machine.isOnline && reachesAll(machine, [share])) return machine;
	throw new EngineError(
		'infra.no-gateway',
		machine.isOnline
			? `“${machine.name}” should work on the share, and does not reach it.`
			: `“${machine.name}” should work on the share, and cannot be reached.`,
		{ hint: 'Choose a gateway that reaches the share in the settings of the repository.' },
	);
}
