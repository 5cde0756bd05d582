import { EngineError } from '../base/index.ts';

export type OffHostProvider = { readonly name: string; readonly isTransportable: boolean };

/** A volume of an off-host job. */
export type OffHostVolume = {
	/** As an administrator names it. */
	readonly id: string;
	/** The machine that holds it. */
	readonly computer: string;
	/** Who makes its snapshot; null: nobody can, and `reason` says why. */
	readonly provider: OffHostProvider | null;
	readonly reason?: string;
};

/** A machine, and the system that it runs. */
export type OffHostMachine = { readonly name: string; readonly system: string };

export type OffHostRequest = {
	readonly host: OffHostMachine;
	/** Null: not chosen yet. */
	readonly proxy: OffHostMachine | null;
	/** In the order of the job. */
	readonly volumes: readonly OffHostVolume[];
};

/**
 * Why a job cannot be off-host, one error per reason, naming the option and the remedy. To be asked when a job is saved, and again when it starts. Empty: it can be. That a device is encrypted (VAL-21)
 * shows when its snapshot is looked at.
 */
export function refuseOffHost(request: OffHostRequest): readonly EngineError[] {
	const { host, proxy, volumes } = request;
	const found: EngineError[] = [];
	const refuse = (field: string, message: string, hint: string): void => void found.push(new EngineError('usage.conflict', message, { hint, data: { field } }));
	const providers = new Map(volumes.flatMap(({ provider }) => (provider === null ? [] : [[provider.name, provider] as const])));
	// VAL-18, OFFHOST-04
	for (const { id, provider, reason = '' } of volumes)
		if (provider === null)
			refuse(
				'sources',
				`No snapshot can be made of ${id} that another machine could read.${reason === '' ? '' : ` ${reason}`}`,
				'Leave it out, or choose the mode on-host.',
			);
	for (const { name, isTransportable } of providers.values())
		if (!isTransportable)
			refuse(
				'snapshot',
				`Snapshots of the provider ${name} cannot be given to another machine.`,
				'Protect virtual machines, or devices that Holdfast serves ("holdfast device add"), or choose the mode on-host.',
			);
	// OFFHOST-06
	if (providers.size > 1)
		refuse(
			'sources',
			`One provider makes all snapshots of an off-host job, and these sources would need ${[...providers.keys()].join(' and ')}.`,
			'Protect them with a job for each provider.',
		);
	// VAL-19
	if (proxy !== null && proxy.system !== host.system)
		refuse('proxy', `“${proxy.name}” runs ${proxy.system}, “${host.name}” ${host.system}.`, 'Choose a proxy with the same operating system.');
	return found;
}

/** The work of an off-host job: one computer after the other, never side by side (OFFHOST-07). By computer what lies on it, in the order of the job. */
export const inTurn = <Volume extends Pick<OffHostVolume, 'computer'>>(volumes: readonly Volume[]): readonly (readonly Volume[])[] => [
	...Map.groupBy(volumes, ({ computer }) => computer).values(),
];
