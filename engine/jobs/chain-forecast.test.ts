import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastRuns } from './chain-forecast.ts';
import { planOutlook } from './outlook.ts';
import type { RetentionChain } from './retention.ts';
import { addJob, addRepository, documents, local, openJobSite, pictures, runToEnd } from './testing/job-site.ts';

const DAY_MS = 86_400_000;
const sundays = { cron: '0 0 * * 0', timeZone: 'UTC' };
const shapeOf = (chains: readonly RetentionChain[]) =>
	chains.map(({ method, files }) => [method, ...files.map(({ kind, pointIds }) => `${kind} ${pointIds.length}`)]);
const pathsOf = (chains: readonly RetentionChain[]) => chains.flatMap(({ files }) => files.map(({ path }) => path));

for (const settings of [
	{ method: 'forward', retainPoints: 3 },
	{ method: 'forward', differential: true, retainPoints: 2, activeFull: sundays },
	{ method: 'forward', retainPoints: 2, syntheticFull: sundays, gfs: { weekly: 2, monthly: 1, yearly: 0 } },
	{ method: 'forward', retainPoints: 1, retainDays: 3 },
	{ method: 'forever-forward', retainPoints: 4 },
	{ method: 'reverse', retainPoints: 3, retainDays: 5 },
] as const) {
	test(`what is foretold of a job with ${JSON.stringify(settings)} is what its runs do`, async (t) => {
		const site = await openJobSite(t);
		const job = await addJob(site, (await addRepository(site)).id, { ...settings, sources: [documents, pictures] });
		const present = async () => (await site.plane.list(local)).chains;
		const begin = site.clock.now();
		for (let i = 1; i <= 3; i++) {
			await site.clock.advance(DAY_MS);
			await runToEnd(site, job.id);
		}
		const times = Array.from({ length: 16 }, (_, i) => begin + (4 + i) * DAY_MS);
		const rules = { settings: job.settings, singleFile: false, keyId: null, fullBytes: null, incrementBytes: null };
		for (const expected of forecastRuns(await present(), rules, times)) {
			await site.clock.advance(DAY_MS);
			const before = await present();
			const { expiringFiles } = planOutlook(before, [job], { singleFile: false, encryptionKeyId: null }, site.clock.now());
			await runToEnd(site, job.id);
			const after = await present();
			assert.deepEqual(shapeOf(after), shapeOf(expected.chains), new Date(expected.at).toISOString());
			const left = new Set(pathsOf(after));
			assert.deepEqual(
				[...expiringFiles].sort(),
				pathsOf(before)
					.filter((path) => !left.has(path))
					.sort(),
				'what is said to go, goes',
			);
		}
	});
}
