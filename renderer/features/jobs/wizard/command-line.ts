import { type GfsCounts, gfsFlag, type JobSettings } from '../../../../engine/contract/index.ts';
import { emptyDraft } from './draft.ts';

/** As a POSIX shell wants it. */
const quote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

const gfsText = (gfs: GfsCounts): string =>
	gfsFlag.options
		.filter((flag) => gfs[flag] > 0)
		.map((flag) => `${flag}:${gfs[flag]}`)
		.join(',') || 'weekly:0';

/**
 * The command that does the same, one option per element. For a new job the defaults are left out; an edit names every
 * setting, because what is not named would stay as it was.
 */
export function commandLine({
	draft,
	makesKey = false,
	repositoryName,
	machineName = null,
	proxyName = null,
	serverTimeZone,
	editedName,
}: {
	readonly draft: JobSettings;
	/** A password of its own, which stands on no command line: the user puts it into a file. */
	readonly makesKey?: boolean;
	readonly repositoryName: string;
	/** Name or id of the machine that the sources lie on; null: that of the server. */
	readonly machineName?: string | null;
	/** Off-host: name or id of the machine that reads; null: it is chosen. */
	readonly proxyName?: string | null;
	readonly serverTimeZone: string;
	/** The name that the job has now; null for a new one. */
	readonly editedName: string | null;
}): string[] {
	const isEdit = editedName !== null;
	const parts = [`holdfast job ${isEdit ? 'edit' : 'add'} ${quote(editedName ?? draft.name)}`];
	const say = (option: string, value: string | number): void => void parts.push(`--${option} ${quote(String(value))}`);
	const sayUnlessDefault = (option: string, value: string | number, byDefault: string | number): void => {
		if (isEdit || value !== byDefault) say(option, value);
	};
	const sayOrTakeAway = (option: string, value: string | number | null): void => {
		if (value !== null) say(option, value);
		else if (isEdit) parts.push(`--no-${option}`);
	};
	if (isEdit && editedName !== draft.name) say('name', draft.name);
	for (const { kind, path } of draft.sources) say('source', `${kind}:${path}`);
	sayOrTakeAway('on', machineName);
	sayUnlessDefault('mode', draft.mode, emptyDraft.mode);
	if (draft.mode === 'off-host' && (isEdit || proxyName !== null)) say('proxy', proxyName ?? 'auto');
	say('repository', repositoryName);
	if (isEdit || draft.description !== '') say('description', draft.description);
	if (draft.exclude.length > 0) for (const glob of draft.exclude) say('exclude', glob);
	else if (isEdit) parts.push('--no-exclude');
	sayUnlessDefault('method', draft.method, emptyDraft.method);
	if (draft.differential) parts.push('--differential');
	else if (isEdit) parts.push('--no-differential');
	// Days alone would mean no other rule, so that points are named beside them even where they are the default.
	if (draft.retainDays !== null) say('retain', draft.retainPoints);
	else sayUnlessDefault('retain', draft.retainPoints, emptyDraft.retainPoints);
	sayOrTakeAway('retain-days', draft.retainDays);
	sayOrTakeAway('gfs', draft.gfs && gfsText(draft.gfs));
	if (makesKey) parts.push('--encrypt', '--password-file FILE');
	else if (draft.encryptionKeyId !== null) say('key', draft.encryptionKeyId);
	else if (isEdit) parts.push('--no-encrypt');
	sayUnlessDefault('compression', draft.compression, emptyDraft.compression);
	sayUnlessDefault('connections', draft.connections, emptyDraft.connections);
	if (draft.storeUnused) parts.push('--store-unused');
	else if (isEdit) parts.push('--no-store-unused');
	sayUnlessDefault('snapshot', draft.snapshot, emptyDraft.snapshot);
	sayUnlessDefault('quiesce', draft.quiesce, emptyDraft.quiesce);
	if (draft.requireConsistent) parts.push('--require-consistent');
	else if (isEdit) parts.push('--no-require-consistent');
	if (draft.writers.length > 0) for (const writer of draft.writers) say('writer', writer);
	else if (isEdit) parts.push('--no-writer');
	if (draft.guestWriters.length > 0) for (const writer of draft.guestWriters) say('guest-writer', writer);
	else if (isEdit) parts.push('--no-guest-writer');
	const databases = Object.entries(draft.databases);
	for (const [kind, choice] of databases) say('database', `${kind}=${choice}`);
	if (databases.length === 0 && isEdit) parts.push('--no-database');
	sayUnlessDefault('block-size', draft.blockSize, emptyDraft.blockSize);
	sayOrTakeAway('schedule', draft.schedule?.cron ?? null);
	sayOrTakeAway('active-full', draft.activeFull?.cron ?? null);
	sayOrTakeAway('synthetic-full', draft.syntheticFull?.cron ?? null);
	const timeZone = (draft.schedule ?? draft.activeFull ?? draft.syntheticFull)?.timeZone;
	if (timeZone !== undefined && timeZone !== serverTimeZone) say('time-zone', timeZone);
	sayUnlessDefault('retries', draft.retryCount, emptyDraft.retryCount);
	sayUnlessDefault('retry-wait', draft.retryWaitMs / 60_000, emptyDraft.retryWaitMs / 60_000);
	if (draft.recoveryPointObjectiveMs !== null) say('objective', draft.recoveryPointObjectiveMs / 3_600_000);
	if (!draft.enabled && !isEdit) parts.push('--disabled');
	return parts;
}
