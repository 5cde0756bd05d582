/** `KIND:SPEC` of a writer, taken apart for fields and put together again. What each kind accepts is the engine's to judge. */
export const writerKinds = ['script', 'postgresql', 'mariadb', 'sqlite'] as const;
/** In the guests of virtual machines. */
export const guestWriterKinds = ['agent', 'ssh'] as const;
export type WriterKind = (typeof writerKinds)[number] | (typeof guestWriterKinds)[number];
/** Of scripts it is said how long they may take, and which exit codes are fine. */
export const isScript = (kind: WriterKind): boolean => kind === 'script' || kind === 'agent' || kind === 'ssh';

export type WriterFields = {
	readonly kind: WriterKind;
	readonly place: string;
	/** Scripts only; null: as usual, 60. */
	readonly timeoutS: number | null;
	/** Scripts only: `0,3`; empty: 0 alone. */
	readonly accept: string;
};

export const writerLooks: Readonly<
	Record<WriterKind, { readonly title: string; readonly placeLabel: string; readonly placeholder: string; readonly usual: string; readonly does: string }>
> = {
	script: {
		title: 'Script',
		placeLabel: 'Script, by its whole path',
		placeholder: '/etc/holdfast/app.sh',
		usual: '',
		does: 'Called with “freeze” before the snapshot and with “thaw” after it, on the machine that is read. “thaw” may come more than once.',
	},
	agent: {
		title: 'Guest agent',
		placeLabel: 'Script, by its whole path in the guest',
		placeholder: '/etc/holdfast/app.sh',
		usual: '',
		does: 'The guest agent runs it with “freeze” before the snapshot and with “thaw” after it, in each machine of the job. Neither a network of the guest nor an account in it is needed; its agent has to allow guest-exec.',
	},
	ssh: {
		title: 'SSH',
		placeLabel: 'Account, and the whole path in the guest',
		placeholder: 'root@/etc/holdfast/app.sh?identity=/etc/holdfast/key',
		usual: '',
		does: 'Called at the address of each machine, with the key of the account that Holdfast runs as or the one named by identity=. The guest’s host key has to be known under the name of the machine.',
	},
	postgresql: {
		title: 'PostgreSQL',
		placeLabel: 'Folder of its socket, or its address',
		placeholder: '/var/run/postgresql',
		usual: '/var/run/postgresql',
		does: 'A low-level backup around the snapshot: the restored cluster starts. It needs all of its files at one instant, and refuses clones of files. A password is looked for in the password file of the account that Holdfast runs as.',
	},
	mariadb: {
		title: 'MariaDB or MySQL',
		placeLabel: 'Its socket, or its address',
		placeholder: '/run/mysqld/mysqld.sock',
		usual: '/run/mysqld/mysqld.sock',
		does: 'BACKUP STAGE, or read locks of MySQL, while the snapshot is made. A password is looked for in the option file of the account that Holdfast runs as.',
	},
	sqlite: {
		title: 'SQLite',
		placeLabel: 'Database file',
		placeholder: '/var/lib/app/app.db',
		usual: '',
		does: 'Holds a write transaction while the snapshot is made, so that database and log belong together.',
	},
};

export function writerText({ kind, place, timeoutS, accept }: WriterFields): string {
	const options = [...(timeoutS === null ? [] : [`timeout=${timeoutS}`]), ...(accept.trim() === '' ? [] : [`accept=${accept.replaceAll(/\s/g, '')}`])];
	return `${kind}:${place.trim()}${isScript(kind) && options.length > 0 ? `${place.includes('?') ? '&' : '?'}${options.join('&')}` : ''}`;
}

/** `Script`, `/etc/holdfast/app.sh`, `at most 30 s`; a kind that the console does not know is shown as it is written. */
export function writerParts(spec: string): { readonly title: string; readonly place: string; readonly note: string } {
	const colon = spec.indexOf(':');
	const kind = [...writerKinds, ...guestWriterKinds].find((each) => each === spec.slice(0, colon));
	if (kind === undefined) return { title: spec.slice(0, colon), place: spec.slice(colon + 1), note: '' };
	const rest = spec.slice(colon + 1);
	const mark = isScript(kind) ? rest.indexOf('?') : -1;
	if (mark < 0) return { title: writerLooks[kind].title, place: rest, note: isScript(kind) ? 'at most 60 s' : '' };
	const options = new URLSearchParams(rest.slice(mark + 1));
	const accept = options.get('accept');
	const note = [`at most ${options.get('timeout') ?? 60} s`, accept === null ? '' : `exit codes ${accept.replaceAll(',', ', ')} are fine`];
	return { title: writerLooks[kind].title, place: rest.slice(0, mark), note: note.filter(Boolean).join(', ') };
}
