import { EngineError } from '../../../base/index.ts';
import type { View } from '../../volume.ts';
import type { SnapshotWriter, WriterFactory, WriterIdentity, WriterOptions } from '../../writer.ts';
import { withoutPassword } from '../without-password.ts';
import { BackupLock } from './backup-lock.ts';

/**
 * MariaDB and MySQL: commits wait while the snapshot is made. InnoDB goes on writing what was committed before, and so its files belong together only where
 * the snapshot shows all of them at one instant. Nothing is left behind by a death: the locks belong to the session.
 */
export const mariadbWriters: WriterFactory = {
	kind: 'mariadb',
	usage: 'the socket of a server, e.g. /run/mysqld/mysqld.sock, or its address as mysql://user@host:port',
	open(target) {
		if (!/^(\/|mysql:\/\/)/.test(target))
			throw new EngineError('usage.invalid', `“${target}” is neither a socket nor an address of MariaDB or MySQL.`, {
				hint: 'Say mariadb:/run/mysqld/mysqld.sock, or mariadb:mysql://user@host:3306.',
				data: { field: 'writer' },
			});
		if (withoutPassword(target) !== target)
			throw new EngineError('usage.invalid', 'The password of the database would be kept in the settings of the job.', {
				hint: 'Let the user in by the socket (unix_socket or auth_socket), and say the path of the socket.',
				data: { field: 'writer' },
			});
		return new MariadbWriter(target);
	},
};

class MariadbWriter implements SnapshotWriter {
	readonly spec: string;
	readonly #target: string;
	#lock: BackupLock | undefined;

	constructor(target: string) {
		this.spec = `mariadb:${target}`;
		this.#target = target;
	}

	async identify(): Promise<WriterIdentity> {
		await using lock = await BackupLock.connect(this.#target);
		const { version, folders } = lock.server;
		return { title: `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${version} at ${this.#target}`, paths: folders, needsOneInstant: true };
	}

	async prepare({ signal }: WriterOptions): Promise<void> {
		this.#lock = await BackupLock.connect(this.#target);
		await this.#lock.prepare(signal);
	}

	async freeze({ signal }: WriterOptions): Promise<void> {
		await this.#lock?.freeze(signal);
	}

	async thaw({ signal }: WriterOptions): Promise<'held' | 'lost'> {
		if (!this.#lock) return 'lost';
		try {
			await this.#lock.thaw(signal);
			return 'held';
		} catch {
			await this.#release(); // A session that was lost let go of the locks, and one that is given up does so now.
			return 'lost';
		}
	}

	async postSnapshot(): Promise<readonly View[]> {
		return []; // a server rolls back at its start what was not committed
	}

	async end(): Promise<void> {
		await this.#release();
	}

	async #release(): Promise<void> {
		await this.#lock?.[Symbol.asyncDispose]();
		this.#lock = undefined;
	}
}
