/**
 * PostgreSQL's low-level backup API ("Making a Base Backup Using the Low Level API" in its manual): between start and stop the files may be copied in
 * any order and at any time, for what changed meanwhile is in the WAL.
 */
import type { Client } from 'pg';
import { EngineError } from '../../../base/index.ts';
import { withoutPassword } from '../without-password.ts';
import { findPassword } from './password-file.ts';
import type { WalRange } from './wal.ts';

export type Cluster = {
	readonly version: string;
	readonly dataDirectory: string;
	/** Where tablespaces outside of the data directory lie. */
	readonly tablespaces: readonly string[];
	/** Settings that lie elsewhere, as Debian has them. */
	readonly configurationFiles: readonly string[];
};

/** What has to be in the copy so that a server starts from it. */
export type BackupEnd = {
	/** Content of `backup_label`. */
	readonly label: string;
	/** Content of `tablespace_map`; empty where there are no tablespaces. */
	readonly tablespaceMap: string;
	readonly wal: WalRange;
};

/** A statement may wait for a checkpoint; longer than this it waits for something else. */
const statementTimeoutMs = 10 * 60_000;
const connectTimeoutMs = 15_000;

/** One session on the server. The backup belongs to it: when it ends, however it ends, the server gives the backup up by itself. */
export class OnlineBackup implements AsyncDisposable {
	readonly #client: Client;
	readonly #target: string;
	/** What broke the connection while nobody asked anything of it. */
	#lost: Error | undefined;
	#hasNewNames: boolean | undefined;

	private constructor(client: Client, target: string) {
		this.#client = client;
		this.#target = target;
		client.on('error', (error) => {
			this.#lost = error;
		});
	}

	/**
	 * @param target a connection URI (postgresql://user@host/database), or the folder of the server's socket
	 * @throws EngineError `snapshot.writer`
	 */
	static async connect(target: string): Promise<OnlineBackup> {
		const options = target.startsWith('/') ? { host: target, user: 'postgres', database: 'postgres' } : { connectionString: target };
		const { Client } = await import('pg'); // most engines never need it
		const client = new Client({
			...options,
			application_name: 'holdfast',
			connectionTimeoutMillis: connectTimeoutMs,
			query_timeout: statementTimeoutMs,
		});
		// an option of the constructor would be overruled by an address, though that says none
		if (withoutPassword(target) === target) Object.assign(client, { password: () => passwordFor(client) });
		const backup = new OnlineBackup(client, target);
		try {
			await client.connect();
		} catch (error) {
			throw backup.#failed('does not answer', error);
		}
		return backup;
	}

	async cluster(): Promise<Cluster> {
		const [row] = await this.#ask<{ version: string; directory: string; files: string[] }>(
			`SELECT current_setting('server_version') AS version, current_setting('data_directory') AS directory,
			ARRAY[current_setting('config_file'), current_setting('hba_file'), current_setting('ident_file')] AS files`,
		);
		const spaces = await this.#ask<{ path: string }>(`SELECT pg_tablespace_location(oid) AS path FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''`);
		const dataDirectory = row?.directory ?? '';
		return {
			version: row?.version ?? '',
			dataDirectory,
			tablespaces: spaces.map(({ path }) => path),
			configurationFiles: (row?.files ?? []).filter((path) => path !== '' && !path.startsWith(`${dataDirectory}/`)),
		};
	}

	/** From here on files may be copied. Waits for a checkpoint; nobody else waits. */
	async start(label: string, signal: AbortSignal): Promise<void> {
		using _end = this.#endOn(signal);
		await this.#keepWal();
		const isRenamed = await this.#isRenamed();
		await this.#ask(isRenamed ? 'SELECT pg_backup_start($1, true)' : 'SELECT pg_start_backup($1, true, false)', [label]);
	}

	/** After the last file was copied. All WAL that the copy needs is in files when this resolves. */
	async stop(signal: AbortSignal): Promise<BackupEnd> {
		using _end = this.#endOn(signal);
		const isRenamed = await this.#isRenamed();
		const [end] = await this.#ask<{ lsn: string; label: string; spaces: string | null; size: string }>(
			`SELECT lsn::text, labelfile AS label, spcmapfile AS spaces, (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS size
			FROM ${isRenamed ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)'}`,
		);
		const firstSegment = /^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)/m.exec(end?.label ?? '')?.[1];
		if (!end || !firstSegment) throw this.#failed('answered pg_backup_stop with a label that names no WAL');
		const wal = { firstSegment, endPosition: end.lsn, segmentBytes: Number(end.size) };
		return { label: end.label, tablespaceMap: end.spaces ?? '', wal };
	}

	/** Gives up what was started and was not stopped. */
	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client.end().catch(() => undefined); // the session is over either way
	}

	/**
	 * Holds back the removal of WAL that the copy needs until it is in the copy; the slot goes with the session. Without the right to make one the segments are looked at
	 * again when they are copied, and the backup fails if one is gone.
	 */
	async #keepWal(): Promise<void> {
		const name = `holdfast_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
		await this.#client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [name]).catch(() => undefined); // see above
	}

	/** A statement that waits is only ended with its session. */
	#endOn(signal: AbortSignal): Disposable {
		signal.throwIfAborted();
		const onAbort = (): void => void this[Symbol.asyncDispose]();
		signal.addEventListener('abort', onAbort, { once: true });
		return { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) };
	}

	/** Version 15 gave the functions new names. */
	async #isRenamed(): Promise<boolean> {
		if (this.#hasNewNames === undefined) {
			const [row] = await this.#ask<{ version: string }>(`SELECT current_setting('server_version_num') AS version`);
			this.#hasNewNames = Number(row?.version) >= 150_000;
		}
		return this.#hasNewNames;
	}

	async #ask<Row>(statement: string, values: readonly unknown[] = []): Promise<Row[]> {
		if (this.#lost) throw this.#failed('closed the connection', this.#lost);
		try {
			return (await this.#client.query(statement, [...values])).rows as Row[];
		} catch (error) {
			throw this.#failed('refused', error);
		}
	}

	#failed(what: string, cause?: unknown): EngineError {
		const reason = cause instanceof Error ? `: ${cause.message}` : '';
		return new EngineError('snapshot.writer', `PostgreSQL at ${withoutPassword(this.#target)} ${what}${reason}`, {
			hint: 'The user needs to be a superuser or to have EXECUTE on pg_backup_start and pg_backup_stop and the role pg_read_all_settings. A password belongs into ~/.pgpass of the user that Holdfast runs as.',
			cause,
		});
	}
}

/** Asked only by a server that wants one. Empty: none is known, and the server says so. */
const passwordFor = async ({ host, port, database = '', user = '' }: Client): Promise<string> => (await findPassword({ host, port, database, user })) ?? '';
