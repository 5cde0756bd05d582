/** Where a server is reached, and how one signs in: never with a password that is kept with the job or seen in a list of processes. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { EngineError } from '../../../base/index.ts';
import { readPrivateFile } from '../private-file.ts';
import { withoutPassword } from '../without-password.ts';
import { parseOptionFile } from './option-file.ts';

export type ServerAddress = {
	/** As the job names it, and as it may be shown. */
	readonly target: string;
	readonly place: { readonly socketPath: string } | { readonly host: string; readonly port: number };
	/** Null: as the option file says, else root. */
	readonly user: string | null;
	/** Null: `~/.my.cnf`, if it is there. */
	readonly optionFile: string | null;
};

const usualPort = 3306;

const invalid = (message: string, hint: string): EngineError => new EngineError('usage.invalid', message, { hint, data: { field: 'writer' } });

/** `/path/of.sock`, or `mysql://user@host:port`, each with `?option-file=/path` or without. @throws `usage.invalid` */
export function parseServerAddress(target: string): ServerAddress {
	if (withoutPassword(target) !== target)
		throw invalid(
			'The password of the database would be kept in the settings of the job.',
			'Put it into an option file that only the user of Holdfast may read: mariadb:mysql://user@host?option-file=/etc/holdfast/db.cnf, with "[client]" and "password=…" in it.',
		);
	const [place = '', query = '', ...rest] = target.split('?');
	const options = new URLSearchParams(query);
	const optionFile = options.get('option-file');
	const unknown = [...options.keys()].find((key) => key !== 'option-file');
	if (unknown !== undefined || rest.length > 0)
		throw invalid(`“${unknown ?? rest.join('?')}” is no option of the writer mariadb.`, 'There is option-file=/path.');
	if (optionFile !== null && !isAbsolute(optionFile))
		throw invalid(`“${optionFile}” is not the whole path of an option file.`, 'Write the path from the root.');
	if (place.startsWith('/')) return { target, place: { socketPath: place }, user: null, optionFile };
	const url = /^mysql:\/\//.test(place) && URL.canParse(place) ? new URL(place) : null;
	if (url === null || url.hostname === '')
		throw invalid(
			`“${target}” is neither a socket nor an address of MariaDB or MySQL.`,
			'Say mariadb:/run/mysqld/mysqld.sock, or mariadb:mysql://user@host:3306.',
		);
	const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
	return { target, place: { host, port: Number(url.port || usualPort) }, user: url.username === '' ? null : decodeURIComponent(url.username), optionFile };
}

/**
 * What one signs in with. An option file is read each time, so that a password that was changed there holds at the next run.
 * @throws `snapshot.writer` when a file that was named is not there, or others may read it
 */
export async function readCredentials({ user, optionFile }: ServerAddress): Promise<{ readonly user: string; readonly password?: string }> {
	const content = await readPrivateFile(optionFile ?? join(homedir(), '.my.cnf'), { isNamed: optionFile !== null });
	const options = parseOptionFile(content ?? '');
	const password = options.get('password');
	return { user: user ?? options.get('user') ?? 'root', ...(password !== undefined && { password }) };
}
