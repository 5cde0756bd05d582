/** What is wrong with a job before it is saved, per field and in words. */
import { EngineError, isEngineError } from '../base/index.ts';
import {
	type DraftProblems,
	databaseFacts,
	type ErrorCode,
	entityName,
	hostOfMachine,
	type JobDraft,
	type JobSettings,
	jobSettings,
	parseMachinePath,
	type RepositoryLocation,
	type RepositorySettings,
	type SourceSpec,
} from '../contract/index.ts';
import { isInside, lookAtSource, realPathOf, type SourceFacts } from '../infra/index.ts';
import { parseSchedule, refuseConflicts, severalReaders, sourceKey } from '../jobs/index.ts';
import { databaseRules, lookForDatabases, refuseOtherGuestWriter, sampleGuestWriter } from '../source/index.ts';
import type { ApiParts } from './parts.ts';

type Findings = { readonly errors: Map<string, EngineError>; readonly warnings: Map<string, string> };

/** Checks the fields that the draft has; what is not there yet is no error. `saved`: the job as it was before, whose sources may be away for a while. */
export async function checkJobDraft(
	parts: Pick<ApiParts, 'config' | 'clock' | 'heldKeys' | 'snapshots' | 'machines' | 'offHost'>,
	draft: JobDraft,
	saved?: JobSettings,
): Promise<Findings> {
	const findings: Findings = { errors: new Map(), warnings: new Map() };
	checkShape(draft, findings);
	await checkName(parts, draft, findings);
	const repository = await checkRepository(parts, draft, findings);
	const { encryptionKeyId } = draft;
	if (encryptionKeyId) attempt(findings, 'encryptionKeyId', () => void parts.heldKeys.get(encryptionKeyId));
	await checkSources(parts, draft, repository, saved, findings);
	checkReading(parts, draft, findings);
	await checkEfi(parts, draft, findings);
	await checkOffHost(parts, draft, repository, findings);
	if (repository?.singleFile) await checkReaders(parts, draft, findings);
	for (const field of ['schedule', 'activeFull', 'syntheticFull'] as const) {
		const value = draft[field];
		if (value) attempt(findings, field, () => void parseSchedule(value, parts.clock.now()));
	}
	const { method = 'forward', differential = false, syntheticFull = null, gfs = null } = draft;
	for (const part of [{ differential }, { syntheticFull }, { gfs }]) {
		const [field] = Object.keys(part);
		attempt(findings, field ?? 'method', () => refuseConflicts({ method, differential: false, syntheticFull: null, gfs: null, ...part }, null));
	}
	if (gfs !== null && method === 'forward' && !draft.activeFull && !syntheticFull)
		findings.warnings.set('gfs', 'Without a schedule for fulls, a full is made only when the chain is renewed: weeks and months may have none to keep.');
	if (draft.enabled === false && draft.schedule) findings.warnings.set('enabled', 'The job is switched off: its schedule does not start it.');
	return findings;
}

function checkReading({ snapshots }: Pick<ApiParts, 'snapshots'>, draft: JobDraft, findings: Findings): void {
	const { snapshot, sources = [], writers = [], guestWriters = [], quiesce, requireConsistent } = draft;
	if (snapshot !== undefined) attempt(findings, 'snapshot', () => snapshots.refuseUnknownMode(snapshot));
	for (const [i, spec] of writers.entries()) attempt(findings, `writers.${i}`, () => void snapshots.writer(spec));
	for (const [i, spec] of guestWriters.entries())
		attempt(findings, `guestWriters.${i}`, () => {
			refuseOtherGuestWriter(spec);
			snapshots.writer(sampleGuestWriter(spec));
		});
	const kinds = new Set(sources.map(({ kind }) => (kind === 'vm' ? 'vm' : 'other')));
	if (guestWriters.length > 0 && quiesce === 'crash')
		report(
			findings,
			'guestWriters',
			'usage.conflict',
			'Guests are not spoken with where nobody is asked to hold still.',
			'Choose another way to be consistent.',
		);
	if (guestWriters.length > 0 && sources.length > 0 && !kinds.has('vm'))
		findings.warnings.set('guestWriters', 'The job protects no virtual machines: there are no guests in which something could hold still.');
	if (writers.length > 0 && sources.length > 0 && !kinds.has('other'))
		findings.warnings.set('writers', 'They are asked for folders and disks only. For virtual machines, name applications in their guests (--guest-writer).');
	if (requireConsistent && quiesce === 'crash')
		report(findings, 'requireConsistent', 'usage.conflict', 'A job that requires consistency cannot be crash-consistent.', 'Choose one of the two.');
	if (requireConsistent && snapshot === 'none')
		report(findings, 'requireConsistent', 'usage.conflict', 'What is read live is not consistent.', 'Choose a snapshot, or do not require consistency.');
	if (writers.length > 0 && snapshot === 'none')
		findings.warnings.set('writers', 'Applications hold still for a snapshot only: reading live, they are not asked to.');
}

/** Of another machine its own data mover tells, when the job starts. */
async function checkEfi({ snapshots }: Pick<ApiParts, 'snapshots'>, { snapshot, sources, machineId }: JobDraft, findings: Findings): Promise<void> {
	if (snapshot === undefined || sources === undefined || machineId) return;
	try {
		await snapshots.refuseEfi(sources, snapshot);
	} catch (error) {
		if (!isEngineError(error)) throw error;
		report(findings, String(error.data?.field ?? 'snapshot'), error.code, error.message, error.hint);
	}
}

async function checkOffHost({ offHost }: Pick<ApiParts, 'offHost'>, draft: JobDraft, repository: RepositoryLocation | null, findings: Findings): Promise<void> {
	const { mode = 'on-host', proxyId = null, sources = [], snapshot = 'auto', machineId = null } = draft;
	if (mode === 'on-host') {
		if (proxyId === null) return;
		report(
			findings,
			'proxyId',
			'usage.conflict',
			'On-host the machine that holds the sources reads them: a proxy does so off-host only.',
			'Choose the mode off-host, or no proxy.',
		);
		return;
	}
	if (snapshot === 'none') {
		report(findings, 'snapshot', 'usage.conflict', 'Off-host a snapshot is read, and the job wants none.', 'Choose the snapshot auto, or the mode on-host.');
		return;
	}
	if (findings.errors.has('snapshot')) return;
	for (const { code, message, hint, data } of await offHost.problems({ sources, snapshot, machineId, proxyId, repository }))
		report(findings, data?.field === 'proxy' ? 'proxyId' : String(data?.field ?? 'mode'), code, message, hint);
}

/** VAL-26, for whoever asks: it goes through folders, which saving need not wait for. Of another machine the run says it. */
export async function warnOfDatabases({ sources = [], writers = [], databases = {}, machineId }: JobDraft, { warnings }: Findings): Promise<void> {
	if (machineId) return;
	const rules = databaseRules(databases, writers);
	for (const [i, { kind: sourceKind, path: root }] of sources.entries()) {
		const field = `sources.${i}.path`;
		if (sourceKind !== 'folder' || warnings.has(field)) continue;
		for (const { kind, path } of await lookForDatabases(root)) {
			const { title, caution, writer } = databaseFacts[kind];
			const rule = rules[kind];
			if (rule === undefined || rule.isChosen || caution === null) continue;
			const held = writer === null ? '' : ` An application of the kind ${writer}, which holds still, is better.`;
			const done = rule.choice === 'exclude' ? 'is excluded' : 'is included although nobody holds it still';
			warnings.set(field, `${path} has a database of ${title}. It ${done}. ${caution}${held}`);
			break;
		}
	}
}

/** Throws the first error: for saving. */
export function refuseErrors({ errors }: Findings): void {
	const [first] = errors.values();
	if (first !== undefined) throw first;
}

const wordsOf = ({ message, hint }: EngineError): string => [message, hint].filter(Boolean).join(' ');
export const toDraftProblems = ({ errors, warnings }: Findings): DraftProblems => ({
	errors: Object.fromEntries([...errors].map(([field, error]) => [field, wordsOf(error)])),
	warnings: Object.fromEntries(warnings),
});

function report({ errors }: Findings, field: string, code: ErrorCode, message: string, hint?: string): void {
	if (!errors.has(field)) errors.set(field, new EngineError(code, message, { hint, data: { field } }));
}

function attempt(findings: Findings, field: string, work: () => void): void {
	try {
		work();
	} catch (error) {
		if (!isEngineError(error)) throw error;
		report(findings, field, error.code, error.message, error.hint);
	}
}

/** A draft need not be complete, so that the wizard can ask step by step; but what is there has the shape of the settings. */
function checkShape({ id: _, ...fields }: JobDraft, findings: Findings): void {
	const parsed = jobSettings.partial().safeParse(fields);
	for (const issue of parsed.error?.issues ?? []) report(findings, issue.path.join('.'), 'usage.invalid', issue.message);
	if (fields.sources?.length === 0) report(findings, 'sources', 'usage.invalid', 'Choose at least one folder or disk.');
}

async function checkName({ config }: Pick<ApiParts, 'config'>, { id, name }: JobDraft, findings: Findings): Promise<void> {
	const parsed = entityName.safeParse(name);
	if (name === undefined || !parsed.success) return;
	const other = await config.jobs.findByName(parsed.data);
	if (other !== undefined && other.id !== id)
		report(findings, 'name', 'exists.name', `A job named “${other.settings.name}” exists already.`, 'Choose another name.');
}

async function checkRepository({ config }: Pick<ApiParts, 'config'>, { repositoryId }: JobDraft, findings: Findings): Promise<RepositorySettings | null> {
	if (repositoryId === undefined) return null;
	const repository = await config.repositories.find(repositoryId);
	if (repository !== undefined) return repository.settings;
	report(findings, 'repositoryId', 'not-found.repository', `There is no repository ${repositoryId}.`, 'Choose one of the list, or add it first.');
	return null;
}

/** A chain of all objects is written by one run, which one machine reads. */
async function checkReaders({ config }: Pick<ApiParts, 'config'>, { sources = [], machineId = null }: JobDraft, findings: Findings): Promise<void> {
	const hosts = (await config.hosts.list()).map(({ settings }) => settings);
	const readers = new Set(sources.map(({ kind, path }) => (kind === 'vm' ? (hostOfMachine(hosts, path)?.machineId ?? null) : machineId)));
	if (readers.size < 2) return;
	const { code, message, hint } = severalReaders();
	report(findings, 'sources', code, message, hint);
}

/** The host must be known; a machine may come later, and a host may be away for a while. */
async function checkMachine({ config }: Pick<ApiParts, 'config'>, path: string, isSaved: boolean, field: string, findings: Findings): Promise<void> {
	const { host } = parseMachinePath(path);
	if (isSaved || (await config.hosts.findByName(host)) !== undefined) return;
	report(findings, field, 'not-found.host', `There is no hypervisor host “${host}”.`, 'Add it first: "holdfast host add".');
}

async function checkSources(
	parts: Pick<ApiParts, 'config' | 'machines'>,
	{ sources = [], machineId = null }: JobDraft,
	repository: RepositoryLocation | null,
	saved: JobSettings | undefined,
	findings: Findings,
): Promise<void> {
	const before = new Set(saved?.machineId === machineId ? saved.sources.map(sourceKey) : []);
	const seen = new Map<string, number>();
	const realPaths: (string | null)[] = [];
	const look = async (source: SourceSpec): Promise<SourceFacts> =>
		machineId === null ? lookAtSource(source) : parts.machines.lookAtSource(machineId, source, {});
	const isBeside = repository !== null && repository.machineId === machineId;
	const repositoryPath = !isBeside
		? null
		: machineId === null
			? await realPathOf(repository.path)
			: ((await look({ kind: 'folder', path: repository.path }).catch(() => null))?.realPath ?? repository.path); // who cannot be asked is said below
	for (const [i, source] of sources.entries()) {
		const field = `sources.${i}.path`;
		const key = sourceKey(source);
		realPaths.push(null);
		if (seen.has(key)) {
			report(findings, field, 'usage.conflict', `${source.path} is in the list twice.`, 'Remove one of the two.');
			continue;
		}
		seen.set(key, i);
		if (source.kind === 'vm') {
			if (machineId !== null)
				report(
					findings,
					field,
					'usage.conflict',
					`${source.path} is a virtual machine of a host, and is read by the backup server.`,
					'Protect it with a job of its own.',
				);
			else await checkMachine(parts, source.path, before.has(key), field, findings);
			continue;
		}
		const facts = await look(source).catch((error: unknown): SourceFacts | null => {
			if (!isEngineError(error)) throw error;
			if (before.has(key)) findings.warnings.set(field, error.message);
			else report(findings, machineId === null ? field : 'machineId', error.code, error.message, error.hint);
			return null;
		});
		if (facts === null) continue;
		const { problem, realPath } = facts;
		if (problem !== null && before.has(key)) findings.warnings.set(field, problem.message);
		else if (problem !== null) report(findings, field, problem.code, problem.message, problem.hint);
		if (realPath === null) continue;
		realPaths[i] = realPath;
		if (repositoryPath !== null) compareWithRepository(source, realPath, repositoryPath, field, findings);
	}
	warnOfNesting(sources, realPaths, findings);
}

function compareWithRepository({ kind, path }: SourceSpec, realPath: string, repository: string, field: string, findings: Findings): void {
	if (isInside(realPath, repository)) {
		report(
			findings,
			field,
			'usage.conflict',
			`${path} lies inside the repository ${repository}: it would back up its own backup files.`,
			'Choose another source or another repository.',
		);
	} else if (kind === 'folder' && isInside(repository, realPath)) {
		findings.warnings.set(field, `The repository ${repository} lies inside ${path}. It is left out of the backup.`);
	}
}

function warnOfNesting(sources: readonly SourceSpec[], realPaths: readonly (string | null)[], findings: Findings): void {
	for (const [i, inner] of realPaths.entries()) {
		const outer = realPaths.findIndex(
			(path, j) => j !== i && path !== null && inner !== null && sources[j]?.kind === 'folder' && path !== inner && isInside(inner, path),
		);
		if (outer >= 0) findings.warnings.set(`sources.${i}.path`, `${sources[i]?.path} lies inside ${sources[outer]?.path} and is kept twice.`);
	}
}
