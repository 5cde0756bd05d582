import { join } from 'node:path';
import { z } from 'zod';
import type { VolumeSettingsStore } from '../snapshot/index.ts';
import { openPrivateList } from './private-list.ts';

const content = z.array(z.object({ id: z.string(), provider: z.string(), maxSnapshots: z.number().int().min(1).max(64) }));

/** What was chosen for the volumes of a machine that has no database: a file in the folder of its data mover. `data-folder.unusable` */
export async function openMoverVolumeSettings(folder: string): Promise<VolumeSettingsStore> {
	const file = join(folder, 'volumes.json');
	const { list, change } = await openPrivateList(file, (found) => content.parse(found), {
		message: `The file ${file}, in which it is written who makes snapshots of the volumes of this machine, cannot be read.`,
		hint: 'Remove it, and choose again with "holdfast volume set --on".',
	});
	return {
		all: async () => new Map((await list()).map(({ id, ...settings }) => [id, settings])),
		put: (id, settings) => change((volumes) => [...volumes.filter((each) => each.id !== id), { id, ...settings }]),
	};
}
