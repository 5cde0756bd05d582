import type { View } from '../../volume.ts';
import type { SnapshotWriter, WriterFactory, WriterIdentity, WriterOptions } from '../../writer.ts';
import { BackupLock } from './backup-lock.ts';
import { parseServerAddress, type ServerAddress } from './server-address.ts';

/**
 * MariaDB and MySQL: commits wait while the snapshot is made. InnoDB goes on writing what was committed before, and so its files belong together only where
 * the snapshot shows all of them at one instant. Nothing is left behind by a death: the locks belong to the session.
 */
export const mariadbWriters: WriterFactory = {
	kind: 'mariadb',
	usage: 'the socket of a server, e.g. /run/mysqld/mysqld.sock, or its address as mysql://user@host:port; with ?option-file=/path for a password',
	open: (target) => new MariadbWriter(parseServerAddress(target)),
};

class MariadbWriter implements SnapshotWriter {
	readonly spec: string;
	readonly #address: ServerAddress;
	#lock: BackupLock | undefined;

	constructor(address: ServerAddress) {
		this.spec = `mariadb:${address.target}`;
		this.#address = address;
	}

	async identify(): Promise<WriterIdentity> {
		await using lock = await BackupLock.connect(this.#address);
		const { version, folders } = lock.server;
		return { title: `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${version} at ${this.#address.target}`, paths: folders, needsOneInstant: true };
	}

	async prepare({ signal }: WriterOptions): Promise<void> {
		this.#lock = await BackupLock.connect(this.#address);
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
