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
	/** Null: the proxy need not understand it. */
	readonly fileSystem: string | null;
	/** By BitLocker or its like, below the file system. */
	readonly isEncrypted: boolean;
	/** Its file system shares equal content, which only a proxy with the same feature can read. */
	readonly isDeduplicated: boolean;
};

/** A machine as these rules see it. */
export type OffHostMachine = {
	readonly name: string;
	readonly system: string;
	readonly cluster: string | null;
	readonly readsDeduplicated: boolean;
};

export type OffHostApplication = { readonly kind: 'sql-server' | 'exchange' | 'other'; readonly version: string; readonly hasContinuousProtection: boolean };

export type OffHostRequest = {
	readonly host: OffHostMachine;
	/** Null: not chosen yet. */
	readonly proxy: OffHostMachine | null;
	/** File systems that the proxy can read from an imported snapshot. */
	readonly fileSystems: readonly string[];
	/** In the order of the job. */
	readonly volumes: readonly OffHostVolume[];
	readonly method: 'full' | 'incremental' | 'differential';
	readonly changesFoundBy: 'modified-time' | 'change-journal';
	readonly hasCheckpointRestart: boolean;
	readonly applications: readonly OffHostApplication[];
};

/** What can be read off-host of applications (OFFHOST-10). */
const supportedVersions: Readonly<Record<OffHostApplication['kind'], readonly string[]>> = {
	'sql-server': ['2000'],
	exchange: ['2003 SP1', '2007'],
	other: [],
};

/**
 * Why a job cannot be off-host, one error per reason, naming the option and the remedy. To be asked when a job is saved, and again when it starts.
 * Empty: it can be.
 */
export function refuseOffHost(request: OffHostRequest): readonly EngineError[] {
	const { host, proxy, volumes, applications } = request;
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
	if (proxy !== null) {
		if (proxy.cluster !== null && proxy.cluster === host.cluster)
			refuse('proxy', `“${proxy.name}” is a node of the cluster “${proxy.cluster}” that is protected.`, 'Choose a proxy outside of the cluster.');
		if (proxy.system !== host.system)
			refuse('proxy', `“${proxy.name}” runs ${proxy.system}, “${host.name}” ${host.system}.`, 'Choose a proxy with the same version of the operating system.');
		for (const { id } of volumes.filter(({ isDeduplicated }) => isDeduplicated && !proxy.readsDeduplicated))
			refuse('proxy', `${id} is deduplicated, which “${proxy.name}” cannot read.`, 'Install the deduplication feature there, or choose another proxy.');
	}
	// VAL-20
	if (request.hasCheckpointRestart)
		refuse('checkpointRestart', 'An off-host job cannot go on from a checkpoint.', 'Switch checkpoint restart off, or choose the mode on-host.');
	// VAL-21
	for (const { id } of volumes.filter(({ isEncrypted }) => isEncrypted))
		refuse('sources', `${id} is encrypted: another machine cannot read it.`, 'Leave it out, or choose the mode on-host.');
	// VAL-22
	if (request.method !== 'full' && request.changesFoundBy === 'change-journal')
		refuse('changesFoundBy', 'The change journal stays on the source host.', 'Find changed files by their modified time, or choose the mode on-host.');
	for (const { kind, version, hasContinuousProtection } of applications) {
		// VAL-23
		if (kind === 'exchange' && hasContinuousProtection)
			refuse('sources', 'Exchange under continuous protection cannot be read off-host.', 'Switch continuous protection off, or choose the mode on-host.');
		// VAL-24
		if (!supportedVersions[kind].includes(version))
			refuse(
				'sources',
				`${kind} ${version} cannot be read off-host.`,
				`There is ${Object.entries(supportedVersions)
					.flatMap(([name, versions]) => versions.map((each) => `${name} ${each}`))
					.join(', ')}; all else is read on-host.`,
			);
	}
	for (const { id, fileSystem } of volumes.filter((volume) => volume.fileSystem !== null && !request.fileSystems.includes(volume.fileSystem)))
		refuse('sources', `${id} has the file system ${fileSystem}, which cannot be read off-host.`, `Readable are ${request.fileSystems.join(', ')}.`);
	return found;
}

/** The work of an off-host job: one computer after the other, never side by side (OFFHOST-07). By computer what lies on it, in the order of the job. */
export const inTurn = <Volume extends Pick<OffHostVolume, 'computer'>>(volumes: readonly Volume[]): readonly (readonly Volume[])[] => [
	...Map.groupBy(volumes, ({ computer }) => computer).values(),
];
