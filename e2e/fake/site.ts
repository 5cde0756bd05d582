/** The made-up site that the fake engine protects: its jobs, repositories and how they behave. */
import { type JobSettings, jobSettings, type RepositorySettings, repositorySettings } from '../../engine/contract/index.ts';
import { createRandom } from './random.ts';

/** `rescued`: nothing but a repository that another installation filled. */
export type Scenario = 'normal' | 'empty' | 'error' | 'crowded' | 'rescued';
export const scenarios: readonly Scenario[] = ['normal', 'empty', 'error', 'crowded', 'rescued'];

/** How a job tends to end. `missing`: its source has been away for days. */
export type Temper = 'steady' | 'warns' | 'flaky' | 'missing' | 'never';
export type SiteJob = { readonly id: string; readonly settings: JobSettings; readonly temper: Temper; readonly sizeBytes: number; readonly isRunning: boolean };
export type SiteRepository = {
	readonly id: string;
	readonly settings: RepositorySettings;
	readonly capacityBytes: number;
	readonly usedBytes: number;
	readonly growthPerDay: number;
	readonly state: 'ready' | 'unreachable' | 'full';
};
export type Site = { readonly jobs: readonly SiteJob[]; readonly repositories: readonly SiteRepository[]; readonly historyDays: number };

const GiB = 2 ** 30;
const TiB = 2 ** 40;
export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const at = (cron: string): { cron: string; timeZone: string } => ({ cron, timeZone });

export const financeKeyId = '5e17f20c8b1d9a43';
export const vaultKeyId = '8c40be1177aa02d9';

function repository(
	id: string,
	name: string,
	path: string,
	{
		encryptionKeyId = null,
		machineId = null,
		gateway = 'fixed',
		mountServerId = null,
		...rest
	}: Omit<SiteRepository, 'id' | 'settings'> & Partial<Pick<RepositorySettings, 'encryptionKeyId' | 'machineId' | 'gateway' | 'mountServerId'>>,
): SiteRepository {
	return { id, settings: repositorySettings.parse({ name, path, machineId, gateway, mountServerId, encryptionKeyId }), ...rest };
}

type JobInput = Parameters<typeof jobSettings.parse>[0] & object;
const job = (id: string, temper: Temper, sizeGiB: number, settings: JobInput, isRunning = false): SiteJob => ({
	id,
	settings: jobSettings.parse(settings),
	temper,
	sizeBytes: Math.round(sizeGiB * GiB),
	isRunning,
});
const folder = (path: string): { kind: 'folder'; path: string } => ({ kind: 'folder', path });
const disk = (path: string): { kind: 'disk'; path: string } => ({ kind: 'disk', path });
const vm = (path: string): { kind: 'vm'; path: string } => ({ kind: 'vm', path });

const normal: Site = {
	historyDays: 34,
	repositories: [
		repository('repo-main', 'Default repository', '/backup', { capacityBytes: 8 * TiB, usedBytes: 5.31 * TiB, growthPerDay: 31 * GiB, state: 'ready' }),
		repository('repo-vault', 'Vault', '/mnt/vault/holdfast', {
			capacityBytes: 3.6 * TiB,
			usedBytes: 3.31 * TiB,
			growthPerDay: 19 * GiB,
			state: 'ready',
			encryptionKeyId: vaultKeyId,
			machineId: 'm-vault',
		}),
		repository('repo-nas', 'Branch office NAS', '/mnt/nas-branch/holdfast', {
			capacityBytes: 12 * TiB,
			usedBytes: 2.4 * TiB,
			growthPerDay: 0,
			state: 'unreachable',
			gateway: 'auto',
			mountServerId: 'm-branch',
		}),
	],
	jobs: [
		job('job-finance', 'steady', 412, {
			name: 'Finance share',
			description: 'Ledgers, payroll and the yearly statements.',
			sources: [folder('/srv/shares/finance')],
			exclude: ['*.tmp', '~$*'],
			repositoryId: 'repo-main',
			retainPoints: 30,
			retainDays: 30,
			gfs: { weekly: 4, monthly: 12, yearly: 3 },
			schedule: at('0 22 * * *'),
			syntheticFull: at('0 20 * * 6'),
			encryptionKeyId: financeKeyId,
		}),
		job('job-web', 'steady', 80, {
			name: 'Web server',
			sources: [disk('/var/lib/libvirt/images/web01.qcow2'), disk('/var/lib/libvirt/images/web01-data.qcow2')],
			repositoryId: 'repo-main',
			schedule: at('30 22 * * *'),
		}),
		job('job-home', 'warns', 655, {
			name: 'Home folders',
			sources: [folder('/home')],
			exclude: ['.cache', 'node_modules'],
			repositoryId: 'repo-vault',
			method: 'reverse',
			retainPoints: 21,
			schedule: at('15 23 * * *'),
		}),
		job(
			'job-mail',
			'steady',
			238,
			{
				name: 'Mail store',
				sources: [folder('/var/vmail')],
				repositoryId: 'repo-main',
				method: 'forever-forward',
				retainPoints: 48,
				schedule: at('0 */4 * * *'),
			},
			true,
		),
		job('job-design', 'missing', 1480, {
			name: 'Design archive',
			sources: [folder('/mnt/design/projects'), folder('/mnt/design/assets')],
			repositoryId: 'repo-vault',
			schedule: at('0 1 * * 1-5'),
		}),
		job('job-etc', 'steady', 0.21, {
			name: 'Configuration',
			sources: [folder('/etc'), folder('/usr/local/etc')],
			repositoryId: 'repo-main',
			retainPoints: 60,
			schedule: at('5 */6 * * *'),
		}),
		job('job-photos', 'flaky', 930, { name: 'Photo library', sources: [folder('/srv/photos')], repositoryId: 'repo-vault', schedule: at('0 3 * * *') }),
		job('job-db', 'steady', 54, {
			name: 'Database dumps',
			sources: [folder('/var/backups/postgresql')],
			repositoryId: 'repo-main',
			differential: true,
			retainPoints: 28,
			schedule: at('20 */6 * * *'),
		}),
		job('job-build', 'steady', 120, {
			name: 'Build server',
			sources: [disk('/dev/vg0/build')],
			repositoryId: 'repo-nas',
			schedule: at('0 4 * * *'),
			enabled: false,
		}),
		job('job-vms', 'steady', 96, {
			name: 'Production machines',
			sources: [vm('Rack 1/database'), vm('Rack 1/mail'), vm('Rack 1/web-*')],
			repositoryId: 'repo-main',
			mode: 'off-host',
			method: 'forever-forward',
			schedule: at('0 21 * * *'),
		}),
		job('job-lab', 'never', 64, { name: 'Lab machine', sources: [disk('/var/lib/libvirt/images/lab.raw')], repositoryId: 'repo-main' }),
	],
};

function crowded(): Site {
	const random = createRandom('crowded site');
	const places = [
		'Amsterdam',
		'Bergen',
		'Cádiz',
		'Dresden',
		'Espoo',
		'Firenze',
		'Ghent',
		'Hamburg',
		'Izmir',
		'Jena',
		'Kraków',
		'Leeds',
		'Malmö',
		'Nantes',
		'Oslo',
		'Porto',
		'Reims',
		'Split',
		'Turku',
		'Utrecht',
	];
	const kinds = [
		'file server',
		'mail',
		'accounting',
		'home folders',
		'web',
		'design',
		'archive',
		'point of sale',
		'telephony',
		'build',
		'wiki',
		'payroll',
		'warehouse',
		'scanner share',
		'monitoring',
		'directory',
		'print server',
		'CAD vault',
		'lab',
		'media',
		'time clock',
		'invoices',
		'contracts',
		'staging',
		'quality assurance and calibration records',
	];
	const repositories = Array.from({ length: 12 }, (_, i) =>
		repository(`repo-${i}`, i === 0 ? 'Default repository' : `Vault ${String(i).padStart(2, '0')}`, `/backup/vault-${i}`, {
			capacityBytes: random.int(8, 90) * TiB,
			usedBytes: random.int(3, 7) * TiB,
			growthPerDay: random.int(0, 60) * GiB,
			state: i === 7 ? 'unreachable' : 'ready',
		}),
	);
	const jobs = Array.from({ length: 500 }, (_, i): SiteJob => {
		const place = places[i % places.length] as string;
		const kind = kinds[Math.floor(i / places.length)] as string;
		const slug = `${place}-${kind}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
		const temper: Temper = random.chance(0.03)
			? 'missing'
			: random.chance(0.06)
				? 'flaky'
				: random.chance(0.08)
					? 'warns'
					: random.chance(0.02)
						? 'never'
						: 'steady';
		return job(
			`job-${i}`,
			temper,
			random.int(1, 2400),
			{
				name: `${place} ${kind}`,
				sources: random.chance(0.35) ? [disk(`/var/lib/libvirt/images/${slug}.qcow2`)] : [folder(`/srv/${slug}`)],
				repositoryId: `repo-${i % 12}`,
				retainPoints: random.pick([7, 14, 14, 21, 30]),
				schedule: temper === 'never' ? null : at(`${random.int(0, 59)} ${random.int(0, 23)} * * *`),
				enabled: !random.chance(0.04),
			},
			i % 61 === 3,
		);
	});
	return { jobs, repositories, historyDays: 20 };
}

export const siteOf = (scenario: Scenario): Site =>
	scenario === 'crowded'
		? crowded()
		: scenario === 'empty'
			? { jobs: [], repositories: [], historyDays: 0 }
			: scenario === 'rescued'
				? { jobs: [], repositories: normal.repositories.slice(0, 1), historyDays: 0 }
				: normal;
