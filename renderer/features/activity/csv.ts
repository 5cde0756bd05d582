import type { SessionListItem } from '../../../engine/contract/index.ts';

/** RFC 4180; a cell that a spreadsheet would take for a formula gets an apostrophe in front. */
function cell(value: string | number | null): string {
	if (value === null) return '';
	if (typeof value === 'number') return String(value);
	const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
	return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

const columns: readonly { readonly title: string; readonly value: (session: SessionListItem) => string | number | null }[] = [
	{ title: 'id', value: (session) => session.id },
	{ title: 'title', value: (session) => session.title },
	{ title: 'kind', value: (session) => session.kind },
	{ title: 'trigger', value: (session) => session.trigger },
	{ title: 'state', value: (session) => session.state },
	{ title: 'queuedAt', value: (session) => time(session.queuedAt) },
	{ title: 'startedAt', value: (session) => time(session.startedAt) },
	{ title: 'endedAt', value: (session) => time(session.endedAt) },
	{ title: 'durationMs', value: (session) => (session.startedAt !== null && session.endedAt !== null ? session.endedAt - session.startedAt : null) },
	{ title: 'readBytes', value: (session) => session.counters.readBytes },
	{ title: 'transferredBytes', value: (session) => session.counters.transferredBytes },
	{ title: 'storedBytes', value: (session) => session.counters.storedBytes },
	{ title: 'warnings', value: (session) => session.counters.warningCount },
	{ title: 'bottleneck', value: (session) => session.bottleneck?.stage ?? null },
	{ title: 'errorCode', value: (session) => session.error?.code ?? null },
	{ title: 'error', value: (session) => session.error?.message ?? null },
];

export function sessionsCsv(sessions: Iterable<SessionListItem>): string {
	const lines = [columns.map(({ title }) => title).join(',')];
	for (const session of sessions) lines.push(columns.map(({ value }) => cell(value(session))).join(','));
	return `${lines.join('\r\n')}\r\n`;
}
