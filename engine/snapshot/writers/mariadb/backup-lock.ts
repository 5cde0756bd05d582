/**
 * Holds a MariaDB or MySQL server at a state that a snapshot of all its files at one instant can be started from: no commit is half in the binary log, no
 * table definition half changed, nothing of the tables without transactions unwritten. InnoDB is put right from its own log at the next start.
 */
import type { Connection } from 'mysql2/promise';
import { EngineError } from '../../../base/index.ts';
import { readCredentials, type ServerAddress } from './server-address.ts';

/** `BACKUP STAGE` ("BACKUP STAGE" in MariaDB's manual, since 10.4.1) waits for less than a global lock. */
const stages = {
	prepare: ['BACKUP STAGE START'],
	freeze: ['BACKUP STAGE FLUSH', 'BACKUP STAGE BLOCK_DDL', 'BACKUP STAGE BLOCK_COMMIT'],
	thaw: ['BACKUP STAGE END'],
} as const;
const globalLock = { prepare: [], freeze: ['FLUSH TABLES WITH READ LOCK'], thaw: ['UNLOCK TABLES'] } as const;
const connectTimeoutMs = 15_000;

export type DatabaseServer = {
	readonly version: string;
	/** Every folder that has to be in the snapshot; absolute. */
	readonly folders: readonly string[];
};

/** One session on the server. All locks belong to it: when it ends, however it ends, the server lets go of them by itself. */
export class BackupLock implements AsyncDisposable {
	readonly server: DatabaseServer;
	readonly #connection: Connection;
	readonly #target: string;
	readonly #statements: typeof stages | typeof globalLock;

	private constructor(connection: Connection, target: string, server: DatabaseServer) {
		this.#connection = connection;
		this.#target = target;
		this.server = server;
		this.#statements = hasBackupStages(server.version) ? stages : globalLock;
	}

	/** @throws EngineError `snapshot.writer` */
	static async connect(address: ServerAddress): Promise<BackupLock> {
		const { target, place } = address;
		const credentials = await readCredentials(address);
		try {
			const { createConnection } = await import('mysql2/promise'); // most engines never need it
			const connection = await createConnection({ ...place, ...credentials, connectTimeout: connectTimeoutMs });
			connection.on('error', () => undefined); // the next statement says so
			return new BackupLock(connection, target, await describe(connection));
		} catch (error) {
			throw failed(target, 'does not answer', error);
		}
	}

	/** Nobody waits yet. */
	prepare(signal: AbortSignal): Promise<void> {
		return this.#run('prepare', signal);
	}

	/** Commits wait until `thaw`. First waits itself, for statements that are under way. */
	freeze(signal: AbortSignal): Promise<void> {
		return this.#run('freeze', signal);
	}

	thaw(signal: AbortSignal): Promise<void> {
		return this.#run('thaw', signal);
	}

	/** Lets go of everything. */
	async [Symbol.asyncDispose](): Promise<void> {
		this.#connection.destroy();
	}

	async #run(stage: keyof typeof stages, signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		const aborted = Promise.withResolvers<never>();
		// A statement that waits can only be ended with its session, and then never answers. The server lets go of the locks as well.
		const onAbort = (): void => {
			this.#connection.destroy();
			aborted.reject(signal.reason);
		};
		signal.addEventListener('abort', onAbort, { once: true });
		try {
			for (const statement of this.#statements[stage]) await Promise.race([this.#connection.query(statement), aborted.promise]);
		} catch (error) {
			signal.throwIfAborted();
			throw failed(this.#target, `refused to ${stage}`, error);
		} finally {
			signal.removeEventListener('abort', onAbort);
		}
	}
}

/** @param version as the server says it, for instance 10.11.19-MariaDB-0+deb12u1 */
export function hasBackupStages(version: string): boolean {
	const [, major = '0', minor = '0', patch = '0'] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
	const number = Number(major) * 1e6 + Number(minor) * 1e3 + Number(patch);
	return version.includes('MariaDB') && number >= 10_004_001;
}

async function describe(connection: Connection): Promise<DatabaseServer> {
	const [rows] = await connection.query(
		'SELECT VERSION() AS version, @@datadir AS data, @@innodb_data_home_dir AS tables, @@innodb_log_group_home_dir AS log, @@log_bin_basename AS log_bin',
	);
	const row = (rows as Record<string, string | null>[])[0] ?? {};
	const data = row.data ?? '';
	const binaryLog = row.log_bin ? row.log_bin.slice(0, row.log_bin.lastIndexOf('/')) : null;
	const folders = [data, row.tables, row.log, binaryLog]
		.filter((path): path is string => path?.startsWith('/') === true)
		.map((path) => path.replace(/\/+$/, ''));
	return { version: row.version ?? '', folders: [...new Set(folders)] };
}

function failed(target: string, what: string, cause: unknown): EngineError {
	const reason = cause instanceof Error ? cause.message : String(cause);
	return new EngineError('snapshot.writer', `The database server at ${target} ${what}: ${reason}`, {
		hint: 'The user needs the RELOAD privilege. A password belongs into an option file: ?option-file=/path behind the address.',
		cause,
	});
}
