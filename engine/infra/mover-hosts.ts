import { join } from 'node:path';
import { z } from 'zod';
import { type HostSettings, hostSettings } from '../contract/index.ts';
import { openPrivateList } from './private-list.ts';

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
	const { list, change } = await openPrivateList<HostSettings>(file, (found) => content.parse(found), {
		message: `The file ${file}, which names the hypervisor hosts of this machine, cannot be read.`,
		hint: 'Remove it: the backup server says again which hosts there are.',
	});
	return {
		list,
		remember: (host) =>
			change((hosts) => {
				const known = hosts.find(({ name }) => name === host.name);
				if (known?.uri === host.uri && known.type === host.type && known.scratchFolder === host.scratchFolder) return null;
				return [...hosts.filter((each) => each !== known), host];
			}),
		forgetAll: () => change((hosts) => (hosts.length === 0 ? null : [])),
	};
}
