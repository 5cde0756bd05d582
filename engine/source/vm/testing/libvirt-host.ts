/** For tests only: a libvirtd with real QEMU (TCG) that shares nothing with the machine's own but its file systems. */
import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** libvirtd keeps its state in fixed places: here these are folders of the test, in a mount namespace of its own. */
const script = `
set -e
root=$1
mount --make-rprivate /
for place in etc:/etc/libvirt lib:/var/lib/libvirt run:/run/libvirt cache:/var/cache/libvirt log:/var/log/libvirt; do
	mkdir -p "\${place#*:}"
	mount --bind "$root/\${place%%:*}" "\${place#*:}"
done
exec libvirtd --pid-file "$root/pid" --config "$root/etc/libvirtd.conf"
`;
/** What libvirtd found out about QEMU, which takes it seconds; it looks again when QEMU or itself is another. */
const cacheFolder = join(import.meta.dirname, '..', '..', '..', '..', 'node_modules', '.cache', 'libvirt');
const qemuSettings = `
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
remember_owner = 0
`;

export type MachineDefinition = {
	/** By the names of disks. */
	readonly disks: Readonly<Record<string, string>>;
	/** Elements for its place in the definition. */
	readonly head?: string;
	readonly os?: string;
	readonly more?: string;
	readonly memoryMiB?: number;
};

export class LibvirtHost implements AsyncDisposable {
	/** For images and sockets. */
	readonly folder: string;
	readonly uri: string;
	readonly #child: ReturnType<typeof spawn>;
	/** What QEMU calls the disks of machines. */
	readonly #aliases = new Map<string, string>();

	private constructor(folder: string, child: ReturnType<typeof spawn>) {
		this.folder = folder;
		this.uri = `qemu:///system?socket=${folder}/sock/libvirt-sock`;
		this.#child = child;
	}

	/** @param account as whom machines run; `libvirt-qemu` is what Debian has */
	static async start(account = 'root'): Promise<LibvirtHost> {
		const folder = mkdtempSync(join(tmpdir(), 'hf-virt-'));
		chmodSync(folder, 0o755);
		for (const name of ['etc', 'lib', 'run', 'log', 'sock']) mkdirSync(join(folder, name));
		mkdirSync(cacheFolder, { recursive: true });
		symlinkSync(cacheFolder, join(folder, 'cache'));
		writeFileSync(join(folder, 'etc', 'qemu.conf'), qemuSettings.replaceAll(`"root"`, `"${account}"`));
		writeFileSync(join(folder, 'etc', 'libvirtd.conf'), `unix_sock_dir = "${folder}/sock"\nauth_unix_rw = "none"\nlog_outputs = "4:stderr"\n`);
		const child = spawn('unshare', ['--mount', 'bash', '-c', script, 'libvirtd', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
		let errors = '';
		child.stderr.on('data', (piece) => {
			errors += piece;
		});
		const host = new LibvirtHost(folder, child);
		while (!existsSync(join(folder, 'sock', 'libvirt-sock'))) {
			if (child.exitCode !== null) throw new Error(`libvirtd did not start: ${errors.slice(-2000)}`);
			await sleep(20);
		}
		return host;
	}

	async virsh(...args: string[]): Promise<string> {
		return (await run('virsh', ['--connect', this.uri, '--quiet', ...args])).stdout;
	}

	/** A machine without an operating system, which starts in half a second. A disk is as large as its size says, and of the format qcow2 unless that follows: `32M raw`. */
	async define(name: string, { disks, more = '', head = '', os = '', memoryMiB = 64 }: MachineDefinition): Promise<void> {
		const images = [];
		for (const [disk, size] of Object.entries(disks)) {
			const [length = '', format = 'qcow2'] = size.split(' ');
			const path = join(this.folder, `${name}-${disk}.${format}`);
			await run('qemu-img', ['create', '-q', '-f', format, path, length]);
			images.push(`<disk type='file' device='disk'><driver name='qemu' type='${format}'/><source file='${path}'/><target dev='${disk}' bus='virtio'/></disk>`);
		}
		const definition = join(this.folder, `${name}.xml`);
		writeFileSync(
			definition,
			`<domain type='qemu'><name>${name}</name>${head}<memory unit='MiB'>${memoryMiB}</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type>${os}</os>
			<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${images.join('')}${more}</devices></domain>`,
		);
		await this.virsh('define', definition);
	}

	/** Fills `count` MiB of a disk of a running machine with a byte, from `at` MiB on, as the machine itself would. */
	async write(name: string, disk: string, byte: number, at: number, count: number): Promise<void> {
		const key = `${name}/${disk}`;
		const alias = this.#aliases.get(key) ?? new RegExp(`<target dev='${disk}'[^]*?<alias name='([^']+)'`).exec(await this.virsh('dumpxml', name))?.[1] ?? '';
		this.#aliases.set(key, alias);
		const command = `qemu-io -d /machine/peripheral/${alias}/virtio-backend "write -f -P ${byte} ${at}M ${count}M"`;
		// Errors come back as text.
		const answer = await this.virsh('qemu-monitor-command', name, '--hmp', command);
		if (answer.trim() !== '') throw new Error(answer);
	}

	/** The power fails. */
	async kill(name: string): Promise<void> {
		const pid = Number(readFileSync(join(this.folder, 'run', 'qemu', `${name}.pid`), 'utf8'));
		process.kill(pid, 'SIGKILL');
		while ((await this.virsh('domstate', name)).trim() !== 'shut off') await sleep(20);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const name of (await this.virsh('list', '--name')).split('\n').filter(Boolean)) await this.virsh('destroy', name);
		const ended = new Promise((resolve) => this.#child.once('close', resolve));
		this.#child.kill('SIGTERM');
		await ended;
		rmSync(this.folder, { recursive: true, force: true });
	}
}
