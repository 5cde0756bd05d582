/** Folders without end: every listing follows from its path, nothing is kept, so a folder of a million entries costs nothing until it is looked at. */
import type { BrowseEntry, BrowsePage, PlaceEntry } from '../../engine/contract/index.ts';
import { createRandom, hashOf } from './random.ts';

const topFolders = [
	'2023',
	'2024',
	'2025',
	'2026',
	'Accounts',
	'Clients',
	'Contracts',
	'Drafts',
	'Old laptop (Anna)',
	'Payroll',
	'Scans',
	'Templates',
	'Überweisungen',
];
const stems = ['Invoice', 'Offer', 'Minutes', 'Photo', 'Report', 'Budget', 'Letter', 'Plan', 'Notes', 'Statement', 'Receipt', 'Specification'];
const endings = ['pdf', 'pdf', 'docx', 'xlsx', 'txt', 'jpg', 'png', 'odt', 'csv', 'zip', 'md', 'json'];
const parent = (path: string): string | null => (path === '/' ? null : path.slice(0, path.lastIndexOf('/')) || '/');
const join = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`);

export const millionFolder = '/Scans/Everything';

function entryCount(path: string): { folders: number; files: number } {
	if (path === '/') return { folders: topFolders.length, files: 4 };
	if (path === millionFolder) return { folders: 0, files: 1_000_000 };
	const random = createRandom(`folder ${path}`);
	const depth = path.split('/').length;
	return { folders: depth > 5 ? 0 : random.int(0, Math.max(1, 9 - depth * 2)), files: random.int(2, 60) };
}

function entryAt(path: string, index: number, folders: number, changedAt: number): BrowseEntry {
	const random = createRandom(hashOf(path) ^ Math.imul(index + 1, 0x9e3779b1));
	const modifiedAt = changedAt - Math.floor(random.next() ** 2 * 900 * 86_400_000);
	const owner = random.pick(['root', 'anna', 'bert', 'dora']);
	if (index < folders) {
		const name =
			path === '/'
				? (topFolders[index] as string)
				: path === '/Scans' && index === 0
					? 'Everything'
					: `${random.pick(['Project', 'Customer', 'Week', 'Series', 'Room'])} ${String(index + 1).padStart(2, '0')}`;
		return { name, type: 'directory', sizeBytes: 0, modifiedAt, mode: 0o40755, owner, target: null };
	}
	const number = String(index - folders + 1).padStart(path === millionFolder ? 7 : 3, '0');
	if (path !== millionFolder && index % 23 === 22)
		return { name: `latest-${number}`, type: 'link', sizeBytes: 0, modifiedAt, mode: 0o120777, owner, target: `./${random.pick(stems)} ${number}` };
	const ending = random.pick(endings);
	return {
		name: path === millionFolder ? `scan-${number}.pdf` : `${random.pick(stems)} ${number}.${ending}`,
		type: 'file',
		sizeBytes: Math.floor(200 + random.next() ** 5 * 90_000_000),
		modifiedAt,
		mode: 0o100644,
		owner,
		target: null,
	};
}

export function browseFolder(path: string, offset: number, limit: number, changedAt: number): BrowsePage | null {
	const { folders, files } = path === '/Scans' ? { folders: 4, files: 12 } : entryCount(path);
	if (/\.[a-z]{2,4}$/.test(path)) return null;
	const total = folders + files;
	const count = Math.max(0, Math.min(limit, total - offset));
	return { path, total, entries: Array.from({ length: count }, (_, i) => entryAt(path, offset + i, folders, changedAt)) };
}

export function findEntry(path: string, changedAt: number): BrowseEntry | null {
	const folder = parent(path);
	if (folder === null) return { name: '', type: 'directory', sizeBytes: 0, modifiedAt: changedAt, mode: 0o40755, owner: 'root', target: null };
	const name = path.slice(path.lastIndexOf('/') + 1);
	const scan = folder === millionFolder ? /^scan-(\d{7})\.pdf$/.exec(name)?.[1] : undefined;
	if (scan !== undefined) return browseFolder(folder, Number(scan) - 1, 1, changedAt)?.entries[0] ?? null;
	return browseFolder(folder, 0, 5000, changedAt)?.entries.find((entry) => entry.name === name) ?? null;
}

const GiB = 2 ** 30;
const known: Record<string, readonly string[]> = {
	'/': ['backup', 'etc', 'home', 'mnt', 'opt', 'root', 'srv', 'usr', 'var'],
	'/srv': ['photos', 'shares', 'www'],
	'/srv/shares': ['finance', 'legal', 'marketing', 'public', 'research'],
	'/home': ['anna', 'bert', 'chidi', 'dora', 'emre'],
	'/var': ['backups', 'cache', 'lib', 'log', 'vmail', 'www'],
	'/var/lib': ['docker', 'libvirt', 'postgresql'],
	'/var/lib/libvirt': ['images'],
	'/mnt': ['design', 'nas-branch', 'vault'],
};
const images = ['web01.qcow2', 'web01-data.qcow2', 'lab.raw', 'mail.qcow2'];

export function listPlaces(path: string | null, now: number): { path: string | null; parent: string | null; entries: PlaceEntry[] } | null {
	const entry = (name: string, at: string, type: PlaceEntry['type'], rest: Partial<PlaceEntry> = {}): PlaceEntry => ({
		name,
		path: at,
		type,
		sizeBytes: null,
		freeBytes: null,
		modifiedAt: now - (hashOf(at) % 200) * 86_400_000,
		readable: true,
		...rest,
	});
	if (path === null)
		return {
			path: null,
			parent: null,
			entries: [
				entry('System', '/', 'volume', { sizeBytes: 480 * GiB, freeBytes: 213 * GiB }),
				entry('Data', '/srv', 'volume', { sizeBytes: 3600 * GiB, freeBytes: 900 * GiB }),
				entry('Home', '/home', 'volume', { sizeBytes: 900 * GiB, freeBytes: 120 * GiB }),
				entry('Backup', '/backup', 'volume', { sizeBytes: 8192 * GiB, freeBytes: 2750 * GiB }),
				entry('nvme0n1', '/dev/nvme0n1', 'block-device', { sizeBytes: 512 * GiB }),
				entry('sda', '/dev/sda', 'block-device', { sizeBytes: 4000 * GiB }),
				entry('vg0-build', '/dev/vg0/build', 'block-device', { sizeBytes: 120 * GiB }),
			],
		};
	if (!path.startsWith('/') || path.includes('nowhere') || path === '/mnt/design') return null;
	const random = createRandom(`place ${path}`);
	const folders =
		known[path] ??
		Array.from(
			{ length: path.split('/').length > 6 ? 0 : random.int(1, 14) },
			(_, i) => `${random.pick(['archive', 'client', 'drafts', 'export', 'project', 'team', 'year'])}-${String(i + 1).padStart(2, '0')}`,
		);
	const entries = folders.map((name) => entry(name, join(path, name), 'folder', { readable: name !== 'root' }));
	if (path === '/var/lib/libvirt/images')
		entries.splice(0, entries.length, ...images.map((name, i) => entry(name, join(path, name), 'disk-image', { sizeBytes: (20 + i * 40) * GiB })));
	else if (known[path] === undefined)
		for (let i = 0; i < random.int(2, 30); i++)
			entries.push(
				entry(`${random.pick(stems)} ${i + 1}.${random.pick(endings)}`, join(path, `file-${i}`), 'file', {
					sizeBytes: Math.floor(random.next() ** 4 * 40_000_000),
				}),
			);
	return { path, parent: parent(path), entries };
}
