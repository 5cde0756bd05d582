import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError, systemErrorCode } from '../base/index.ts';
import { type HostSettings, hostSettings } from '../contract/index.ts';
import { writePrivately } from './mover-folder.ts';

/**
 * Hypervisor hosts of a machine that has no database, in a file in the folder of its data mover: what was made on them can be undone there after a death, when
 * nobody has said yet which they are.
 */
export interface MoverHosts {
	/** By their names on the backup server. */
	list(): Promise<readonly HostSettings[]>;
	/** Durable when it resolves; takes the place of the one of that name. `data-folder.unusable` */
	remember(host: HostSettings): Promise<void>;
	/** Nothing on any of them has to be undone. */
	forgetAll(): Promise<void>;
}

const content = z.array(hostSettings);

/** @throws `data-folder.unusable` */
export async function openMoverHosts(folder: string): Promise<MoverHosts> {
	const file = join(folder, 'hosts.json');
	let hosts = await read(file);
	let writing: Promise<void> = Promise.resolve();
	const change = (make: () => readonly HostSettings[] | null): Promise<void> => {
		const done = writing.then(async () => {
			const next = make();
			if (next === null) return;
			await writePrivately(file, `${JSON.stringify(next, null, '\t')}\n`);
			hosts = next;
		});
		writing = done.catch(() => undefined); // said by who waits for it
		return done;
	};
	return {
		list: async () => hosts,
		remember: (host) =>
			change(() => {
				const known = hosts.find(({ name }) => name === host.name);
				if (known?.uri === host.uri && known.type === host.type && known.scratchFolder === host.scratchFolder) return null;
				return [...hosts.filter((each) => each !== known), host];
			}),
		forgetAll: () => change(() => (hosts.length === 0 ? null : [])),
	};
}

async function read(file: string): Promise<readonly HostSettings[]> {
	try {
		return content.parse(JSON.parse(await readFile(file, 'utf8')));
	} catch (cause) {
		if (systemErrorCode(cause) === 'ENOENT') return [];
		throw new EngineError('data-folder.unusable', `The file ${file}, which names the hypervisor hosts of this machine, cannot be read.`, {
			hint: 'Remove it: the backup server says again which hosts there are.',
			data: { path: file },
			cause,
		});
	}
}
