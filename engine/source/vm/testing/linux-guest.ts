/** For tests only: a small Linux with the guest agent that writes numbers to its disk, made of Debian's kernel, busybox and the agent. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LibvirtHost } from './libvirt-host.ts';

/** Where a kernel package was unpacked, or installed. */
const kernelRoots = ['/usr/local/share/holdfast-guest', '/'];
const modules = [
	'virtio/virtio_ring',
	'virtio/virtio',
	'virtio/virtio_pci_modern_dev',
	'virtio/virtio_pci_legacy_dev',
	'virtio/virtio_pci',
	'block/virtio_blk',
	'char/virtio_console',
];

/**
 * The number goes to one file, then to the other: at each instant they are equal, or the first is ahead by one. It rests in between, since an
 * emulated processor that never does takes a real one from whatever runs beside it.
 */
const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
${modules.map((name) => `insmod /lib/modules/${basename(name)}.ko`).join('\n')}
while [ ! -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 /dev/vda /mnt || exec poweroff -f
for port in /dev/vport*; do qemu-ga -m virtio-serial -p $port -t /run & done
echo booted >/dev/console
n=$(cat /mnt/second 2>/dev/null || echo 0)
while true; do
	n=$((n + 1))
	echo $n >/mnt/first.new && sync /mnt/first.new && mv /mnt/first.new /mnt/first && sync
	echo $n >/mnt/second.new && sync /mnt/second.new && mv /mnt/second.new /mnt/second && sync
	echo "number $n" >/dev/console
	sleep 0.2
done
`;

/** An application that holds still: what it leaves on the disk meanwhile is in each snapshot that was made then, and gone afterwards. */
const application = `#!/bin/sh
case "$1" in
	freeze) echo held >/mnt/held && sync ;;
	thaw) rm -f /mnt/held ;;
esac
echo "application $1" >/dev/console
`;

export type GuestFiles = { readonly kernel: string; readonly initrd: string };

/** Null: this machine has not what a guest is made of. */
export function findGuestParts(): { readonly kernel: string; readonly modules: string } | null {
	if (!['/bin/busybox', '/usr/sbin/qemu-ga'].every((path) => existsSync(path))) return null;
	for (const root of kernelRoots) {
		const [kernel] = globSync('boot/vmlinuz-*-cloud-amd64', { cwd: root });
		if (kernel !== undefined)
			return { kernel: join(root, kernel), modules: join(root, 'lib/modules', basename(kernel).slice('vmlinuz-'.length), 'kernel/drivers') };
	}
	return null;
}

export function buildGuest(folder: string, parts: NonNullable<ReturnType<typeof findGuestParts>>): GuestFiles {
	const root = join(folder, 'guest');
	for (const name of ['bin', 'proc', 'sys', 'dev', 'mnt', 'run', 'tmp', 'lib/modules']) mkdirSync(join(root, name), { recursive: true });
	copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
	copyFileSync('/usr/sbin/qemu-ga', join(root, 'bin/qemu-ga'));
	for (const [library] of execFileSync('ldd', ['/usr/sbin/qemu-ga'], { encoding: 'utf8' }).matchAll(/\/\S+/g)) {
		mkdirSync(join(root, dirname(library)), { recursive: true });
		copyFileSync(library, join(root, library));
	}
	for (const name of modules)
		if (existsSync(join(parts.modules, `${name}.ko`))) copyFileSync(join(parts.modules, `${name}.ko`), join(root, 'lib/modules', `${basename(name)}.ko`));
	writeFileSync(join(root, 'init'), init);
	writeFileSync(join(root, 'bin/application'), application);
	for (const name of ['init', 'bin/application']) chmodSync(join(root, name), 0o755);
	const initrd = join(folder, 'guest.cpio');
	execFileSync('sh', ['-c', `find . | busybox cpio -o -H newc > '${initrd}'`], { cwd: root, stdio: 'ignore' });
	rmSync(root, { recursive: true });
	return { kernel: parts.kernel, initrd };
}

/** Defines a machine that boots the guest from an ext4 disk `vda` of 64 MiB. */
export async function defineGuest(host: LibvirtHost, name: string, { kernel, initrd }: GuestFiles, { hasAgent = true } = {}): Promise<void> {
	const channel = `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`;
	await host.define(name, {
		disks: { vda: '64M' },
		memoryMiB: 192,
		os: `<kernel>${kernel}</kernel><initrd>${initrd}</initrd><cmdline>console=ttyS0 quiet panic=-1 mitigations=off</cmdline>`,
		more: `${hasAgent ? channel : ''}<serial type='file'><source path='${join(host.folder, `${name}.log`)}'/></serial>`,
	});
	const raw = join(host.folder, `${name}.raw`);
	execFileSync('truncate', ['-s', '64M', raw]);
	execFileSync('mkfs.ext4', ['-q', raw]);
	execFileSync('qemu-img', ['convert', '-O', 'qcow2', raw, join(host.folder, `${name}-vda.qcow2`)]);
	rmSync(raw);
}

/** Until the agent answers. */
export async function awaitAgent(host: LibvirtHost, name: string): Promise<void> {
	for (;;) {
		try {
			await host.virsh('qemu-agent-command', name, '{"execute":"guest-ping"}');
			return;
		} catch (error) {
			if ((await host.virsh('domstate', name)).trim() !== 'running') throw error;
			await sleep(1000); // each look starts processes that take as much as the guest does meanwhile
		}
	}
}
