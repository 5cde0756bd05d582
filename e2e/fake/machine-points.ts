/** Restore points of virtual machines: what is in them, and what giving one back would do. */
import { EngineError } from '../../engine/base/index.ts';
import { type BrowsePage, type EngineApi, type MachinePlan, type Point, parseMachinePath, type RestoreVmInput } from '../../engine/contract/index.ts';

const GiB = 2 ** 30;
const disks = [
	{ name: 'vda', sizeBytes: 64 * GiB },
	{ name: 'vdb', sizeBytes: 512 * GiB },
];
const imageFolder = '/var/lib/libvirt/images';
/** Where images lie that belong to no machine. */
const usedFolder = '/srv';

export function browseMachine(createdAt: number): BrowsePage {
	const file = (name: string, sizeBytes: number): BrowsePage['entries'][number] => ({
		...{ name, sizeBytes, type: 'file', modifiedAt: createdAt, mode: 0o100600, owner: 'root', target: null },
	});
	const entries = [file('definition.xml', 4217), file('nvram', 540_672), ...disks.map(({ name, sizeBytes }) => file(`${name}.raw`, sizeBytes))];
	return { path: '/', total: entries.length, entries };
}

export async function planMachine({ object }: Point, input: RestoreVmInput, hosts: EngineApi['hosts']): Promise<MachinePlan> {
	const was = parseMachinePath(object.slice('vm:'.length));
	const hostName = input.host ?? was.host;
	const host = (await hosts.list({})).find(({ settings }) => settings.name === hostName);
	if (!host) throw new EngineError('not-found.host', `There is no hypervisor host “${hostName}”.`, { data: { field: 'host' } });
	if (host.settings.uri !== 'qemu:///system')
		throw new EngineError(
			'usage.unsupported',
			`Virtual machines cannot be given back to ${hostName} from here: ${host.settings.uri} leads to another machine.`,
			{
				hint: 'Restore the disks to files, or run Holdfast on that machine.',
				data: { field: 'host' },
			},
		);
	const machines = await hosts.machines({ id: host.id }, {});
	const name = input.name ?? was.name;
	if (machines.some((machine) => machine.name === name))
		throw new EngineError('exists.name', `There is a virtual machine “${name}” on ${hostName} already.`, {
			hint: 'Give the restored one another name (--name), or remove that one first: it is never overwritten.',
			data: { field: 'name' },
		});
	const folder = input.to ?? imageFolder;
	const file = (fileName: string) => ({ to: `${folder}/${fileName}`, isReplaced: folder === usedFolder });
	const images = disks.map((disk) => ({ ...disk, ...file(`${name}-${disk.name}.qcow2`) }));
	if (folder.includes('nowhere'))
		throw new EngineError('restore.target', `There is no folder ${folder}.`, {
			hint: 'Create it, or choose another one for the images (--to).',
			data: { field: 'to' },
		});
	if (folder === usedFolder && !input.overwrite)
		throw new EngineError('exists.target', `The file ${images[0]?.to} exists already.`, {
			hint: 'Choose another folder for the images (--to), or allow to replace it (--overwrite).',
			data: { field: 'overwrite' },
		});
	return {
		...{ host: hostName, name, formerName: was.name, isCopy: name !== was.name, disks: images, nvram: file(`${name}_VARS.fd`), missingDisks: ['vdc'] },
		savedState: 'none',
		folders: [{ path: folder, freeBytes: 900 * GiB }],
	};
}
