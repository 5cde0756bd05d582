import type { WriterFactory } from '../writer.ts';
import { guestScriptWriters, type RunInGuest } from './guest-script.ts';
import { mariadbWriters } from './mariadb/writer.ts';
import { postgresqlWriters } from './postgresql/writer.ts';
import { scriptWriters } from './script.ts';
import { sqliteWriters } from './sqlite.ts';
import { sshWriters } from './ssh.ts';

/** Virtual machines, as writers need them. */
export type GuestSite = { readonly writers: WriterFactory; readonly runInGuest: RunInGuest };

/** All kinds of writers that there are. @param folder for what they keep on its way to a point */
export const allWriters = (folder: string, guests: GuestSite): readonly WriterFactory[] => [
	postgresqlWriters(folder),
	mariadbWriters,
	sqliteWriters,
	scriptWriters,
	sshWriters,
	guests.writers,
	guestScriptWriters(guests.runInGuest),
];
