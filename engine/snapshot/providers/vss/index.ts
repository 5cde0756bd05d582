/**
 * Shadow copies of Windows (VSS). Where there is diskshadow, as on servers, all volumes are of one instant, and VSS has the writers of applications hold still; elsewhere each
 * volume by itself is copied through CIM, without them. The copies persist, so that nothing ends them but their release, or want of room.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, systemErrorCode } from '../../../base/index.ts';
import { type CommandResult, type RunCommand, runCommand } from '../../command.ts';
import { safeLeaseId } from '../../lease-id.ts';
import type { Lease, Protectable, Snapshot, SnapshotProvider, VolumeRequest } from '../../provider.ts';
import type { Volume } from '../../volume.ts';
import { failureOf, failureOfReturnValue } from './failures.ts';
import { hasFailed, isGuid, parseCreated, parseJson, parseLog, parseWriters, type ShadowCopy, type VssWriter } from './output.ts';

export type VssParts = {
	/** Scripts and logs of VSS, by which shadow copies are found again; private, and made here. */
	readonly folder: string;
	/** Whether this machine has diskshadow. */
	readonly hasDiskshadow: boolean;
	/** Ids of writers that are not asked to hold still, because something else protects their applications. */
	readonly excludedWriters?: readonly string[];
	readonly run?: RunCommand;
	/** For tests. */
	readonly system?: NodeJS.Platform;
};

const prefix = 'holdfast_';
const no = (reason: string): Protectable => ({ can: false, reason });

/** Values come in by the environment, and never as a part of the script. */
const scripts = {
	create: `$ErrorActionPreference = 'Stop'
$made = Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create -Arguments @{ Volume = $env:HOLDFAST_VOLUME; Context = 'ClientAccessible' }
if ($made.ReturnValue -eq 0) { Add-Content -LiteralPath $env:HOLDFAST_LOG -Value "$env:HOLDFAST_ALIAS $($made.ShadowID)" }
$copy = Get-CimInstance Win32_ShadowCopy | Where-Object ID -eq $made.ShadowID
ConvertTo-Json -Compress @{ value = $made.ReturnValue; id = $made.ShadowID; device = $copy.DeviceObject }`,
	list: `$ErrorActionPreference = 'Stop'
ConvertTo-Json -Compress @(Get-CimInstance Win32_ShadowCopy | ForEach-Object { $_.ID })`,
	remove: `$ErrorActionPreference = 'Stop'
Get-CimInstance Win32_ShadowCopy | Where-Object ID -eq $env:HOLDFAST_SHADOW | Remove-CimInstance`,
} as const;

export class VssProvider implements SnapshotProvider {
	readonly name = 'vss';
	readonly capabilities = {
		method: 'copy-on-write',
		isHardware: false,
		isTransportable: false,
		isReadOnly: true,
		survivesSourceLoss: false,
		maxSnapshotsPerVolume: 64,
		isSerialised: false,
		instant: 'volume',
		createMs: 180_000, // VSS bounds itself how long anybody stands still: writers have 60 s, writes on the volumes 10
	} as const;
	readonly #parts: VssParts;
	readonly #run: RunCommand;

	/** @throws `usage.invalid` for an excluded writer that is no id */
	constructor(parts: VssParts) {
		this.#parts = parts;
		this.#run = parts.run ?? runCommand;
		for (const id of parts.excludedWriters ?? [])
			if (!isGuid(id)) throw new EngineError('usage.invalid', `“${id}” is not the id of a VSS writer.`, { hint: 'See "vssadmin list writers".' });
	}

	async canProtect({ kind, mountPoint, isReadOnly }: Volume): Promise<Protectable> {
		if ((this.#parts.system ?? process.platform) !== 'win32') return no('this machine does not run Windows.');
		if (kind !== 'file-system' || mountPoint === null || !isWindowsVolume(mountPoint)) return no('it is no volume of Windows.');
		return isReadOnly ? no('it is read-only: a shadow copy could not keep what changes.') : { can: true };
	}

	isOneInstant(): boolean {
		return this.#parts.hasDiskshadow;
	}

	/** Applications that speak with VSS, and how they are. */
	async writers({ signal }: { readonly signal: AbortSignal }): Promise<readonly VssWriter[]> {
		return parseWriters((await this.#run('vssadmin.exe', ['list', 'writers'], { signal })).stdout);
	}

	async create(requests: readonly VolumeRequest[], { signal }: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]> {
		const planned = requests.map(({ lease }) => {
			const { mountPoint } = lease.volume;
			if (mountPoint === null || !isWindowsVolume(mountPoint)) throw new EngineError('snapshot.failed', `${lease.volume.id} is no volume of Windows.`);
			return { lease, mountPoint, alias: `${prefix}${safeLeaseId(lease.id)}` };
		});
		await mkdir(this.#parts.folder, { recursive: true, mode: 0o700 });
		const createdAt = Date.now();
		const copies = this.#parts.hasDiskshadow ? await this.#createSet(planned, signal) : await this.#createEach(planned, signal);
		return planned.map(({ lease, mountPoint, alias }) => {
			const copy = copies.get(alias);
			if (copy === undefined) throw new EngineError('snapshot.failed', `VSS does not say where the shadow copy of ${mountPoint} is.`);
			return {
				leaseId: lease.id,
				createdAt,
				views: [{ path: mountPoint, at: `${copy.device}\\` }],
				device: null,
				details: { shadowId: copy.id },
				notes: this.#parts.hasDiskshadow ? [] : [`Applications on ${mountPoint} did not hold still: this edition of Windows has no diskshadow.`],
			};
		});
	}

	/** Windows removes a shadow copy by itself when its storage runs full. */
	async verify(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
		const ids = await this.#idsOf(lease);
		const there = await this.#list(signal);
		if (ids.some((id) => there.has(id))) return;
		throw new EngineError('snapshot.failed', `The shadow copy of ${lease.volume.id} is gone: its storage ran full, or somebody removed it.`, {
			hint: 'Give the volume more shadow copy storage ("vssadmin resize shadowstorage").',
		});
	}

	async release(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
		safeLeaseId(lease.id);
		const ids = await this.#idsOf(lease);
		if (ids.length === 0) return;
		for (const id of ids) await this.#powershell('remove', { HOLDFAST_SHADOW: id }, signal);
		const there = await this.#list(signal);
		if (ids.some((id) => there.has(id)))
			throw new EngineError('snapshot.failed', `The shadow copy of ${lease.volume.id} could not be removed.`, { hint: 'See "vssadmin list shadows".' });
		for (const { name, made } of await this.#logs())
			if (![...made.values()].some((id) => there.has(id))) await rm(join(this.#parts.folder, name), { force: true });
	}

	async leases({ signal }: { readonly signal: AbortSignal }): Promise<readonly Lease[]> {
		const logs = await this.#logs();
		if (logs.length === 0) return [];
		const there = await this.#list(signal);
		const made = logs.flatMap((log) => [...log.made]).filter(([, id]) => there.has(id));
		return made.map(([id, shadowId]) => {
			const volume: Volume = { id: shadowId, kind: 'file-system', mountPoint: null, fileSystem: null, device: null, root: '/', isReadOnly: false };
			return { id, sessionId: '', provider: this.name, volume, takenAt: 0, details: { shadowId } };
		});
	}

	async #createSet(planned: readonly Planned[], signal: AbortSignal): Promise<ReadonlyMap<string, ShadowCopy>> {
		const [first] = planned;
		if (first === undefined) return new Map();
		const script = join(this.#parts.folder, `${first.lease.id}.dsh`);
		const log = join(this.#parts.folder, `${first.lease.id}.log`);
		const lines = [
			'set context persistent',
			`set metadata "${join(this.#parts.folder, `${first.lease.id}.cab`)}"`,
			...(this.#parts.excludedWriters ?? []).map((id) => `writer exclude ${id}`),
			'begin backup',
			...planned.map(({ mountPoint, alias }) => `add volume ${mountPoint} alias ${alias}`),
			'create', // and never "end backup": writers would take it that all was kept, and cut their logs, before anything is read
		];
		await writeFile(script, `${lines.join('\r\n')}\r\n`, { mode: 0o600 });
		try {
			const result = await this.#run('diskshadow.exe', ['/s', script, '/l', log], { signal });
			const aliases = planned.map(({ alias }) => alias);
			const copies = parseCreated(result.stdout, aliases);
			if (result.code === 0 && copies.size === planned.length) return copies;
			throw await this.#explain(failureOf(planned.map(({ mountPoint }) => mountPoint).join(' '), result), signal);
		} finally {
			for (const path of [script, script.replace(/dsh$/, 'cab')]) await rm(path, { force: true });
		}
	}

	async #createEach(planned: readonly Planned[], signal: AbortSignal): Promise<ReadonlyMap<string, ShadowCopy>> {
		const copies = new Map<string, ShadowCopy>();
		for (const { lease, mountPoint, alias } of planned) {
			const log = join(this.#parts.folder, `${lease.id}.log`);
			const answer = parseJson(await this.#powershell('create', { HOLDFAST_VOLUME: mountPoint, HOLDFAST_LOG: log, HOLDFAST_ALIAS: alias }, signal));
			const { value, id, device } = typeof answer === 'object' && answer !== null ? (answer as Partial<Record<string, unknown>>) : {};
			if (typeof value !== 'number') throw new EngineError('snapshot.failed', `PowerShell answered with something that tells nothing of ${mountPoint}.`);
			if (value !== 0) throw failureOfReturnValue(mountPoint, value);
			if (typeof id === 'string' && isGuid(id) && typeof device === 'string') copies.set(alias, { id, device });
		}
		return copies;
	}

	/** Names the applications that failed: VSS says only that one did. */
	async #explain(error: EngineError, signal: AbortSignal): Promise<EngineError> {
		if (error.code !== 'snapshot.writer') return error;
		const failed = (await this.writers({ signal }).catch(() => [])).filter(hasFailed);
		if (failed.length === 0) return error;
		const names = failed.map(({ name, lastError }) => `${name} (${lastError})`).join(', ');
		return new EngineError(error.code, `${error.message} ${names}.`, {
			hint: error.hint,
			data: { ...error.data, writers: failed.map(({ id }) => id) },
			cause: error.cause,
		});
	}

	/** What VSS was told to remember, and what it wrote down itself: a death between the two leaves the second. */
	async #idsOf({ id, details }: Lease): Promise<readonly string[]> {
		const { shadowId } = typeof details === 'object' && details !== null ? (details as { readonly shadowId?: unknown }) : {};
		const logged = (await this.#logs()).flatMap(({ made }) => made.get(id) ?? []);
		return [...new Set([...(typeof shadowId === 'string' && isGuid(shadowId) ? [shadowId] : []), ...logged].map((each) => each.toUpperCase()))];
	}

	async #logs(): Promise<readonly { readonly name: string; readonly made: ReadonlyMap<string, string> }[]> {
		const names = await readdir(this.#parts.folder).catch((error: unknown) => {
			if (systemErrorCode(error) === 'ENOENT') return [];
			throw error;
		});
		return Promise.all(
			names
				.filter((name) => name.endsWith('.log'))
				.map(async (name) => {
					const made = parseLog(await readFile(join(this.#parts.folder, name), 'utf8'), prefix);
					return { name, made: new Map([...made].map(([alias, id]) => [alias, id.toUpperCase()])) };
				}),
		);
	}

	/** In capitals. */
	async #list(signal: AbortSignal): Promise<ReadonlySet<string>> {
		const listed = parseJson(await this.#powershell('list', {}, signal));
		if (!Array.isArray(listed) && typeof listed !== 'string')
			throw new EngineError('snapshot.failed', 'PowerShell does not say which shadow copies there are.');
		const ids: readonly unknown[] = Array.isArray(listed) ? listed : [listed]; // one alone comes without brackets from old versions
		return new Set(ids.flatMap((id) => (typeof id === 'string' && isGuid(id) ? id.toUpperCase() : [])));
	}

	async #powershell(script: keyof typeof scripts, env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> {
		const result: CommandResult = await this.#run('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', scripts[script]], { signal, env });
		if (result.code === 0) return result.stdout;
		throw failureOf(env.HOLDFAST_VOLUME ?? 'The shadow copies of this machine', result);
	}
}

type Planned = { readonly lease: Lease; readonly mountPoint: string; readonly alias: string };

/** A drive, a folder that a volume is mounted in, or a volume by its id: nothing that diskshadow would read as more than one word. */
const isWindowsVolume = (path: string): boolean => /^([A-Z]:\\([^\s"%<>|*?/\p{Cc}]+\\?)?|\\\\\?\\Volume\{[0-9a-f-]{36}\}\\)$/iu.test(path);
