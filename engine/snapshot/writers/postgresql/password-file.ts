/** Passwords of PostgreSQL, where its own programs look for them ("The Password File" in its manual). */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readPrivateFile } from '../private-file.ts';

/** Whom one signs in as, and where: a host's name, or the folder of a socket. */
export type SignIn = { readonly host: string; readonly port: number; readonly database: string; readonly user: string };

/** Null: no line fits. @throws `snapshot.writer` when others may read the file */
export async function findPassword(signIn: SignIn): Promise<string | null> {
	const named = process.env.PGPASSFILE;
	const usual = process.platform === 'win32' ? join(process.env.APPDATA ?? homedir(), 'postgresql', 'pgpass.conf') : join(homedir(), '.pgpass');
	const content = await readPrivateFile(named ?? usual, { isNamed: named !== undefined });
	return content === null ? null : passwordIn(content, signIn);
}

/** The first line that fits decides. `host:port:database:user:password`; `*` fits all; a backslash takes the meaning of `:` and of itself away. */
export function passwordIn(content: string, { host, port, database, user }: SignIn): string | null {
	const wanted = [host.startsWith('/') ? ['localhost', host] : [host], [String(port)], [database], [user]];
	for (const line of content.split(/\r?\n/)) {
		if (line.startsWith('#')) continue;
		const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = '']) => field.replace(/\\(.)/g, '$1'));
		if (fields.length < 5) continue;
		if (wanted.every((values, i) => fields[i] === '*' || values.includes(fields[i] ?? ''))) return fields[4] ?? '';
	}
	return null;
}
