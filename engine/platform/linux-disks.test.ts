import assert from 'node:assert/strict';
import test from 'node:test';
import { LinuxDisks, parseMountInfo, selectVolumes } from './linux-disks.ts';

const select = (lines: string): string[] =>
	selectVolumes(parseMountInfo(Buffer.from(lines, 'latin1'))).map(({ mountPoint, device }) => `${mountPoint} ${device}`);

test('volumes are real file systems, one line each however often they are mounted', () => {
	const lines = [
		'21 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw',
		'22 21 0:20 / /proc rw - proc proc rw',
		'23 21 0:21 / /dev rw - devtmpfs udev rw',
		'24 21 0:22 / /run rw - tmpfs tmpfs rw',
		'25 21 259:2 /var/lib/data /srv/data rw - ext4 /dev/nvme0n1p2 rw',
		'26 21 8:1 / /mnt/usb\\040disk\\134x rw,nosuid shared:7 master:2 - vfat /dev/sda1 rw',
		'27 21 7:0 / /snap/core ro - squashfs /dev/loop0 ro',
		'28 21 0:40 / /home/a/.cache/doc rw - fuse.portal portal rw',
		'29 21 0:41 / /mnt/fuse rw - fuse /dev/fuse rw',
		'30 21 0:42 / /mnt/nas rw - nfs4 nas:/export rw,vers=4.2',
		'31 21 0:43 /@home /home rw - btrfs /dev/sdb1 rw,subvol=/@home',
		'32 21 0:43 / /mnt/pool rw - btrfs /dev/sdb1 rw',
		'33 21 0:44 / /tank rw - zfs tank rw',
		'nonsense',
		'',
	];
	assert.deepEqual(select(lines.join('\n')), ['/ /dev/nvme0n1p2', '/mnt/usb disk\\x /dev/sda1', '/mnt/nas nas:/export', '/mnt/pool /dev/sdb1', '/tank tank']);
});

test('a mount that another one hides is not offered', () => {
	assert.deepEqual(select('1 0 8:1 / /mnt rw - ext4 /dev/sda1 rw\n2 1 8:2 / /mnt rw - xfs /dev/sdb1 rw'), ['/mnt /dev/sdb1']);
});

test('of a read-only and a writable mount the writable one is taken', () => {
	assert.deepEqual(select('1 0 8:1 / /a ro - ext4 /dev/sda1 rw\n2 1 8:1 /sub /a/longer rw - ext4 /dev/sda1 rw'), ['/a/longer /dev/sda1']);
	const [mount] = parseMountInfo(Buffer.from('1 0 8:1 / /a rw - ext4 /dev/sda1 ro,errors=remount-ro'));
	assert.equal(mount?.readOnly, true);
});

test('a mount point that is not UTF-8 keeps its bytes', () => {
	const [mount] = parseMountInfo(Buffer.from('1 0 8:1 / /mnt/\xff rw - ext4 /dev/sda1 rw', 'latin1'));
	assert.deepEqual(mount?.mountPoint, Buffer.from('/mnt/\xff', 'latin1'));
});

test('a remote volume that does not answer is left out, is asked once, and does not keep the others from being listed', async () => {
	const mounts = parseMountInfo(
		Buffer.from('1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / /mnt/dead rw - nfs4 nas:/dead rw\n3 1 0:10 / /mnt/nas rw - cifs //nas/b rw'),
	);
	const asked: string[] = [];
	const { promise: silence, resolve: answer } = Promise.withResolvers<null>();
	const disks = new LinuxDisks(
		() => mounts,
		async (mount) => {
			const mountPoint = mount.mountPoint.toString();
			asked.push(mountPoint);
			if (mountPoint === '/mnt/dead') await silence;
			return { mountPoint, fileSystem: mount.fileSystem, device: mount.device, sizeBytes: 2, freeBytes: 1, readOnly: false };
		},
		20,
	);
	const listed = async () => (await disks.volumes()).map(({ mountPoint }) => mountPoint);
	assert.deepEqual(await listed(), ['/']);
	assert.deepEqual(await listed(), ['/']);
	assert.deepEqual(asked, ['/', '/mnt/dead', '/']);
	answer(null);
	assert.deepEqual(await listed(), ['/', '/mnt/dead', '/mnt/nas'], 'the network is back');
});

test('a folder lies on what the kernel says of the device; of disks of a hypervisor it knows nothing, and shares are behind a network', () => {
	const devices = ['/dev/sda1', '/dev/nvme0n1p2', '/dev/mapper/vg-data', '/dev/vda1', '/dev/loop0', '/dev/sdz1'];
	const rotational: Readonly<Record<string, string>> = { sda1: '1', nvme0n1p2: '0', 'mapper/vg-data': '1', vda1: '1', loop0: '1' };
	const lines = [
		'1 0 8:1 / / rw - ext4 /dev/nvme0n1p2 rw',
		...devices.map((device, i) => `${i + 2} 1 9:${i} / /mnt/${i} rw - ext4 ${device} rw`),
		'20 1 0:9 / /nas rw - nfs4 nas:/export rw',
		'21 1 0:10 / /share rw - cifs //nas/b rw',
		'22 1 0:11 / /tank rw - zfs tank rw',
	];
	const mounts = parseMountInfo(Buffer.from(lines.join('\n')));
	const disks = new LinuxDisks(
		() => mounts,
		async () => null,
		20,
		(name) => rotational[name] ?? null,
	);
	assert.deepEqual(
		devices.map((_, i) => disks.mediumOf(`/mnt/${i}/backup`)),
		['rotating', 'flash', 'rotating', 'unknown', 'unknown', 'unknown'],
	);
	assert.deepEqual(
		['/nas', '/share/a', '/tank', '/', '/mnt', '/nasty'].map((folder) => disks.mediumOf(folder)),
		[...['network', 'network', 'unknown'], ...['flash', 'flash', 'flash']],
	);
});
