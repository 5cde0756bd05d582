import { EngineError } from '../base/index.ts';

/** A volume of an off-host job. */
export type OffHostVolume = {
	/** As an administrator names it. */
	readonly id: string;
	/** The machine that holds it. */
	readonly computer: string;
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
	/** One for all volumes of the job (OFFHOST-06). `afterwards`: what its policy does with a snapshot that was read. */
	readonly provider: { readonly name: string; readonly isTransportable: boolean; readonly afterwards: 'resynchronise' | 'delete' };
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
	const { host, proxy, provider, volumes, applications } = request;
	const found: EngineError[] = [];
	const refuse = (field: string, message: string, hint: string): void => void found.push(new EngineError('usage.conflict', message, { hint, data: { field } }));
	// VAL-18, OFFHOST-04
	if (!provider.isTransportable)
		refuse(
			'snapshot',
			`Snapshots of the provider ${provider.name} cannot be given to another machine.`,
			'Choose a transportable provider, or the mode on-host.',
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

export type OffHostStep = {
	/** `mount-back`: on the source host again, as a volume of its own. */
	readonly does: 'snapshot' | 'import' | 'read' | 'deport' | 'delete' | 'mount-back' | 'resynchronise';
	readonly computer: string;
	readonly volumes: readonly string[];
};

export type OffHostPlan = readonly {
	readonly computer: string;
	readonly steps: readonly OffHostStep[];
	/** Run once `steps` was begun, in this order, whatever fails or is cancelled (OFFHOST-13). */
	readonly always: readonly OffHostStep[];
}[];

/** The work of an off-host job: one computer after the other, never side by side (OFFHOST-07); afterwards by the provider's policy (OFFHOST-02, OFFHOST-03). */
export function planOffHost({ volumes, provider }: Pick<OffHostRequest, 'volumes' | 'provider'>): OffHostPlan {
	const computers = [...new Set(volumes.map(({ computer }) => computer))];
	return computers.map((computer) => {
		const on = { computer, volumes: volumes.filter((volume) => volume.computer === computer).map(({ id }) => id) };
		const afterwards = provider.afterwards === 'delete' ? (['delete'] as const) : (['mount-back', 'resynchronise'] as const);
		return {
			computer,
			steps: (['snapshot', 'import', 'read'] as const).map((does) => ({ does, ...on })),
			always: (['deport', ...afterwards] as const).map((does) => ({ does, ...on })),
		};
	});
}
