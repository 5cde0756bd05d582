/** Databases that are recognised by their files, and what becomes of one that no writer of the job holds still. Only data: both faces show it. */
import { z } from 'zod';

export const databaseKinds = ['postgresql', 'mariadb', 'sqlite', 'sqlserver', 'exchange', 'oracle'] as const;
export const databaseKind = z.enum(databaseKinds);
export type DatabaseKind = z.infer<typeof databaseKind>;

export const databaseChoice = z.enum(['include', 'exclude']);
export type DatabaseChoice = z.infer<typeof databaseChoice>;

/** What a job says of kinds; of those that it does not name, the usual applies, and is said. */
export const databaseChoices = z.partialRecord(databaseKind, databaseChoice);
export type DatabaseChoices = z.infer<typeof databaseChoices>;

export type DatabaseFacts = {
	readonly title: string;
	/** Where the job says nothing of the kind (AOFO-06, AOFO-07). */
	readonly usual: DatabaseChoice;
	/** What an administrator should know when the usual was done; null: it recovers by itself from anything but a torn copy, and is only noted. */
	readonly caution: string | null;
	/** Kind of the writer that holds it still; null: there is none. */
	readonly writer: string | null;
};

const afterPowerCut = 'Restored, it recovers as after a power cut where all of it is of one instant, and may not start otherwise.';
const needsItsOwn = 'Nothing here can hold it still, and its files in a copy may be of no use: back it up by its own means.';

export const databaseFacts: Readonly<Record<DatabaseKind, DatabaseFacts>> = {
	postgresql: { title: 'PostgreSQL', usual: 'include', caution: afterPowerCut, writer: 'postgresql' },
	mariadb: { title: 'MariaDB or MySQL', usual: 'include', caution: afterPowerCut, writer: 'mariadb' },
	sqlite: { title: 'SQLite', usual: 'include', caution: null, writer: 'sqlite' },
	sqlserver: { title: 'Microsoft SQL Server', usual: 'exclude', caution: needsItsOwn, writer: null },
	exchange: { title: 'Microsoft Exchange', usual: 'exclude', caution: needsItsOwn, writer: null },
	oracle: { title: 'Oracle', usual: 'include', caution: 'If it is protected by its own means as well, exclude it here to avoid duplicates.', writer: null },
};
