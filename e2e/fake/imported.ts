/** What another installation left in the default repository of the made-up site. */
import type { Chain, ImportReport, Overview, Point } from '../../engine/contract/index.ts';
import { jobSettings } from '../../engine/contract/index.ts';
import { chainsOfJob, pointsOfJob } from './chains.ts';
import { historyOf } from './history.ts';
import type { SiteJob } from './site.ts';

const repositoryId = 'repo-main';
const old = (id: string, name: string, sizeGiB: number, paths: readonly string[]): SiteJob => ({
	id,
	settings: jobSettings.parse({
		name,
		sources: paths.map((path) => ({ kind: 'folder', path })),
		repositoryId,
		method: 'forever-forward',
		schedule: { cron: '0 2 * * *', timeZone: 'UTC' },
	}),
	temper: 'steady',
	sizeBytes: sizeGiB * 2 ** 30,
	isRunning: false,
});
const jobs = [
	old('old-web', 'Web server', 64, ['/srv/www', '/etc/nginx']),
	old('old-office', 'Office of the branch that was closed in the spring of last year', 310, ['/home/office/documents and correspondence']),
];

const strangers = jobs.map((job) => {
	const { id: jobId, settings } = job;
	const points = pointsOfJob({ jobId, settings, lastVerifiedAt: null, sessions: historyOf(job, Date.now() - 20 * 86_400_000, 12) }).map(
		(point): Point => ({ ...point, jobId: null, origin: 'elsewhere' }),
	);
	const chains = chainsOfJob({ jobId, settings, repository: 'Default repository', points }).map(
		(chain): Chain => ({ ...chain, jobId: null, origin: 'elsewhere', isCurrent: false, files: chain.files.map((file) => ({ ...file, expires: false })) }),
	);
	return { job, points, chains };
});
export const importedPoints: readonly Point[] = strangers.flatMap(({ points }) => points);
export const importedChains: readonly Chain[] = strangers.flatMap(({ chains }) => chains);

export const importedJobs: Overview['imported'] = strangers.map(({ job, points }) => ({
	originJobId: job.id,
	job: job.settings.name,
	origin: 'elsewhere',
	objectCount: job.settings.sources.length,
	pointCount: points.length,
	newestAt: points[0]?.createdAt ?? 0,
}));

export const importReportOf = (id: string, isLocked: boolean): ImportReport =>
	id !== repositoryId
		? { repositoryId: id, chains: [], problems: [] }
		: {
				repositoryId: id,
				chains: importedChains.map(({ id: chainId, job, origin, originJobId, object, method, files }, i) => ({
					id: chainId,
					job,
					origin,
					originJobId,
					object,
					method,
					isAdHoc: false,
					state: i === 1 ? 'rebuilt' : 'listed',
					isUnfinished: i === 2,
					fileCount: files.length,
					sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
					pointCount: files.length,
					restorableCount: files.length,
					oldestAt: files[0]?.createdAt ?? null,
					newestAt: files.at(-1)?.createdAt ?? null,
				})),
				problems: [
					...(isLocked
						? [
								{
									path: 'Payroll/payroll_20261103T020000000Z-77.hbk',
									reason: 'locked' as const,
									message: 'Payroll/payroll_20261103T020000000Z-77.hbk is encrypted, and this installation does not have its key.',
									hint: 'Unlock it with the password or the recovery key.',
								},
							]
						: []),
					{
						path: 'Web server/notes.hib',
						reason: 'foreign',
						message: 'Web server/notes.hib is not a backup file of Holdfast.',
						hint: 'Move it out of the repository folder.',
					},
					{
						path: 'Mail/mail_20260312T020000000Z-ab12.hib',
						reason: 'incomplete',
						message: 'The full of a chain of “Mail” is missing from Mail: 7 restore points in 7 files cannot be restored.',
						hint: 'Put the full (.hbk) back beside them, then import again.',
					},
				],
			};
