import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError, systemErrorCode } from '../base/index.ts';
import { type LockPort, openDataFolder } from '../platform/index.ts';

const pem = z.string().startsWith('-----BEGIN ');
const membership = z.object({
	/** Under which the backup server knows this mover. */
	id: z.string().min(1),
	certificate: pem,
	key: pem,
	/** What certificates of the backup server and of its other movers are signed by. */
	authority: pem,
	serverId: z.string().min(1),
	serverName: z.string(),
	/** Folders that the backup server has told it to hold as repositories. */
	repositories: z.array(z.string()).default([]),
});
/** Whose mover this is, and what proves it. */
export type Membership = z.infer<typeof membership>;

/** All that a mover keeps. One process has it open. */
export interface MoverFolder extends AsyncDisposable {
	readonly path: string;
	/** Null before it is paired. */
	readonly membership: Membership | null;
	/** Durable when it resolves; only the owner may read it. */
	join(membership: Membership): Promise<void>;
	leave(): Promise<void>;
	/** What it proves itself with towards NBD servers, as files with the names that those know: of the present membership. @returns their folder */
	credentials(): Promise<string>;
}

const unusable = (path: string, why: string, cause?: unknown): EngineError =>
	new EngineError('data-folder.unusable', `The folder ${path} cannot be used by a data mover: ${why}.`, {
		hint: 'Choose a folder of its own with --data.',
		data: { path },
		cause,
	});

/** `busy.data-folder`, `data-folder.unusable`. */
export async function openMoverFolder(folder: string, locks: LockPort, now: number): Promise<MoverFolder> {
	await using stack = new AsyncDisposableStack();
	const { path, databasePath } = stack.use(await openDataFolder(folder, locks, now));
	if (existsSync(databasePath)) throw unusable(path, 'it is the data folder of a backup server');
	const file = join(path, 'mover.json');
	const certificates = join(path, 'certificates');
	let current = await readMembership(file);
	const held = stack.move();
	return {
		path,
		get membership() {
			return current;
		},
		async join(next) {
			await writePrivately(file, `${JSON.stringify(next, null, '\t')}\n`);
			current = next;
		},
		async leave() {
			await rm(certificates, { recursive: true, force: true });
			await rm(file, { force: true });
			current = null;
		},
		async credentials() {
			if (current === null) throw new EngineError('auth.refused', 'This data mover belongs to nobody any more.');
			await mkdir(certificates, { recursive: true, mode: 0o700 });
			await writePrivately(join(certificates, 'ca-cert.pem'), current.authority);
			await writePrivately(join(certificates, 'client-cert.pem'), current.certificate);
			await writePrivately(join(certificates, 'client-key.pem'), current.key);
			return certificates;
		},
		[Symbol.asyncDispose]: () => held.disposeAsync(),
	};
}

async function readMembership(file: string): Promise<Membership | null> {
	let text: string;
	try {
		text = await readFile(file, 'utf8');
	} catch (cause) {
		if (systemErrorCode(cause) === 'ENOENT') return null;
		throw unusable(file, `it cannot be read (${systemErrorCode(cause) ?? 'unknown reason'})`, cause);
	}
	try {
		return membership.parse(JSON.parse(text));
	} catch (cause) {
		throw new EngineError('data-folder.unusable', `The file ${file}, which holds the key of this data mover, is damaged.`, {
			hint: 'Remove it and pair the data mover again.',
			data: { path: file },
			cause,
		});
	}
}

/** Durable when it resolves; only the owner may read it. */
export async function writePrivately(file: string, text: string): Promise<void> {
	const temporary = `${file}.${randomBytes(4).toString('hex')}`;
	try {
		{
			await using handle = await open(temporary, 'wx', 0o600);
			await handle.writeFile(text);
			await handle.sync();
		}
		await rename(temporary, file);
		if (process.platform !== 'win32') {
			await using folder = await open(join(file, '..'), 'r');
			await folder.sync();
		}
	} catch (cause) {
		await rm(temporary, { force: true });
		throw unusable(file, `it cannot be written (${systemErrorCode(cause) ?? 'unknown reason'})`, cause);
	}
}
