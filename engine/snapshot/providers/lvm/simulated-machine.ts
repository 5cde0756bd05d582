/** For tests only: a machine with LVM, as far as its programs tell. What they print is modelled on lvm2 2.03. */
import type { MountPoint } from '../../../platform/index.ts';
import type { CommandResult, RunCommand } from '../../command.ts';

const mib = 1024 * 1024;
const extent = 4 * mib;

type Simulated = {
	name: string;
	attributes: string;
	sizeBytes: number;
	tags: string[];
	origin: string;
	pool: string;
	percent: string;
	metadata: string;
	content: string;
};

const failed = (code: number, stderr: string): CommandResult => ({ code, stdout: '', stderr });
const done = (stdout = ''): CommandResult => ({ code: 0, stdout, stderr: '' });

export class SimulatedLvm {
	readonly volumes: Simulated[] = [];
	readonly mounted = new Map<string, { readonly device: string; readonly options: string }>();
	readonly commands: string[] = [];
	freeBytes = 10_240 * mib;
	/** Instead of the answer of a program. */
	readonly answers = new Map<string, CommandResult | 'hangs'>();

	add(name: string, more: Partial<Simulated> = {}): Simulated {
		const volume = { attributes: '-wi-ao----', sizeBytes: 1024 * mib, tags: [], origin: '', pool: '', percent: '', metadata: '', content: '', ...more, name };
		this.volumes.push(volume);
		return volume;
	}

	mounts = (): readonly MountPoint[] =>
		[...this.mounted].map(([mountPoint, { device }]) => ({ mountPoint, root: '/', fileSystem: 'ext4', device, readOnly: true, isLasting: true }));

	find(path: string): Simulated | undefined {
		return this.volumes.find(({ name }) => path === `vg0/${name}` || path === `/dev/vg0/${name}`);
	}

	readonly run: RunCommand = async (program, args, { signal }) => {
		signal.throwIfAborted();
		this.commands.push([program, ...args].join(' '));
		const answer = this.answers.get(program);
		if (answer === 'hangs') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
		if (answer !== undefined) return answer;
		if (program === 'lvs') return done(this.#report());
		if (program === 'lvcreate') return this.#create(args);
		if (program === 'lvremove') return this.#remove(args.at(-1) ?? '');
		if (program === 'mount') return this.#mount(args);
		if (program === 'umount') return this.mounted.delete(args.at(-1) ?? '') ? done() : failed(32, `umount: ${args.at(-1)}: not mounted.`);
		return failed(127, `${program}: command not found`);
	};

	#report(): string {
		const lv = this.volumes.map(({ name, attributes, sizeBytes, tags, origin, pool, percent, metadata }, i) => ({
			...{ lv_name: name, vg_name: 'vg0', lv_path: `/dev/vg0/${name}`, lv_dm_path: `/dev/mapper/vg0-${name.replaceAll('-', '--')}`, lv_attr: attributes },
			...{ lv_size: String(sizeBytes), lv_tags: tags.join(','), origin, pool_lv: pool, data_percent: percent, metadata_percent: metadata },
			...{ lv_kernel_minor: attributes[4] === 'a' ? String(i) : '-1', vg_free: String(this.freeBytes), vg_extent_size: String(extent) },
		}));
		return JSON.stringify({ report: [{ lv }] }, null, 4);
	}

	#create(args: readonly string[]): CommandResult {
		const value = (option: string): string | undefined => args[args.indexOf(option) + 1];
		const [name = '', origin = ''] = [value('--name'), args.at(-1)];
		const source = this.find(origin);
		if (source === undefined) return failed(5, `  Failed to find logical volume "${origin}"`);
		if (this.volumes.some((each) => each.name === name)) return failed(5, `  Logical Volume "${name}" already exists in volume group "vg0"`);
		const tags = args.flatMap((arg, i) => (args[i - 1] === '--addtag' ? [arg] : []));
		const isThin = source.attributes.startsWith('V');
		const sizeBytes = Number(value('--extents')) * extent;
		if (!isThin && !(sizeBytes <= this.freeBytes))
			return failed(5, `  Volume group "vg0" has insufficient free space (${this.freeBytes / extent} extents): ${sizeBytes / extent} required.`);
		if (!isThin) this.freeBytes -= sizeBytes;
		const kind = isThin ? { attributes: 'Vri-a-tz--', pool: source.pool, percent: '12.50' } : { attributes: 'sri-a-s---', percent: '0.01' };
		this.add(name, { ...kind, sizeBytes: isThin ? source.sizeBytes : sizeBytes, tags, origin: source.name, content: source.content });
		return done(`  Logical volume "${name}" created.\n`);
	}

	#remove(path: string): CommandResult {
		const found = this.find(path);
		if (found === undefined) return failed(5, `  Failed to find logical volume "${path}"`);
		if ([...this.mounted.values()].some(({ device }) => device === `/dev/${path}`)) return failed(5, `  Logical volume ${path} contains a filesystem in use.`);
		this.volumes.splice(this.volumes.indexOf(found), 1);
		if (found.attributes.startsWith('s')) this.freeBytes += found.sizeBytes;
		return done(`  Logical volume "${found.name}" successfully removed.\n`);
	}

	#mount(args: readonly string[]): CommandResult {
		const [device = '', target = ''] = args.slice(-2);
		if (this.find(device) === undefined) return failed(32, `mount: ${target}: special device ${device} does not exist.`);
		this.mounted.set(target, { device, options: args[3] ?? '' });
		return done();
	}
}
